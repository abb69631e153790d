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
from watchkeeper_plugins.storage.encoding.chunks import Chunk, chunks_of

from .catalogue import Catalogue
from .database import Database
from .days import Days
from .directory import ChunkRow, Series, found_series
from .known_directory import KnownDirectory
from .multirow import insert_rows

_MOST_ACCEPTED: Final = 4096
_APPLIED: Final = "SELECT 1 FROM applied WHERE writer = ? AND seq = ?"


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

    def __init__(self, days: Days, catalogue: Catalogue, clock: Clock, chunk_rows: int) -> None:
        self._days = days
        self._catalogue = catalogue
        self._clock = clock
        self._chunk_rows = chunk_rows
        self._accepted: dict[tuple[str, str], tuple[str, int]] = {}
        """By series: what its columns were known to hold, and the shape of a chunk that agreed with it."""
        self._directory: KnownDirectory | None = None
        """What the last commit left."""
        self._asked_on = ""
        self._elsewhere: dict[str, list[Database]] = {}
        """By writer: the files besides that of `_asked_on` that know it."""

    def commit(self, appends: Sequence[Append], durability: Durability, pair: tuple[str, int] | None) -> Receipt:
        """Add all rows, or none; nothing when `pair` was committed before."""
        ready = [_Ready(append, list(chunks_of(checked_append(append), self._chunk_rows))) for append in appends]
        now_us = self._clock.now_us()
        with self._days.writing(durability) as (name, connection):
            if pair is not None:
                if self._is_applied(name, connection, pair):
                    return Receipt(durability, is_replay=True)
                connection.execute("INSERT INTO applied VALUES (?, ?, ?)", (*pair, now_us))
            directory = KnownDirectory.of(connection, self._days.path(name), self._directory)
            self._directory = None  # until it is committed
            self._write(name, directory, [each for each in ready if each.chunks], now_us)
            directory.seal()
        self._directory = directory
        return Receipt(durability)

    def _write(self, name: str, directory: KnownDirectory, ready: Sequence[_Ready], now_us: int) -> None:
        """All chunks, then the series that took them, in a few statements however many appends there are."""
        series = [self._series(name, directory, each) for each in ready]
        placed = [(one.number, chunk) for one, each in zip(series, ready, strict=True) for chunk in each.chunks]
        rows = iter(insert_chunks(directory.connection, placed, now_us, directory.highest_chunk))
        for each in ready:  # one by one: several may be of the same series
            directory.append(each.names, [next(rows) for _ in each.chunks])
        directory.write()

    def _is_applied(self, name: str, connection: Connection, pair: tuple[str, int]) -> bool:
        if connection.execute(_APPLIED, pair).fetchone():
            return True
        for database in self._files_with(name, pair[0]):
            if not database.is_current:
                continue  # its day has expired since
            with database.reading() as reader:
                if reader.execute(_APPLIED, pair).fetchone():
                    return True
        return False

    def _files_with(self, name: str, writer: str) -> Sequence[Database]:
        """The other files that know the writer; all are asked once a day for each writer."""
        if self._asked_on != name or len(self._elsewhere) >= _MOST_ACCEPTED:
            self._asked_on, self._elsewhere = name, {}
        found = self._elsewhere.get(writer)
        if found is None:
            found = [database for database in self._days.remembering(name) if _knows(database, writer)]
            self._elsewhere[writer] = found
        return found

    def _series(self, name: str, directory: KnownDirectory, ready: _Ready) -> Series:
        """The series as it is in this file, or a new one, with the columns of the append."""
        known = directory.series(ready.names)
        kinds = self._kinds(name, ready, None if known is None else known.kinds)
        return directory.with_kinds(ready.names, kinds, ready.chunks[0].first_us)

    def _kinds(self, name: str, ready: _Ready, known: str | None) -> str:
        """What the columns of the series hold, as JSON, with those of the append; refuses a column that changed."""
        shape = ready.chunks[0].shape
        if known is not None and self._accepted.get(ready.names) == (known, shape):
            return known
        before = self._earlier_kinds(name, ready) if known is None else json.loads(known)
        found = written_kinds(ready.append.table)
        require_same_kinds(ready.append, found, before)
        kinds = json.dumps(before | found, separators=(",", ":"), ensure_ascii=False)
        if len(found) == len(ready.append.table.columns):
            if len(self._accepted) >= _MOST_ACCEPTED:
                self._accepted.clear()
            self._accepted[ready.names] = (kinds, shape)
        return kinds

    def _earlier_kinds(self, name: str, ready: _Ready) -> dict[str, str]:
        """What the columns of the series held in the other files; those that rest are in the catalogue."""
        days = [day for day in self._days.names() if day != name]
        rested = self._catalogue.rested(days)
        texts = {entry.day: entry.kinds for entry in self._catalogue.entries(*ready.names) if entry.day in rested}
        for day in days:
            database = None if day in rested else self._days.file(day)
            if database is None:
                continue
            with database.reading() as reader:
                series = found_series(reader, database.path, ready.names)
            if series is not None:
                texts[day] = series.kinds
        return {column: kind for day in sorted(texts) for column, kind in json.loads(texts[day]).items()}


def _knows(database: Database, writer: str) -> bool:
    with database.reading() as reader:
        return reader.execute("SELECT 1 FROM applied WHERE writer = ? LIMIT 1", (writer,)).fetchone() is not None


def insert_chunks(
    connection: Connection, placed: Sequence[tuple[int, Chunk]], now_us: int, highest: int | None
) -> list[ChunkRow]:
    """Write chunks, each with the number of its series, inside the caller's transaction.

    Their numbers come from the clock, so that none is given twice, whatever a slow scan still remembers; and they
    only grow from the `highest` that the file has, whatever the clock does.
    """
    after = now_us if highest is None else max(now_us, highest)
    numbered = [(series, number, chunk) for number, (series, chunk) in enumerate(placed, after + 1)]
    rows = [
        ChunkRow(series, chunk.first_us, number, chunk.last_us, chunk.rows, chunk.shape)
        for series, number, chunk in numbered
    ]
    listed = [
        (*attrs.astuple(row), len(chunk.narrow), len(chunk.wide or b""), None)
        for row, (_, chunk) in zip(rows, placed, strict=True)
    ]
    insert_rows(connection, "chunk", listed)
    insert_rows(connection, "narrow", [(number, chunk.narrow) for _, number, chunk in numbered])
    wide = [(number, chunk.wide) for _, number, chunk in numbered if chunk.wide is not None]
    insert_rows(connection, "wide", wide)
    return rows
