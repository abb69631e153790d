"""Compaction: many small chunks of a series become one large one, while scans that began before go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import Final

import attrs
import numpy as np

from watchkeeper.contracts.storage import Append, Durability
from watchkeeper.domain.table import joined

from .appending import insert_chunks
from .chunks import ChunkKey, chunks_of
from .days import Days
from .reading import naming, read_chunk

_FEWEST: Final = 16
"""Pieces that are worth a rewrite while more are still coming."""


@attrs.frozen
class Piece:
    """A chunk that may be compacted."""

    key: ChunkKey
    rows: int
    likeness: tuple[int, bool]
    """Columns and types, and whether the wide ones are still there: only equal ones go together."""


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


def compact(days: Days, name: str, group: Sequence[Piece], now_us: int) -> int:
    """Rewrite a group as one chunk and retire the old ones; returns how many were retired.

    Reading and encoding happen before anybody has to wait; a kill at any moment leaves either the old or the new.
    """
    database = days.file(name)
    if database is None:
        return 0
    keys = [piece.key for piece in group]
    with database.reading() as connection:
        found = [read_chunk(connection, days.path(name), key.number) for key in keys]
        batches = []
        for chunk, key in zip(found, keys, strict=True):
            if chunk is None:
                return 0  # somebody else was faster
            with naming(days.path(name), key.number):
                batches.append(chunk.batch())
    time = np.concatenate([batch.time for batch in batches])
    wide = tuple(column for column in found[0].wide_names if column in batches[0].table) if found[0] else ()
    merged = list(chunks_of(Append("", "", time, joined([batch.table for batch in batches]), wide), len(time)))
    with days.changing(name, Durability.SYNCED) as connection:
        if connection is None or not all(_is_live(connection, key) for key in keys):
            return 0
        insert_chunks(connection, keys[0].series, merged, now_us)
        connection.executemany(
            "UPDATE chunk SET retired_us = ? WHERE series = ? AND first_us = ? AND number = ?",
            [(now_us, *key.row) for key in keys],
        )
    return len(keys)


def pieces_of(connection: Connection) -> Iterator[list[Piece]]:
    """The live chunks of each series that has more than one, in order of time."""
    series = connection.execute(
        "SELECT series FROM chunk WHERE retired_us IS NULL GROUP BY series HAVING count(*) > 1"
    ).fetchall()
    for (number,) in series:
        rows = connection.execute(
            "SELECT series, first_us, number, rows, shape, wide_bytes > 0 FROM chunk"
            " WHERE series = ? AND retired_us IS NULL ORDER BY first_us, number",
            (number,),
        )
        yield [Piece(ChunkKey(*key), count, (shape, bool(is_wide))) for *key, count, shape, is_wide in rows]


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


def _is_live(connection: Connection, key: ChunkKey) -> bool:
    question = "SELECT 1 FROM chunk WHERE series = ? AND first_us = ? AND number = ? AND retired_us IS NULL"
    return connection.execute(question, key.row).fetchone() is not None
