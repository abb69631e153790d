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
from .chunks import chunks_of
from .days import Days
from .reading import naming, read_chunk

_FEWEST: Final = 16
"""Pieces that are worth a rewrite while more are still coming."""


@attrs.frozen
class Piece:
    """A chunk that may be compacted."""

    number: int
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
    numbers = [piece.number for piece in group]
    with database.reading() as connection:
        found = [read_chunk(connection, days.path(name), number) for number in numbers]
        batches = []
        for chunk, number in zip(found, numbers, strict=True):
            if chunk is None:
                return 0  # somebody else was faster
            with naming(days.path(name), number):
                batches.append(chunk.batch())
    time = np.concatenate([batch.time for batch in batches])
    wide = tuple(column for column in found[0].wide_names if column in batches[0].table) if found[0] else ()
    merged = list(chunks_of(Append("", "", time, joined([batch.table for batch in batches]), wide), len(time)))
    with days.changing(name, Durability.SYNCED) as connection:
        if connection is None or not _are_live(connection, numbers):
            return 0
        series = connection.execute("SELECT series FROM chunk WHERE id = ?", (numbers[0],)).fetchone()[0]
        insert_chunks(connection, series, merged, now_us)
        connection.executemany("UPDATE chunk SET retired_us = ? WHERE id = ?", [(now_us, number) for number in numbers])
    return len(numbers)


def pieces_of(connection: Connection) -> Iterator[tuple[int, list[Piece]]]:
    """The live chunks of each series that has more than one, in order of time."""
    series = connection.execute(
        "SELECT series FROM chunk WHERE retired_us IS NULL GROUP BY series HAVING count(*) > 1"
    ).fetchall()
    for (number,) in series:
        rows = connection.execute(
            "SELECT id, rows, shape, wide_bytes > 0 FROM chunk WHERE series = ? AND retired_us IS NULL"
            " ORDER BY first_us, id",
            (number,),
        )
        yield number, [Piece(chunk, count, (shape, bool(is_wide))) for chunk, count, shape, is_wide in rows]


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


def _are_live(connection: Connection, numbers: Sequence[int]) -> bool:
    marks = ", ".join("?" * len(numbers))
    # only question marks go into the text
    question = f"SELECT count(*) FROM chunk WHERE id IN ({marks}) AND retired_us IS NULL"  # noqa: S608
    return bool(connection.execute(question, numbers).fetchone()[0] == len(numbers))
