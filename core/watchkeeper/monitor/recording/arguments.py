"""What callers hand to the recorder, as ids, times and values; a DataError says what was expected."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.frames import column_of
from watchkeeper.data.objects import is_missing, shown
from watchkeeper.data.reading import not_microseconds, unit_of
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, ColumnKind, kind_of, missing

from .entries import Prediction

_SURE: Final = (10**13, 10**16)
"""What can only be microseconds since 1970: April 1970 to 2286."""
_SECONDS_OF_1973: Final = 10**8
_YEAR_1973_US: Final = 10**14
"""Where it is earlier than this, as for a clock that begins at 0, small numbers are what they are."""


def is_single(value: Any) -> bool:
    """Whether it is one prediction, not many."""
    return isinstance(value, str) or not hasattr(value, "__len__") or getattr(value, "ndim", 1) == 0


def one_id(found: Any) -> str:
    """The id of one row as text."""
    return found if type(found) is str else ids_of(found, 1, "one row")[0]


def ids_of(found: Any, rows: int, what: str) -> list[str]:
    """The ids of `rows` rows as text; whole numbers are written out."""
    if rows == 1 and isinstance(found, str | int | np.integer) and not isinstance(found, bool):
        return [str(found)]
    if is_single(found):
        raise DataError(f"the ids of {what} are {shown(found)}; expected {rows} of them, text or whole numbers")
    column = column_of(found, "id", what)
    if not isinstance(column, Categories) and len(column) and column.dtype.kind not in "iuO":
        raise DataError(f"the ids of {what} are {column.dtype}; expected text or whole numbers")
    absent = np.flatnonzero(missing(column))
    if len(column) != rows:
        raise DataError(f"{what} have {rows} rows and {len(column)} ids; expected one for each")
    if len(absent):
        raise DataError(f"the id of row {absent[0] + 1} of {what} is missing; expected one for each row")
    values = column.texts().tolist() if isinstance(column, Categories) else column.tolist()
    return [str(value) for value in values]


def one_time(found: Any, now_us: int) -> int:
    """The time of one row, UTC microseconds since 1970."""
    if type(found) is int and _SURE[0] <= found < _SURE[1]:
        return found
    return int(times_of(found, now_us, 1, "one row")[0])


def times_of(found: Any, now_us: int, rows: int, what: str) -> NDArray[np.int64]:
    """The times of `rows` rows, (n,) int64 UTC microseconds since 1970: as given, one for all, or `now_us`."""
    if found is None:
        return np.full(rows, now_us, dtype=np.int64)
    if is_single(found):
        found = [found] * rows
    column = column_of(found, "time", what)
    if isinstance(column, Categories) or (column.dtype.kind not in "iuM" and len(column)):
        raise DataError(f"the times of {what} are {shown(found)}; expected whole microseconds since 1970, or datetimes")
    if len(column) != rows:
        raise DataError(f"{what} have {rows} rows and {len(column)} times; expected one for each, or one for all")
    absent = np.flatnonzero(missing(column))
    if len(absent):
        raise DataError(f"the time of row {absent[0] + 1} of {what} is missing; expected one for each row")
    times = np.array(column).astype(np.int64)
    if now_us > _YEAR_1973_US and len(times) and column.dtype.kind in "iu":
        _require_microseconds(times, what)
    return times


def _require_microseconds(times: NDArray[np.int64], what: str) -> None:
    """A DataError when a number is of a day since 1973 in another unit: taken as microseconds it is of early 1970."""
    if _SURE[0] <= times.min() and times.max() < _SURE[1]:
        return
    for row in (int(times.argmin()), int(times.argmax())):
        number = int(times[row])
        if unit_of(number) is not None and number >= _SECONDS_OF_1973:
            raise not_microseconds(f"the times of {what} hold", number, row)


def require_kind(given: Prediction | Column, refused: type[Prediction] | None, what: str) -> None:
    """Nothing, or a DataError when numbers were given for labels or labels for numbers; what is missing is neither.

    Parameters
    ----------
    refused
        ``str`` where numbers are expected, ``float`` where labels are; None where both are taken.
    """
    if refused is None:
        return
    column = given if isinstance(given, np.ndarray | Categories) else predictions_of([given], what)
    if isinstance(column, Categories) is not (refused is str):
        return
    there = np.flatnonzero(~missing(column))
    if len(there):
        row = int(there[0])
        found = column.texts()[row] if isinstance(column, Categories) else float(column[row])
        kinds = ("labels", "numbers") if refused is str else ("numbers", "labels")
        raise DataError(
            f"{what} are {kinds[0]}, {shown(found)} in row {row + 1}; expected {kinds[1]}, as the model's "
            "reference has them: give those, or mend the reference"
        )


def values_of(column: Column) -> list[Prediction | None]:
    """A column of predictions or outcomes as plain floats, or as labels with None for a missing one."""
    values: list[Prediction | None] = (column.texts() if isinstance(column, Categories) else column).tolist()
    return values


def prediction_of(value: Any, what: str) -> Prediction:
    """A single prediction or outcome as float or text; None is NaN; a DataError for anything else."""
    if isinstance(value, str):
        return str(value)
    if is_missing(value):
        return math.nan
    if isinstance(value, np.ndarray) and value.size == 1:
        return prediction_of(value.item(), what)
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise DataError(
            f"{what} is {type(value).__name__} {shown(value)}; expected a number or a label: one value for one row"
        ) from None


def predictions_of(values: Any, what: str) -> Column:
    """Many predictions or outcomes as (n,) float64 or categories, copied."""
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]  # as many networks answer
    column = column_of(values, "predictions", what)
    if isinstance(column, Categories):
        return Categories(column.codes.copy(), column.labels)
    kind = kind_of(column)
    if kind is ColumnKind.TEXT:
        return Categories.of(column)
    if kind is ColumnKind.TIME:
        raise DataError(f"{what} are times; expected numbers or labels")
    return np.array(column, dtype=np.float64)
