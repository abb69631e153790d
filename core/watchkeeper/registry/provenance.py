"""What a version was trained on: a digest of each column of the rows."""

from __future__ import annotations

import hashlib

import numpy as np

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.model import TrainingData
from watchkeeper.domain.table import Categories, Table

from .rows import rows_as_bytes


def training_data_of(rows: Table, *, time: str | None = None, source: str = "") -> TrainingData:
    """Digests of the rows, column by column; O(bytes).

    Parameters
    ----------
    time
        The column with each row's time: datetime64 or UTC microseconds as integers.
    """
    first_us = last_us = None
    if time is not None and len(rows):
        first_us, last_us = _span(rows, time)
    columns = {
        name: hashlib.sha256(rows_as_bytes(Table({name: column}))).hexdigest() for name, column in rows.columns.items()
    }
    return TrainingData(len(rows), columns, first_us, last_us, source)


def _span(rows: Table, time: str) -> tuple[int, int]:
    if time not in rows:
        raise DataError(f"the training rows have no column {time!r}; they have {', '.join(rows.names)}")
    column = rows[time]
    if isinstance(column, Categories) or column.dtype.kind not in "Mi":
        raise DataError(f"the training rows' column {time!r} holds no times: expected datetime64 or integers")
    times = column.astype("datetime64[us]") if column.dtype.kind == "M" else column
    numbers = times[~np.isnat(times)].astype(np.int64) if times.dtype.kind == "M" else times.astype(np.int64)
    if not len(numbers):
        raise DataError(f"the training rows' column {time!r} holds no time at all")
    return int(numbers.min()), int(numbers.max())
