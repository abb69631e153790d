"""Scans: which chunks a question touches, and their rows in the order of time."""

from __future__ import annotations

import heapq
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Batch
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.names import stored_name

from .catalogue import Catalogue
from .database import Database
from .days import Days
from .directory import ChunkRow, found_series, live_rows, require_chunks, require_series
from .reading import naming, read_chunk

_FIRST: Final = -(2**63)
_LAST: Final = 2**63 - 1


@attrs.frozen(order=True)
class ChunkPlace:
    """Where a chunk is; orders by the time of its first row."""

    first_us: int
    day: str
    row: ChunkRow


@attrs.frozen(eq=False)
class _Question:
    since_us: int | None
    until_us: int | None
    columns: tuple[str, ...] | None
    kinds: Mapping[str, str]
    """What the columns of the series hold."""
    names: tuple[str, str]
    deadline_us: int


class Scanning:
    """Reads the telemetry files."""

    def __init__(self, days: Days, catalogue: Catalogue, clock: Clock, scan_seconds: float) -> None:
        self._days = days
        self._catalogue = catalogue
        self._clock = clock
        self._scan_us = int(scan_seconds * 1e6)

    def keys(self, stream: str) -> tuple[str, ...]:
        """The keys under which the stream has rows, sorted."""
        stored_name(stream, "stream")
        names = self._days.names()
        rested = self._catalogue.rested(names)
        found = {entry.key for entry in self._catalogue.entries(stream) if entry.day in rested}
        for _, database in self._files(names, rested):
            with database.reading() as connection:
                found.update(key for (key,) in connection.execute("SELECT key FROM series WHERE stream = ?", (stream,)))
        return tuple(sorted(found))

    def span(self, stream: str, key: str) -> tuple[int, int] | None:
        """The first and the last time among the rows of a key."""
        stored_name(stream, "stream")
        stored_name(key, "key")
        days = self._days.names()
        rested = self._catalogue.rested(days)
        entries = self._catalogue.entries(stream, key) if rested else []
        spans = [(entry.first_us, entry.last_us) for entry in entries if entry.day in rested]
        for _, database in self._files(days, rested):
            with database.reading() as connection:
                series = found_series(connection, database.path, (stream, key))
            if series is not None:
                spans.append((series.first_us, series.last_us))
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def scan(
        self, stream: str, key: str, since_us: int | None, until_us: int | None, columns: Sequence[str] | None
    ) -> Iterator[Batch]:
        """Batches ordered by the time of their first row; what is written after the call is not seen."""
        stored_name(stream, "stream")
        stored_name(key, "key")
        places, kinds = self._places((stream, key), since_us, until_us)
        question = _Question(
            since_us,
            until_us,
            None if columns is None else tuple(dict.fromkeys(columns)),
            kinds,
            (stream, key),
            self._clock.now_us() + self._scan_us,
        )
        return self._batches(places, question)

    def _places(
        self, names: tuple[str, str], since_us: int | None, until_us: int | None
    ) -> tuple[list[ChunkPlace], dict[str, str]]:
        """The chunks that a window touches, and what the columns of the series hold."""
        since = _FIRST if since_us is None else max(since_us, _FIRST)
        last = _LAST if until_us is None else min(until_us - 1, _LAST)
        days = self._days.names()
        rested = self._catalogue.rested(days)
        entries = self._catalogue.entries(*names) if rested else []
        texts = dict.fromkeys(entry.kinds for entry in entries if entry.day in rested)
        touched = {entry.day for entry in entries if entry.first_us <= last and entry.last_us >= since}
        places: list[ChunkPlace] = []
        for day, database in self._files(days, rested - touched):
            with database.snapshot() as connection:
                series = found_series(connection, database.path, names)
                if series is None:
                    continue
                texts[series.kinds] = texts.pop(series.kinds, None)
                if since > last or series.first_us > last or series.last_us < since:
                    continue
                if series.number not in database.checked_series:
                    require_chunks(connection, database.path, series)
                    database.checked_series.add(series.number)
                rows = live_rows(connection, database.path, series, since, last)
                places += [ChunkPlace(row.first_us, day, row) for row in rows]
        known: dict[str, str] = {}
        for text in texts:
            known |= json.loads(text)
        return places, known

    def _files(self, days: Iterable[str], but: Collection[str]) -> Iterator[tuple[str, Database]]:
        """The files of the days but some, their lists of series checked once."""
        for day in days:
            database = None if day in but else self._days.file(day)
            if database is None:
                continue
            database.forget_old_checks()
            if not database.is_checked:
                with database.snapshot() as connection:
                    require_series(connection, database.path)
                database.is_checked = True
            yield day, database

    def _batches(self, places: list[ChunkPlace], question: _Question) -> Iterator[Batch]:
        """The batches of the places; a chunk that began before `since_us` is opened early to learn where it stands."""
        since = _FIRST if question.since_us is None else question.since_us
        waiting: list[tuple[int, ChunkPlace, Batch | None]] = [
            (max(place.first_us, since), place, None) for place in places
        ]
        heapq.heapify(waiting)  # ties never reach the batches: every place is another
        while waiting:
            _, place, opened = heapq.heappop(waiting)
            batch = opened or self._read(place, question)
            if batch is None or not len(batch.time):
                continue
            if opened is None and place.first_us < since:
                heapq.heappush(waiting, (int(batch.time[0]), place, batch))
            else:
                yield batch

    def _read(self, place: ChunkPlace, question: _Question) -> Batch | None:
        """The rows of one chunk, None when it has expired since the scan began."""
        day = self._days.file(place.day)
        if day is None:
            return None
        path = day.path
        with day.reading() as connection:
            chunk = read_chunk(connection, path, place.row)
            if chunk is None:
                self._require_expired(place, path, connection, question)
                return None
            with naming(path, place.row):
                return chunk.batch(question.since_us, question.until_us, question.columns, question.kinds)

    def _require_expired(self, place: ChunkPlace, path: Path, connection: Connection, question: _Question) -> None:
        """StoreError when the rows of a chunk that is gone are, or may be, in another one."""
        series = found_series(connection, path, question.names)
        around = () if series is None else live_rows(connection, path, series, place.row.first_us, place.row.last_us)
        if self._clock.now_us() > question.deadline_us or any(row.number > place.row.number for row in around):
            raise StoreError(
                "rows that the scan was to read have been compacted meanwhile: start it again, or raise the storage "
                f"option scan_seconds ({self._scan_us / 1e6:g} here) for every process that maintains this store"
            )
