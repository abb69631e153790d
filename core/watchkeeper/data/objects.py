"""Python objects, as lists and object columns hold them, become one column of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Column

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MISSING: Final = "a missing value"
_SORTS: Final[dict[str, tuple[type, ...]]] = {
    "text": (str,),
    "true or false": (bool, np.bool_),
    "a whole number": (int, np.integer),
    "a number": (float, np.floating, Decimal),
    "a time": (datetime, date, np.datetime64),
}
"""What a cell can be; order matters, because a bool is an int and a datetime is a date."""
_NUMBERS: Final = {"a whole number", "a number"}
_PANDAS_MISSING: Final = frozenset({"NAType", "NaTType"})
"""By name, because nothing here imports pandas."""


def column_of_objects(values: Sequence[Any] | NDArray[np.object_], name: str, what: str) -> Column:
    """The objects as one column: numbers, true/false, text or times, with None, NaN and NaT as missing.

    O(n). All missing is float64 NaN, because nothing tells what it would have been.

    Raises
    ------
    DataError
        When two sorts of value share the column, or a value is of none; the message names row and value.
    """
    sort_of_type = {kind: _sort(kind) for kind in {type(None), *map(type, values)}}
    sorts = set(sort_of_type.values()) - {_MISSING}
    if "a number" in sorts and None not in sorts and not sorts <= _NUMBERS:  # pandas puts NaN for missing text
        values = [None if sort_of_type[type(value)] == "a number" and value != value else value for value in values]  # noqa: PLR0124
        sorts = {sort_of_type[type(value)] for value in values if value is not None} - {_MISSING}
    if None in sorts or (len(sorts) > 1 and not sorts <= _NUMBERS):
        raise DataError(_mixture(values, name, what))
    known = [None if sort_of_type[type(value)] is _MISSING else value for value in values]
    if not sorts:
        return np.full(len(known), np.nan)
    if sorts == {"text"}:
        return _object_array(known)
    if sorts == {"a time"}:
        return np.array([_moment(value) for value in known], dtype="datetime64[us]")
    return _numbers(known, sorts, name, what)


def microseconds(value: datetime | date) -> int:
    """UTC microseconds since 1970; a time without a zone is UTC, a date is its midnight."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return (aware - _EPOCH) // _MICROSECOND


def is_missing(value: object) -> bool:
    """Whether it is None or what pandas puts for it; NaN is a number."""
    return value is None or type(value).__name__ in _PANDAS_MISSING


def shown(value: object) -> str:
    """The value for a message: one line, shortened."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def _sort(kind: type) -> str | None:
    if kind is type(None) or kind.__name__ in _PANDAS_MISSING:
        return _MISSING
    return next((sort for sort, kinds in _SORTS.items() if issubclass(kind, kinds)), None)


def _mixture(values: Sequence[Any] | NDArray[np.object_], name: str, what: str) -> str:
    """Which row breaks the column, and against which."""
    first: tuple[int, Any, str] | None = None
    for row, value in enumerate(values, start=1):
        sort = _sort(type(value))
        if sort is _MISSING:
            continue
        if sort is None:
            return (
                f"column {name!r} of {what} holds {type(value).__name__} {shown(value)} in row {row} of {len(values)}; "
                "expected numbers, text, categories or times"
            )
        if first is None:
            first = row, value, sort
        elif sort != first[2] and not {sort, first[2]} <= _NUMBERS:
            return (
                f"column {name!r} of {what} holds {sort} ({shown(value)}) in row {row} of {len(values)} and {first[2]} "
                f"({shown(first[1])}) in row {first[0]}; expected one sort of value: convert the column first"
            )
    return f"column {name!r} of {what} cannot be read"


def _moment(value: Any) -> Any:
    if value is None or isinstance(value, np.datetime64):
        return value
    return np.datetime64(microseconds(value), "us")


def _object_array(values: Sequence[Any]) -> NDArray[np.object_]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _numbers(known: Sequence[Any], sorts: set[str | None], name: str, what: str) -> NDArray[Any]:
    if None not in known:
        if sorts == {"true or false"}:
            return np.array(known, dtype=np.bool_)
        if sorts == {"a whole number"} and all(-(2**63) <= value < 2**63 for value in (min(known), max(known))):
            return np.array(known, dtype=np.int64)
    try:
        return np.array([np.nan if value is None else float(value) for value in known], dtype=np.float64)
    except OverflowError:
        largest = max(filter(None, known), key=abs)
        raise DataError(
            f"column {name!r} of {what} holds a whole number of {len(str(largest))} digits; expected at most 308"
        ) from None
