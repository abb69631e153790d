"""The batches of a scan as one table in time order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch
from watchkeeper.domain.table import Categories, Column, Table, joined


def sorted_rows(batches: Iterable[Batch]) -> tuple[NDArray[np.int64], Table]:
    """All rows of a scan as one table in time order; a column that some batches lack is missing in their rows."""
    found = [batch for batch in batches if len(batch.time)]
    if not found:
        return np.empty(0, dtype=np.int64), Table({})
    names = list(dict.fromkeys(name for batch in found for name in batch.table))
    likes = {name: next(batch.table[name] for batch in found if name in batch.table) for name in names}
    time = np.concatenate([batch.time for batch in found])
    table = joined([_completed(batch.table, len(batch.time), likes) for batch in found])
    if np.all(time[1:] >= time[:-1]):
        return time, table
    order = np.argsort(time, kind="stable")
    return time[order], table.rows(order)


def all_missing(rows: int, like: Column) -> Column:
    """(rows,) with nothing in it, of the kind that `like` is."""
    if isinstance(like, Categories):
        return Categories(np.full(rows, -1, dtype=np.int32), like.labels)
    if like.dtype.kind == "O":
        return np.full(rows, None, dtype=object)
    if like.dtype.kind == "M":
        return np.full(rows, np.datetime64("NaT"), dtype=like.dtype)
    return np.full(rows, np.nan)


def _completed(table: Table, rows: int, likes: dict[str, Column]) -> Table:
    return Table({name: table[name] if name in table else all_missing(rows, like) for name, like in likes.items()})
