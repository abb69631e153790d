"""Compaction: many small chunks of a series become one large one, while scans that began before go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final

import attrs
import numpy as np

from watchkeeper.contracts.storage import Append, Batch, Durability
from watchkeeper.domain.table import joined
from watchkeeper_plugins.storage.encoding.chunks import Chunk, chunks_of

from .appending import insert_chunks
from .days import Days
from .directory import (
    ChunkRow,
    Series,
    found_series,
    highest_chunk,
    is_live,
    live_rows,
    require_chunks,
    retire,
    write_series,
)
from .reading import naming, read_chunk

_FEWEST: Final = 16
"""Pieces that are worth a rewrite while more are still coming."""


@attrs.frozen
class Piece:
    """A chunk that may be compacted."""

    row: ChunkRow
    has_wide: bool
    """Whether its wide columns are there: they may have expired."""

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.row.rows

    @property
    def likeness(self) -> tuple[int, bool]:
        """Only pieces with the same columns, types and wide columns go together."""
        return self.row.shape, self.has_wide


def groups_of(pieces: Sequence[Piece], full_rows: int, *, is_closed: bool) -> Iterator[tuple[Piece, ...]]:
    """Which pieces, given in order of time, become one chunk each.

    A group is full at about `full_rows`. What is left over at the end is merged when no more rows come
    (`is_closed`); else only when there are many, and without a piece larger than all after it: so a row is rewritten
    O(log rows) times.
    """
    group: list[Piece] = []
    for piece in pieces:
        if group and (piece.rows * 2 > full_rows or piece.likeness != group[0].likeness):
            yield from _left_over(group, is_closed=is_closed)
            group = []
        if piece.rows * 2 > full_rows:
            continue
        group.append(piece)
        if sum(each.rows for each in group) >= full_rows:
            yield tuple(group)
            group = []
    yield from _left_over(group, is_closed=is_closed)


def compact(days: Days, name: str, series: Series, group: Sequence[Piece], now_us: int) -> int:
    """Rewrite a group as one chunk and retire the old ones; returns how many were retired.

    Reading and encoding happen before anybody has to wait; a kill at any moment leaves either the old or the new.
    """
    database = days.file(name)
    if database is None:
        return 0
    path, rows = days.path(name), [piece.row for piece in group]
    with database.reading() as connection:
        merged = _merged(connection, path, rows)
    if merged is None:
        return 0
    with days.changing(name, Durability.SYNCED) as connection:
        if connection is None or not all(is_live(connection, row) for row in rows):
            return 0  # somebody else was faster
        retire(connection, rows, now_us)
        placed = [(series.number, chunk) for chunk in merged]
        added = insert_chunks(connection, placed, now_us, highest_chunk(connection))
        now = found_series(connection, path, (series.stream, series.key))
        if now is not None:
            write_series(connection, now.with_chunks(added, rows))
    return len(rows)


def pieces_of(connection: Connection, path: Path, series: Series) -> list[Piece]:
    """The live chunks of a series, in order of time, after checking that they are all there."""
    require_chunks(connection, path, series)
    wide = {
        number
        for (number,) in connection.execute(
            "SELECT number FROM chunk WHERE series = ? AND wide_bytes", (series.number,)
        )
    }
    return [Piece(row, row.number in wide) for row in live_rows(connection, path, series)]


def _merged(connection: Connection, path: Path, rows: Sequence[ChunkRow]) -> list[Chunk] | None:
    """The rows of several chunks as one; None when one of them is gone."""
    batches: list[Batch] = []
    wide: tuple[str, ...] = ()
    for row in rows:
        chunk = read_chunk(connection, path, row)
        if chunk is None:
            return None
        wide = chunk.wide_names
        with naming(path, row):
            batches.append(chunk.batch())
    time = np.concatenate([batch.time for batch in batches])
    table = joined([batch.table for batch in batches])
    there = tuple(name for name in wide if name in table)
    return list(chunks_of(Append("", "", time, table, there), len(time)))


def _left_over(group: list[Piece], *, is_closed: bool) -> Iterator[tuple[Piece, ...]]:
    if is_closed:
        if len(group) > 1:
            yield tuple(group)
        return
    start = 0
    while start < len(group) and group[start].rows > sum(piece.rows for piece in group[start + 1 :]):
        start += 1
    if len(group) - start >= _FEWEST:
        yield tuple(group[start:])
