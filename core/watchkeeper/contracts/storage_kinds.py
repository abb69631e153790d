"""What the columns of a series hold: known from the first row on, and the same ever after."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import numpy as np

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of

from .storage import Append


def written_kinds(table: Table) -> dict[str, str]:
    """What each column holds; a column of Nones alone is left out, as it may be any kind's."""
    kinds = {name: kind_of(column) for name, column in table.columns.items()}
    return {
        name: kind
        for name, kind in kinds.items()
        if kind is not ColumnKind.TEXT or not _is_nothing(table.columns[name])
    }


def require_same_kinds(append: Append, found: Mapping[str, str], known: Mapping[str, str]) -> None:
    """A DataError that names the first column that held something else before."""
    for column, kind in found.items():
        expected = known.get(column)
        if expected is not None and expected != kind:
            near = [name for name in difflib.get_close_matches(column, known, n=3) if known[name] == kind]
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"column {column!r} of {append.stream}/{append.key} holds {kind} now and held {expected} before: "
                f"convert it, or give it another name{hint}"
            )


def as_known(column: Column, kind: str | None) -> Column:
    """The column, one of Nones alone as missing values of the kind that its series has otherwise."""
    if kind is None or kind == ColumnKind.TEXT or isinstance(column, Categories) or column.dtype.kind != "O":
        return column
    if kind == ColumnKind.NUMERIC:
        return np.full(len(column), np.nan)
    if kind == ColumnKind.TIME:
        return np.full(len(column), "NaT", dtype="M8[us]")
    return Categories(np.full(len(column), -1, dtype=np.int32), ())


def _is_nothing(column: Column) -> bool:
    if isinstance(column, Categories) or column.dtype.kind != "O":
        return False
    return all(item is None for item in column)
