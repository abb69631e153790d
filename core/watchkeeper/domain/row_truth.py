"""Three-valued logic over the rows of a table: where something is true, where false, and nowhere both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .table import Categories, Column, Table, missing

Masks: TypeAlias = "tuple[NDArray[np.bool_], NDArray[np.bool_]]"
"""(n,) where it is true, (n,) where it is false; a row in neither lacks what would tell."""
Truth: TypeAlias = "Callable[[Table], Masks]"
Number: TypeAlias = "Callable[[Table], NDArray[np.float64] | np.float64]"
"""(n,) or one number for all rows; NaN where it is missing."""

COMPARISONS: Final[dict[str, Any]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ARITHMETIC: Final[dict[str, Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "min": np.minimum,
    "max": np.maximum,
}


def compared(left: Number, holds: Any, right: Number) -> Truth:
    """Whether the two compare so; neither true nor false where one of them is missing."""

    def truth(rows: Table) -> Masks:
        first, second = np.broadcast_arrays(left(rows), right(rows), np.empty(len(rows)))[:2]
        known = ~np.isnan(first) & ~np.isnan(second)
        found = holds(first, second)
        return known & found, known & ~found

    return truth


def holds_texts(column: Column) -> bool:
    """Whether a column's values are texts, as categories or one by one."""
    return isinstance(column, Categories) or column.dtype.kind == "O"


def has_text(column: str, text: str) -> Truth:
    """Whether the column's value is this text; a number's is how it is written."""

    def truth(rows: Table) -> Masks:
        return _equal(rows[column], text)

    return truth


def _equal(column: Column, text: str) -> Masks:
    known = ~missing(column)
    if isinstance(column, Categories):
        code = column.labels.index(text) if text in column.labels else len(column.labels)
        found = column.codes == code
    elif column.dtype.kind == "O":
        found = np.fromiter((item == text for item in column), dtype=np.bool_, count=len(column))
    else:
        found = np.array([_written(item) == text for item in column.tolist()], dtype=np.bool_)
    return known & found, known & ~found


def _written(item: object) -> str:
    """A number as a category of it is called: ``3`` and not ``3.0``."""
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


def is_missing(column: str) -> Truth:
    """Whether nothing is there."""

    def truth(rows: Table) -> Masks:
        gone = missing(rows[column])
        return gone, ~gone

    return truth


def all_of(truths: Sequence[Truth]) -> Truth:
    """Their ``and``."""

    def truth(rows: Table) -> Masks:
        masks = [part(rows) for part in truths]
        return reduce(np.logical_and, [mask[0] for mask in masks]), reduce(np.logical_or, [mask[1] for mask in masks])

    return truth


def any_of(truths: Sequence[Truth]) -> Truth:
    """Their ``or``."""

    def truth(rows: Table) -> Masks:
        masks = [part(rows) for part in truths]
        return reduce(np.logical_or, [mask[0] for mask in masks]), reduce(np.logical_and, [mask[1] for mask in masks])

    return truth


def opposite(truth: Truth) -> Truth:
    """Its ``not``; what is neither stays neither."""

    def negated(rows: Table) -> Masks:
        true, false = truth(rows)
        return false, true

    return negated


def arithmetic(sign: str, numbers: Sequence[Number]) -> Number:
    """``+ - * /``, ``min``, ``max``, ``abs`` or ``negative`` of numbers; a division by zero is missing."""

    def number(rows: Table) -> NDArray[np.float64] | np.float64:
        values: list[Any] = [part(rows) for part in numbers]
        with np.errstate(all="ignore"):
            if sign == "abs":
                return np.asarray(np.abs(values[0]))
            if sign == "negative":
                return np.asarray(np.negative(values[0]))
            if sign == "/":
                values[1] = np.where(values[1] == 0.0, np.nan, values[1])
            return np.asarray(reduce(_ARITHMETIC[sign], values))

    return number
