"""What a caller needs from a table's columns: numbers, times, presence; or a DataError that says what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing

from .objects import microseconds, shown

_MOST_NAMES: Final = 12
_MICROSECONDS: Final = (10**13, 10**16)
"""What counts as microseconds since 1970: April 1970 to 2286. Seconds and milliseconds are below, nanoseconds above."""
_OTHER_UNITS: Final = {"seconds": (10**7, 10**10), "milliseconds": (10**10, 10**13), "nanoseconds": (10**16, 10**19)}


def required(found: Iterable[str], names: Iterable[str], what: str) -> None:
    """Nothing, or a DataError that tells which of `names` is not among the columns `found` in `what`."""
    known = list(found)
    present = set(known)
    absent = [name for name in dict.fromkeys(names) if name not in present]
    if not absent:
        return
    listed = ", ".join(known[:_MOST_NAMES]) + (f", ... ({len(known)} in all)" if len(known) > _MOST_NAMES else "")
    wanted = "column " if len(absent) == 1 else "columns "
    wanted += ", ".join(repr(name) for name in absent[:_MOST_NAMES])
    wanted += f", ... ({len(absent)} in all)" if len(absent) > _MOST_NAMES else ""
    raise DataError(f"{what} has no {wanted}; found {listed or 'no columns'}{did_you_mean(absent[0], known)}")


def distinct(names: Iterable[str], what: str) -> None:
    """Nothing, or a DataError that tells which column name stands twice in `what`."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{what} has two columns named {twice[0]!r}; rename one")


def numeric(table: Table, name: str) -> NDArray[np.float64]:
    """One column as numbers.

    Returns
    -------
    (n,) float64, NaN where missing; the table's own array when it is float64 already, so do not write into it.

    Raises
    ------
    DataError
        When the column is absent, or holds text (also numbers written as text), categories or times.
    """
    required(table, [name], "the table")
    column = table[name]
    if not isinstance(column, Categories) and kind_of(column) is ColumnKind.NUMERIC:
        return np.asarray(column, dtype=np.float64)
    if not isinstance(column, Categories) and kind_of(column) is ColumnKind.TIME:
        raise DataError(f"column {name!r} holds times; expected numbers: choose another column, or subtract a time")
    raise DataError(_not_numbers(column, name))


def times_us(table: Table, name: str) -> NDArray[np.int64]:
    """One column as times, none missing.

    Datetimes and ISO 8601 text are taken as they are, UTC when they have no zone; whole numbers only when they can
    only be microseconds.

    Returns
    -------
    (n,) int64, UTC microseconds since 1970.

    Raises
    ------
    DataError
        When the column is absent, a time is missing, or what is there is not a time.
    """
    required(table, [name], "the table")
    times = as_times(table[name], name)
    absent = np.flatnonzero(np.isnat(times))
    if len(absent):
        raise DataError(
            f"column {name!r} has no time in row {absent[0] + 1} of {len(times)} ({len(absent)} rows in all); "
            "expected one in every row: fill them or leave those rows out"
        )
    return times.view(np.int64)


def as_times(column: Column, name: str) -> NDArray[np.datetime64]:
    """The column as (n,) datetime64[us] UTC, NaT where missing; a DataError when it is not of times."""
    if isinstance(column, Categories):
        column = column.texts()
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]", copy=False)
    if column.dtype.kind in "iu":
        return _from_whole_numbers(column, name)
    if column.dtype.kind == "O":
        return _from_text(column, name)
    if len(column) and not bool(missing(column).all()):
        row = int(np.flatnonzero(~missing(column))[0])
        raise DataError(
            f"column {name!r} holds {column[row]} in row {row + 1}, expected times: datetimes, ISO 8601 text, "
            "or whole microseconds since 1970"
        )
    return np.full(len(column), np.datetime64("NaT"), dtype="datetime64[us]")


def unit_of(number: int) -> str | None:
    """The unit since 1970, other than microseconds, that a whole number looks like; None when it looks like none."""
    return next((unit for unit, (low, high) in _OTHER_UNITS.items() if low <= number < high), None)


def not_microseconds(what: str, number: int, row: int) -> DataError:
    """That `what` holds a number at position `row` which is no time in microseconds."""
    unit = unit_of(number)
    looks = f" (it looks like {unit})" if unit else ""
    return DataError(
        f"{what} {number} in row {row + 1}{looks}, expected times: datetimes, ISO 8601 text, or "
        "whole microseconds since 1970; convert it, such as with numpy's datetime64"
    )


def _not_numbers(column: NDArray[Any] | Categories, name: str) -> str:
    texts = column.texts() if isinstance(column, Categories) else column
    first: int | None = None
    for row, text in enumerate(texts):
        if text is None:
            continue
        first = row if first is None else first
        if not _is_number(text):
            return (
                f"column {name!r} holds text, {shown(text)} in row {row + 1} of {len(texts)}; expected numbers: "
                "mend or leave out such rows"
            )
    if first is None:
        return f"column {name!r} is text and holds nothing at all; expected numbers: convert it to floats"
    return (
        f"column {name!r} holds numbers written as text, {shown(texts[first])} in row {first + 1} of {len(texts)}; "
        f"expected numbers: convert it first, such as frame[{name!r}].astype(float)"
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _from_whole_numbers(column: NDArray[Any], name: str) -> NDArray[np.datetime64]:
    if len(column):
        least, most = int(column.min()), int(column.max())
        if least < _MICROSECONDS[0] or most >= _MICROSECONDS[1]:
            row = int(column.argmin() if least < _MICROSECONDS[0] else column.argmax())
            raise not_microseconds(f"column {name!r} holds", int(column[row]), row)
    return column.astype(np.int64).view("datetime64[us]")


def _from_text(column: NDArray[np.object_], name: str) -> NDArray[np.datetime64]:
    times = np.full(len(column), np.datetime64("NaT"), dtype="datetime64[us]")
    moments = times.view(np.int64)
    for row, text in enumerate(column):
        if text is None:
            continue
        try:
            moments[row] = microseconds(datetime.fromisoformat(text))
        except ValueError:
            raise DataError(
                f"column {name!r} holds {shown(text)} in row {row + 1} of {len(column)}; "
                "expected ISO 8601 such as 2008-09-15T14:30:00Z"
            ) from None
    return times
