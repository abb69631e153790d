"""The batches of a scan as one table in time order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch
from watchkeeper.domain.table import Categories, Column, Table, joined


def sorted_rows(batches: Iterable[Batch]) -> tuple[NDArray[np.int64], Table]:
    """All rows of a scan as one table in time order; a column that some batches lack is missing in their rows."""
    found = [batch for batch in batches if len(batch.time)]
    if not found:
        return np.empty(0, dtype=np.int64), Table({})
    time = np.concatenate([batch.time for batch in found])
    table = joined(_alike(found))
    if np.all(time[1:] >= time[:-1]):
        return time, table
    order = np.argsort(time, kind="stable")
    return time[order], table.rows(order)


def _alike(batches: Sequence[Batch]) -> list[Table]:
    """Their tables, all with the same columns."""
    tables = [batch.table for batch in batches]
    if all(table.columns.keys() == tables[0].columns.keys() for table in tables):  # the rule, and there may be hundreds
        return tables
    names = list(dict.fromkeys(name for table in tables for name in table))
    likes = {name: next(table[name] for table in tables if name in table) for name in names}
    return [_completed(batch.table, len(batch.time), likes) for batch in batches]


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
