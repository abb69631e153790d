"""Maintenance: a little at a time, rows expire, small chunks become large ones, what is done with is forgotten.

Several hosts may do it at once: each takes the chunks that it works on with FOR UPDATE SKIP LOCKED, so that they share
the work and none waits for another. Every step is a transaction of its own, and leaves the store whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import attrs
import numpy as np

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append, Durability, Maintenance
from watchkeeper.domain.errors import StoreCorrupt
from watchkeeper.domain.table import joined
from watchkeeper_plugins.storage.encoding.blocks import BlockDamaged
from watchkeeper_plugins.storage.encoding.chunks import StoredChunk, chunks_of
from watchkeeper_plugins.storage.grouping import Piece, groups_of

from .appending import copy_chunks
from .committing import OWN_WRITER
from .layout import Connection
from .options import PostgresOptions
from .server import Server

_DAY_US: Final = 86_400_000_000
_PER_STEP: Final = 200
_PAIRS_PER_STEP: Final = 5000
_OWN_PAIRS: Final = "1 hour"
"""How long the pairs that we made up are remembered: a call is not tried again for longer."""
_OTHER_PAIRS: Final = "7 days"
"""How long a (writer, seq) of a caller is."""
_EXPIRED: Final = (
    "DELETE FROM chunk WHERE id IN (SELECT c.id FROM chunk c JOIN series s ON s.id = c.series"
    " WHERE s.stream = %s AND c.last_us < %s LIMIT %s FOR UPDATE OF c SKIP LOCKED) RETURNING narrow_bytes + wide_bytes"
)
_NARROWED: Final = (
    "WITH old AS (SELECT c.id, c.wide_bytes FROM chunk c JOIN series s ON s.id = c.series"
    " WHERE s.stream = %s AND c.last_us < %s AND c.wide_bytes > 0 LIMIT %s FOR UPDATE OF c SKIP LOCKED)"
    " UPDATE chunk SET wide = NULL, wide_bytes = 0 FROM old WHERE old.id = chunk.id RETURNING old.wide_bytes"
)
_CUT: Final = (
    "SELECT max(last_us) + 1 FROM (SELECT c.last_us,"
    " sum(c.narrow_bytes + c.wide_bytes) OVER (ORDER BY c.last_us DESC, c.id DESC) AS size"
    " FROM chunk c JOIN series s ON s.id = c.series WHERE s.stream = %s AND c.retired_at IS NULL) AS newest_first"
    " WHERE size > %s"
)
_RETIRED: Final = (
    "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE retired_at < now() - make_interval(secs => %s)"
    " LIMIT %s FOR UPDATE SKIP LOCKED)"
)
_FORGOTTEN: Final = (
    "DELETE FROM applied WHERE (writer, seq) IN (SELECT writer, seq FROM applied WHERE at < now() - %s::interval"
    " AND starts_with(writer, %s) LIMIT %s FOR UPDATE SKIP LOCKED)"
)
_PIECES: Final = (
    "SELECT id, rows, shape, wide_bytes > 0 FROM chunk WHERE series = %s AND retired_at IS NULL"
    " AND first_us >= (SELECT min(first_us) FROM chunk WHERE series = %s AND retired_at IS NULL AND NOT is_full)"
    " ORDER BY first_us, id"
)


@attrs.define
class _Done:
    compacted: int = 0
    expired_bytes: int = 0


@attrs.frozen(eq=False)
class Maintaining:
    """Does the chores of a store, as much as fits into a budget."""

    _options: PostgresOptions
    _clock: Clock
    _server: Server

    def run(self, budget_seconds: float) -> Maintenance:
        """Work for about `budget_seconds`; what is left is found again the next time."""
        deadline = time.monotonic() + budget_seconds
        done = _Done()
        for _ in self._chores(done):
            if time.monotonic() >= deadline:
                return Maintenance(done.compacted, done.expired_bytes, is_finished=False)
        return Maintenance(done.compacted, done.expired_bytes)

    def _chores(self, done: _Done) -> Iterator[None]:
        """Yields after each step that has changed something, so that every call gets on."""
        yield from self._expire(done)
        yield from self._repeat(_RETIRED, (self._options.scan_seconds, _PER_STEP))
        yield from self._compact(done)
        yield from self._repeat(_FORGOTTEN, (_OWN_PAIRS, OWN_WRITER, _PAIRS_PER_STEP))
        yield from self._repeat(_FORGOTTEN, (_OTHER_PAIRS, "", _PAIRS_PER_STEP))

    def _expire(self, done: _Done) -> Iterator[None]:
        now_us = self._clock.now_us()
        limits = [(_EXPIRED, stream, now_us - int(days * _DAY_US)) for stream, days in self._options.keep_days.items()]
        for stream, size in self._options.keep_bytes.items():
            cut = self._cut(stream, int(size))
            if cut is not None:
                limits.append((_EXPIRED, stream, int(cut)))
        limits += [
            (_NARROWED, stream, now_us - int(days * _DAY_US)) for stream, days in self._options.keep_wide_days.items()
        ]
        for statement, stream, before_us in limits:
            while sizes := self._rows(statement, (stream, before_us, _PER_STEP)):
                done.expired_bytes += sum(int(size) for (size,) in sizes)
                yield

    def _cut(self, stream: str, keep_bytes: int) -> int | None:
        """The time before which a stream's rows are beyond its bytes."""
        row = self._server.read(lambda connection: connection.execute(_CUT, (stream, keep_bytes)).fetchone())
        return None if row is None or row[0] is None else int(row[0])

    def _compact(self, done: _Done) -> Iterator[None]:
        found = self._server.read(
            lambda connection: connection.execute(
                "SELECT series FROM chunk WHERE retired_at IS NULL AND NOT is_full GROUP BY series HAVING count(*) > 1"
            ).fetchall()
        )
        for (series,) in found:
            for group in groups_of(self._pieces(series), self._options.chunk_rows):
                numbers = [piece.key for piece in group]
                done.compacted += self._server.write(partial(self._merged, series=series, numbers=numbers))
                yield

    def _pieces(self, series: int) -> list[Piece[int]]:
        rows = self._server.read(lambda connection: connection.execute(_PIECES, (series, series)).fetchall())
        return [Piece(number, count, (shape, is_wide)) for number, count, shape, is_wide in rows]

    def _merged(self, connection: Connection, series: int, numbers: Sequence[int]) -> int:
        """Rewrite chunks as one and retire them; how many were: none when somebody else is at them."""
        rows = connection.execute(
            "SELECT id, narrow, wide FROM chunk WHERE id = ANY(%b) AND retired_at IS NULL ORDER BY first_us, id"
            " FOR UPDATE SKIP LOCKED",
            (list(numbers),),
            binary=True,
        ).fetchall()
        if len(rows) < len(numbers):
            return 0
        chunks = [self._opened(*row) for row in rows]
        batches = [chunk.batch() for chunk in chunks]
        when = np.concatenate([batch.time for batch in batches])
        wide = tuple(name for name in chunks[0].wide_names if name in batches[0].table)
        merged = Append("", "", when, joined([batch.table for batch in batches]), wide)
        copy_chunks(
            connection,
            [(series, chunk) for chunk in chunks_of(merged, len(when))],
            full_rows=self._options.chunk_rows,
        )
        connection.execute("UPDATE chunk SET retired_at = now() WHERE id = ANY(%s)", (list(numbers),))
        return len(rows)

    def _opened(self, number: int, narrow: bytes, wide: bytes | None) -> StoredChunk:
        """The chunk, each of its columns read once: damage is not copied into a new chunk."""
        try:
            chunk = StoredChunk(narrow, lambda: wide)
            chunk.batch()
        except BlockDamaged as error:
            raise StoreCorrupt(
                f"{self._server.place}, chunk {number}: {error}; restore the database from a backup"
            ) from error
        return chunk

    def _repeat(self, statement: str, values: tuple[Any, ...]) -> Iterator[None]:
        while self._server.write(lambda connection: connection.execute(statement, values).rowcount, Durability.FLUSHED):
            yield

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._server.write(lambda connection: connection.execute(statement, values).fetchall())
