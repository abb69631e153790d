"""Scans: which chunks a question touches, and their rows in the order of time."""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Batch
from watchkeeper.domain.errors import StoreCorrupt, StoreError
from watchkeeper.domain.names import stored_name
from watchkeeper_plugins.storage.encoding.blocks import BlockDamaged
from watchkeeper_plugins.storage.encoding.chunks import StoredChunk

from .layout import Connection
from .server import Server, together

_FIRST: Final = -(2**63)
_LAST: Final = 2**63 - 1
_FETCHED_BYTES: Final = 8_388_608
"""Of chunks that are fetched with one question; the network is asked seldom, and memory stays bounded."""
_PLACES: Final = (
    "SELECT c.id, c.first_us, c.narrow_bytes, c.wide_bytes FROM series s JOIN chunk c ON c.series = s.id"
    " WHERE s.stream = %s AND s.key = %s AND c.retired_at IS NULL AND c.first_us <= %s AND c.last_us >= %s"
    " ORDER BY greatest(c.first_us, %s), c.id"
)
_SPAN: Final = (
    "SELECT (SELECT min(c.first_us) FROM chunk c WHERE c.series = s.id AND c.retired_at IS NULL),"
    " (SELECT max(c.last_us) FROM chunk c WHERE c.series = s.id AND c.retired_at IS NULL)"
    " FROM series s WHERE s.stream = %s AND s.key = %s"
)


@attrs.frozen
class _Place:
    """A chunk that a scan will read."""

    number: int
    first_us: int
    narrow_bytes: int
    wide_bytes: int


@attrs.frozen(eq=False)
class _Question:
    since_us: int | None
    until_us: int | None
    columns: tuple[str, ...] | None
    kinds: Mapping[str, str]
    """What the columns of the series hold."""
    deadline: float
    """Of the monotonic clock."""


class Scanning:
    """Reads chunks from a server."""

    def __init__(self, server: Server, scan_seconds: float) -> None:
        self._server = server
        self._scan_seconds = scan_seconds

    def keys(self, stream: str) -> tuple[str, ...]:
        """The keys under which the stream has rows, sorted."""
        stored_name(stream, "stream")
        rows = self._server.read(
            lambda connection: connection.execute(
                "SELECT key FROM series s WHERE stream = %s"
                " AND EXISTS (SELECT 1 FROM chunk c WHERE c.series = s.id AND c.retired_at IS NULL)",
                (stream,),
            ).fetchall()
        )
        return tuple(sorted(key for (key,) in rows))

    def span(self, stream: str, key: str) -> tuple[int, int] | None:
        """The first and the last time among the rows of a key."""
        names = (stored_name(stream, "stream"), stored_name(key, "key"))
        row = self._server.read(lambda connection: connection.execute(_SPAN, names).fetchone())
        return None if row is None or row[0] is None else (int(row[0]), int(row[1]))

    def scan(
        self, stream: str, key: str, since_us: int | None, until_us: int | None, columns: Sequence[str] | None
    ) -> Iterator[Batch]:
        """Batches ordered by the time of their first row; what is written after the call is not seen."""
        names = (stored_name(stream, "stream"), stored_name(key, "key"))
        since = _FIRST if since_us is None else max(since_us, _FIRST)
        last = _LAST if until_us is None else min(until_us - 1, _LAST)
        deadline = time.monotonic() + self._scan_seconds
        if since > last:
            return iter(())

        def look(connection: Connection) -> tuple[list[_Place], Mapping[str, str]]:
            with together(connection):
                found = connection.execute(_PLACES, (*names, last, since, since))
                # after the chunks: their columns are known by then
                kinds = connection.execute("SELECT kinds FROM series WHERE stream = %s AND key = %s", names)
            row = kinds.fetchone()
            return [_Place(*columns) for columns in found], json.loads(row[0]) if row else {}

        places, kinds = self._server.read(look)
        chosen = None if columns is None else tuple(dict.fromkeys(columns))
        question = _Question(since_us, until_us, chosen, kinds, deadline)
        return self._batches(places, question)

    def _batches(self, places: list[_Place], question: _Question) -> Iterator[Batch]:
        """The batches of the places; a chunk that began before `since_us` is opened early to learn where it stands."""
        since = _FIRST if question.since_us is None else question.since_us
        early: list[tuple[int, int, Batch]] = []
        for place, batch in self._read(places, question):
            if batch is None or not len(batch.time):
                continue
            if place.first_us < since:
                heapq.heappush(early, (int(batch.time[0]), place.number, batch))
                continue
            while early and early[0][:2] <= (place.first_us, place.number):
                yield heapq.heappop(early)[2]
            yield batch
        while early:
            yield heapq.heappop(early)[2]

    def _read(self, places: Sequence[_Place], question: _Question) -> Iterator[tuple[_Place, Batch | None]]:
        """Each place with its rows, None when it has expired since the scan began."""
        needs_wide = question.columns is None
        for group in _groups(places, needs_wide=needs_wide):
            found = self._fetched([place.number for place in group], needs_wide=needs_wide)
            for place in group:
                if place.number not in found:
                    self._require_in_time(question)
                    yield place, None
                    continue
                narrow, wide = found[place.number]
                with self._naming(place.number):
                    chunk = StoredChunk(narrow, partial(self._wide, place, wide))
                    needs_wide = needs_wide or not set(chunk.wide_names).isdisjoint(question.columns or ())
                    batch = chunk.batch(question.since_us, question.until_us, question.columns, question.kinds)
                yield place, batch

    def _fetched(self, numbers: list[int], *, needs_wide: bool) -> dict[int, tuple[bytes, bytes | None]]:
        wide = "wide" if needs_wide else "NULL::bytea"
        # one of two words of ours goes into the text
        statement = f"SELECT id, narrow, {wide} FROM chunk WHERE id = ANY(%b)"  # noqa: S608
        rows: list[tuple[Any, ...]] = self._server.read(
            lambda connection: connection.execute(statement, (numbers,), binary=True).fetchall()
        )
        return {number: (narrow, found) for number, narrow, found in rows}

    def _wide(self, place: _Place, fetched: bytes | None) -> bytes | None:
        """The wide block, fetched when it was not; None when there is none any more."""
        if fetched is not None or not place.wide_bytes:
            return fetched
        return self._fetched([place.number], needs_wide=True).get(place.number, (b"", None))[1]

    def _require_in_time(self, question: _Question) -> None:
        if time.monotonic() > question.deadline:
            raise StoreError(
                f"the scan was paused for more than {self._scan_seconds:g} s, and its rows have been compacted "
                "meanwhile: start it again, or raise the storage option scan_seconds"
            )

    @contextmanager
    def _naming(self, number: int) -> Iterator[None]:
        try:
            yield
        except BlockDamaged as error:
            raise StoreCorrupt(
                f"{self._server.place}, chunk {number}: {error}; restore the database from a backup"
            ) from error


def _groups(places: Sequence[_Place], *, needs_wide: bool) -> Iterator[list[_Place]]:
    """The places in order, as many at a time as are fetched together."""
    group: list[_Place] = []
    size = 0
    for place in places:
        group.append(place)
        size += place.narrow_bytes + place.wide_bytes * needs_wide
        if size >= _FETCHED_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
