"""Maintenance: a little at a time, rows expire, small chunks become large ones, logs are moved into their files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Durability, Maintenance
from watchkeeper.domain.errors import StoreBusy, StoreError

from .blobs import Blobs
from .catalogue import Catalogue
from .compaction import compact, groups_of, pieces_of
from .database import Database
from .days import RECENT_DAYS, REMEMBERED_US, Days
from .directory import all_series, delete_chunks, delete_wide, retired_before
from .expiry import Held, Lifetimes, expire_chunks, held_in
from .gate import Gate
from .options import SqliteOptions

_PER_TRANSACTION: Final = 200
_PAIRS_PER_TRANSACTION: Final = 5000
_VACUUMED_PAGES: Final = 512


@attrs.define
class _Done:
    compacted: int = 0
    expired_bytes: int = 0


@attrs.define
class _Round:
    """What is left of one round over all files; kept from call to call."""

    files: list[str]
    newest: frozenset[str]
    cuts: dict[str, int]


@attrs.define(eq=False)
class Maintaining:
    """Does the chores of a store, as much as fits into a budget, and goes on there the next time."""

    _options: SqliteOptions
    _clock: Clock
    _state: Database
    _days: Days
    _catalogue: Catalogue
    _blobs: Blobs
    _gate: Gate
    _round: _Round | None = None

    def run(self, budget_seconds: float) -> Maintenance:
        """Work for about `budget_seconds`; one process at a time, another waits for its turn within its budget."""
        deadline = time.monotonic() + budget_seconds
        done = _Done()
        try:
            with attrs.evolve(self._gate, patience_seconds=max(budget_seconds, 0.0)).turn():
                for _ in self._chores(done):
                    if time.monotonic() >= deadline:
                        return Maintenance(done.compacted, done.expired_bytes, is_finished=False)
        except StoreBusy:
            return Maintenance(done.compacted, done.expired_bytes, is_finished=False)
        return Maintenance(done.compacted, done.expired_bytes)

    @contextmanager
    def kept_away(self) -> Iterator[None]:
        """While the block runs, no process compacts or expires anything in this store."""
        with self._gate.turn():
            yield

    def _chores(self, done: _Done) -> Iterator[None]:
        """Each step is short and leaves the store whole."""
        if self._round is None:
            self._round = self._begun(done)
            yield
        current = self._round
        while current.files:
            try:
                yield from self._file_chores(current.files[-1], current, done)
            except StoreError:
                current.files.pop()  # a damaged file must not keep the others from their chores the next time
                raise
            current.files.pop()
            yield
        yield from self._forget_pairs(self._state, self._clock.now_us() - REMEMBERED_US)
        self._state.checkpoint()
        self._round = None

    def _begun(self, done: _Done) -> _Round:
        for name in self._days.crossed_out():
            done.expired_bytes += self._days.remove_expired(name)
        self._blobs.remove_unfinished()
        names = self._days.names()
        self._catalogue.forget_others(names)
        cuts: dict[str, int] = {}
        if Lifetimes.of(self._options).keep_bytes:
            cuts = Lifetimes.of(self._options).cuts(self._held(name) for name in names)
        return _Round(files=names, newest=frozenset(names[-RECENT_DAYS - 1 :]), cuts=cuts)

    def _file_chores(self, name: str, current: _Round, done: _Done) -> Iterator[None]:
        is_today = name == self._days.today()
        if Lifetimes.of(self._options).are_any:
            yield from self._expire(name, current, done)
        yield from self._delete_retired(name)
        yield from self._compact(name, done, is_closed=not is_today)
        database = self._days.file(name)
        if database is None:
            return
        if not is_today:
            yield from self._forget_pairs(database, self._clock.now_us() - REMEMBERED_US)
            while database.vacuum(_VACUUMED_PAGES):
                yield
        database.checkpoint()
        if not is_today:
            self._catalogue.write(name)

    def _held(self, name: str) -> dict[str, list[Held]]:
        database = self._days.file(name)
        if database is None:
            return {}
        with database.reading() as connection:
            return held_in(connection)

    def _expire(self, name: str, current: _Round, done: _Done) -> Iterator[None]:
        doomed = Lifetimes.of(self._options).doomed(self._held(name), current.cuts, self._clock.now_us())
        if doomed.is_everything and name not in current.newest:
            done.expired_bytes += self._days.remove_expired(name)
            yield
            return
        for some in _portions(doomed.whole):
            with self._days.changing(name, Durability.SYNCED) as connection:
                if connection is not None:
                    expire_chunks(connection, self._days.path(name), some)
                    done.expired_bytes += sum(chunk.narrow_bytes + chunk.wide_bytes for chunk in some)
            yield
        for some in _portions(doomed.wide):
            with self._days.changing(name, Durability.SYNCED) as connection:
                if connection is not None:
                    delete_wide(connection, [chunk.row for chunk in some])
                    done.expired_bytes += sum(chunk.wide_bytes for chunk in some)
            yield

    def _delete_retired(self, name: str) -> Iterator[None]:
        """Remove chunks that were compacted so long ago that no scan can still be reading them."""
        before = self._clock.now_us() - int(self._options.scan_seconds * 1e6)
        while database := self._days.file(name):
            with database.reading() as connection:
                rows = retired_before(connection, before, _PER_TRANSACTION)
            if not rows:
                return
            with self._days.changing(name, Durability.SYNCED) as connection:
                if connection is not None:
                    delete_chunks(connection, rows)
            yield

    def _compact(self, name: str, done: _Done, *, is_closed: bool) -> Iterator[None]:
        database = self._days.file(name)
        if database is None:
            return
        path = self._days.path(name)
        with database.snapshot() as connection:
            pieces = {series: pieces_of(connection, path, series) for series in all_series(connection, path)}
        for series, some in pieces.items():
            for group in groups_of(some, self._options.chunk_rows, is_closed=is_closed):
                done.compacted += compact(self._days, name, series, group, self._clock.now_us())
                yield

    @staticmethod
    def _forget_pairs(database: Database, before_us: int) -> Iterator[None]:
        """Forget which (writer, seq) were committed long ago."""
        while True:
            with database.reading() as connection:
                pairs = connection.execute(
                    "SELECT writer, seq FROM applied WHERE at_us < ? LIMIT ?", (before_us, _PAIRS_PER_TRANSACTION)
                ).fetchall()
            if not pairs:
                return
            with database.writing(Durability.FLUSHED) as connection:
                connection.executemany("DELETE FROM applied WHERE writer = ? AND seq = ?", pairs)
            yield


def _portions(chunks: Sequence[Held]) -> Iterator[Sequence[Held]]:
    for start in range(0, len(chunks), _PER_TRANSACTION):
        yield chunks[start : start + _PER_TRANSACTION]
