"""Appends: rows become chunks in the file of the day of writing, all of a commit in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from sqlite3 import Connection
from typing import Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append, Durability, Receipt
from watchkeeper.contracts.storage_kinds import require_same_kinds, written_kinds
from watchkeeper.contracts.storage_rules import checked_append

from .chunks import Chunk, chunks_of
from .days import Days
from .directory import ChunkRow, Series, found_series, next_series_number, write_series

_MOST_ACCEPTED: Final = 4096


@attrs.frozen(eq=False)
class _Ready:
    """An append that was checked and encoded before anybody had to wait for us."""

    append: Append
    chunks: list[Chunk]

    @property
    def names(self) -> tuple[str, str]:
        return self.append.stream, self.append.key


class Appending:
    """Writes appends to the telemetry files."""

    def __init__(self, days: Days, clock: Clock, chunk_rows: int) -> None:
        self._days = days
        self._clock = clock
        self._chunk_rows = chunk_rows
        self._accepted: dict[tuple[str, str], tuple[str, int]] = {}
        """By series: what its columns were known to hold, and the shape of a chunk that agreed with it."""

    def commit(self, appends: Sequence[Append], durability: Durability, pair: tuple[str, int] | None) -> Receipt:
        """Add all rows, or none; nothing when `pair` was committed before."""
        ready = [_Ready(append, list(chunks_of(checked_append(append), self._chunk_rows))) for append in appends]
        now_us = self._clock.now_us()
        with self._days.writing(durability) as (name, connection):
            if pair is not None:
                if self._is_applied(name, connection, pair):
                    return Receipt(durability, is_replay=True)
                connection.execute("INSERT INTO applied VALUES (?, ?, ?)", (*pair, now_us))
            for each in ready:
                if each.chunks:
                    series = self._series(name, connection, each)
                    rows = insert_chunks(connection, series.number, each.chunks, now_us)
                    write_series(connection, series.with_chunks(rows))
        return Receipt(durability)

    def _is_applied(self, name: str, connection: Connection, pair: tuple[str, int]) -> bool:
        question = "SELECT 1 FROM applied WHERE writer = ? AND seq = ?"
        if connection.execute(question, pair).fetchone():
            return True
        for recent in self._days.recent(name):
            with recent.reading() as reader:
                if reader.execute(question, pair).fetchone():
                    return True
        return False

    def _series(self, name: str, connection: Connection, ready: _Ready) -> Series:
        """The series as it is in this file, or a new one, with the columns of the append."""
        known = found_series(connection, self._days.path(name), ready.names)
        kinds = self._kinds(name, ready, None if known is None else known.kinds)
        if known is not None:
            return attrs.evolve(known, kinds=kinds)
        first = ready.chunks[0].first_us
        return Series(next_series_number(connection), *ready.names, first, first, kinds, chunks=0, marks=0)

    def _kinds(self, name: str, ready: _Ready, known: str | None) -> str:
        """What the columns of the series hold, as JSON, with those of the append; refuses a column that changed."""
        shape = ready.chunks[0].shape
        if known is not None and self._accepted.get(ready.names) == (known, shape):
            return known
        before = self._recent_kinds(name, ready) if known is None else json.loads(known)
        found = written_kinds(ready.append.table)
        require_same_kinds(ready.append, found, before)
        kinds = json.dumps(before | found, separators=(",", ":"), ensure_ascii=False)
        if len(found) == len(ready.append.table.columns):
            if len(self._accepted) >= _MOST_ACCEPTED:
                self._accepted.clear()
            self._accepted[ready.names] = (kinds, shape)
        return kinds

    def _recent_kinds(self, name: str, ready: _Ready) -> dict[str, str]:
        """What the columns of the series held in the newest file that has it."""
        for recent in self._days.recent(name):
            with recent.reading() as reader:
                series = found_series(reader, recent.path, ready.names)
            if series is not None:
                return dict(json.loads(series.kinds))
        return {}


def insert_chunks(connection: Connection, series: int, chunks: Sequence[Chunk], now_us: int) -> list[ChunkRow]:
    """Write chunks of a series inside the caller's transaction.

    Their numbers come from the clock, so that none is given twice, whatever a slow scan still remembers; and they
    only grow, whatever the clock does.
    """
    (highest,) = connection.execute("SELECT max(chunk) FROM narrow").fetchone()
    number = now_us if highest is None else max(now_us, highest)
    rows: list[ChunkRow] = []
    for chunk in chunks:
        number += 1
        row = ChunkRow(series, chunk.first_us, number, chunk.last_us, chunk.rows, chunk.shape)
        sizes = (len(chunk.narrow), len(chunk.wide or b""))
        connection.execute("INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", (*attrs.astuple(row), *sizes))
        connection.execute("INSERT INTO narrow VALUES (?, ?)", (number, chunk.narrow))
        if chunk.wide is not None:
            connection.execute("INSERT INTO wide VALUES (?, ?)", (number, chunk.wide))
        rows.append(row)
    return rows
