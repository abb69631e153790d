"""What a version was trained on: a digest of each column of the rows."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.frames import table_of
from watchkeeper.data.reading import as_times, required
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.model import TrainingData
from watchkeeper.domain.table import Categories, Table

from .rows import rows_as_bytes

_WHAT = "the training data"


def training_data_of(rows: Any, *, time: str | None = None, source: str = "") -> TrainingData:
    """Digests of the rows, column by column; O(bytes).

    Parameters
    ----------
    rows
        Whatever has rows with named columns: a pandas or polars frame, an Arrow table, a dict of columns, a `Table`.
    time
        The column with each row's time: datetimes (UTC when they have no zone), ISO 8601 text, or UTC microseconds as
        integers.

    Raises
    ------
    DataError
        These are no rows with named columns, or the column of times is not there or holds none.
    """
    table = table_of(rows, what=_WHAT)
    first_us = last_us = None
    if time is not None and len(table):
        required(table, [time], _WHAT)
        first_us, last_us = _span(table, time)
    columns = {
        name: hashlib.sha256(rows_as_bytes(Table({name: column}))).hexdigest() for name, column in table.columns.items()
    }
    return TrainingData(len(table), columns, first_us, last_us, source)


def _span(rows: Table, time: str) -> tuple[int, int]:
    times = _times(rows, time)
    known = times[~np.isnat(times)].astype(np.int64)
    if not len(known):
        raise DataError(f"the training rows' column {time!r} holds no time at all")
    return int(known.min()), int(known.max())


def _times(rows: Table, name: str) -> NDArray[np.datetime64]:
    column = rows[name]
    if not isinstance(column, Categories) and column.dtype.kind in "Mi":
        return column.astype("datetime64[us]")
    try:
        return as_times(column, name)
    except DataError as error:
        raise DataError(f"the training rows' column {name!r} holds no times: {error}") from None
