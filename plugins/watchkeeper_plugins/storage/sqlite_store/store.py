"""The SQLite back end as the contract wants it: its parts over one folder."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import attrs

from watchkeeper.clock import Clock, SystemClock
from watchkeeper.contracts.storage import (
    Append,
    Batch,
    Capabilities,
    Delete,
    Document,
    Durability,
    LogEntry,
    LoggedEntry,
    Maintenance,
    Namespace,
    Operation,
    Outline,
    Put,
    Receipt,
    Scalar,
    StoredBlob,
)
from watchkeeper.contracts.storage_calls import checked_durability, checked_moment, checked_operations, checked_pair
from watchkeeper.contracts.storage_contents import Inventory
from watchkeeper.contracts.storage_rules import has_appends
from watchkeeper.domain.errors import StoreCorrupt, StoreError

from . import documents, logs
from .appending import Appending
from .backup import back_up
from .blobs import Blobs
from .catalogue import Catalogue
from .connection import Connection
from .contents import inventory
from .database import Database, Gates
from .days import Days
from .failures import told
from .finding import Finding
from .gate import Gate
from .layouts import STATE, TELEMETRY
from .maintenance import Maintaining
from .options import SqliteOptions
from .scanning import Scanning
from .verifying import problems_of


@attrs.frozen(eq=False)
class _Parts:
    """Everything that one process has open."""

    process: int
    state: Database
    days: Days
    appending: Appending
    scanning: Scanning
    finding: Finding
    blobs: Blobs
    maintaining: Maintaining

    @classmethod
    def opened(cls, options: SqliteOptions, clock: Clock) -> _Parts:
        """Open the folder, creating what is missing."""
        folder = options.folder.absolute()
        with told(folder):
            for part in (folder, folder / "telemetry", folder / "blobs"):
                part.mkdir(parents=True, exist_ok=True)
            _require_state(folder)
        layout = Gate(folder / "layout.lock", options.busy_seconds)
        telemetry = Gates(Gate(folder / "telemetry.lock", options.busy_seconds), layout)
        size = int(options.checkpoint_bytes)
        gates = Gates(Gate(folder / "state.lock", options.busy_seconds), layout)
        state = Database(folder / "state.db", STATE, gates, checkpoint_bytes=size)

        def open_day(path: Path, create: bool) -> Database:  # noqa: FBT001 - a Callable has no keywords
            return Database(path, TELEMETRY, telemetry, checkpoint_bytes=size, create=create)

        days = Days(folder / "telemetry", state, telemetry.writing, open_day, clock)
        catalogue = Catalogue(state, days)
        blobs = Blobs(folder / "blobs", state, options.small_blob_bytes, clock)
        return cls(
            process=os.getpid(),
            state=state,
            days=days,
            appending=Appending(days, catalogue, clock, options.chunk_rows),
            scanning=Scanning(days, catalogue, clock, options.scan_seconds),
            finding=Finding(state),
            blobs=blobs,
            maintaining=Maintaining(
                options=options,
                clock=clock,
                state=state,
                days=days,
                catalogue=catalogue,
                blobs=blobs,
                gate=Gate(folder / "maintenance.lock", options.busy_seconds),
            ),
        )

    def close(self) -> None:
        self.days.close()
        self.state.close()


class SqliteStorage:
    """A folder of ``state.db``, ``telemetry/<day>.db`` and ``blobs/``; does what `Storage` says."""

    def __init__(self, options: SqliteOptions, clock: Clock | None = None) -> None:
        self._options = options
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._inherited: list[_Parts] = []
        self._parts: _Parts | None = _Parts.opened(options, self._clock)

    def commit(
        self,
        operations: Sequence[Operation],
        durability: Durability = Durability.SYNCED,
        *,
        writer: str | None = None,
        seq: int | None = None,
    ) -> Receipt:
        """Do all of the operations or none. BUFFERED is kept as FLUSHED, and the receipt says so."""
        pair = checked_pair(writer, seq)
        operations = checked_operations(operations)
        durability = checked_durability(durability)
        kept = Durability.FLUSHED if durability is Durability.BUFFERED else durability
        parts = self._usable()
        if has_appends(operations):
            appends = [operation for operation in operations if isinstance(operation, Append)]
            return parts.appending.commit(appends, kept, pair)
        return self._commit_state(parts, operations, kept, pair)

    def scan(
        self,
        stream: str,
        key: str,
        since_us: int | None = None,
        until_us: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[Batch]:
        """Rows of a stream under a key; the rows that were there when it was called."""
        since, until = checked_moment(since_us, "since_us"), checked_moment(until_us, "until_us")
        return self._usable().scanning.scan(stream, key, since, until, columns)

    def keys(self, stream: str) -> tuple[str, ...]:
        """The keys that a stream has rows under, sorted."""
        return self._usable().scanning.keys(stream)

    def span(self, stream: str, key: str) -> tuple[int, int] | None:
        """The first and the last time among a key's rows, None when there are none."""
        return self._usable().scanning.span(stream, key)

    def get(self, namespace: Namespace, key: str) -> Document | None:
        """A document, or None."""
        state = self._usable().state
        with state.reading() as connection:
            return documents.get(connection, state.path, namespace, key)

    def find(
        self,
        namespace: Namespace,
        where: Mapping[str, Scalar] | None = None,
        order: Sequence[str] = (),
        after: Document | None = None,
        limit: int | None = None,
    ) -> tuple[Document, ...]:
        """Documents by their index fields, in order, by the page."""
        return self._usable().finding.find(namespace, where, order, after, limit)

    def outlines(
        self, namespace: Namespace, where: Mapping[str, Scalar] | None = None, order: Sequence[str] = ()
    ) -> tuple[Outline, ...]:
        """Documents by their index fields, in order, without their values."""
        return self._usable().finding.outlines(namespace, where, order)

    def put_blob(self, source: BinaryIO) -> str:
        """Keep the bytes; returns their SHA-256."""
        return self._usable().blobs.put(source)

    def open_blob(self, digest: str) -> BinaryIO:
        """The bytes, checked."""
        return self._usable().blobs.open(digest)

    def blobs(self) -> Iterator[StoredBlob]:
        """Every blob."""
        return self._usable().blobs.all()

    def remove_blob(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`; whether it was removed."""
        parts = self._usable()
        with parts.maintaining.kept_away():  # and backups, which copy the rows first and the files later
            return parts.blobs.remove(digest, before_us)

    def read_log(self, log: str, after: int = 0) -> Iterator[LoggedEntry]:
        """The entries of a log, each checked."""
        return logs.read(self._usable().state, log, after)

    def maintain(self, budget_seconds: float = 1.0) -> Maintenance:
        """Compact, expire, checkpoint."""
        return self._usable().maintaining.run(budget_seconds)

    def describe(self) -> Capabilities:
        """What this back end can do."""
        return Capabilities(
            name="sqlite",
            schema=max(STATE.schema, TELEMETRY.schema),
            durability=frozenset({Durability.FLUSHED, Durability.SYNCED}),
            many_processes=True,
            many_hosts=False,
        )

    def close(self) -> None:
        """Release everything; may be called twice."""
        with self._lock:
            parts, self._parts = self._parts, None
            if parts is not None and parts.process == os.getpid():
                parts.close()

    def inventory(self) -> Inventory:
        """What is there now, besides blobs."""
        parts = self._usable()
        return inventory(parts.state, parts.days)

    def forget_missing(self) -> tuple[str, ...]:
        """Go on without telemetry files that are gone; returns the days that they held rows of."""
        return self._usable().days.forget_missing()

    def back_up(self, target: Path) -> None:
        """Copy the store into a new folder while others go on; the copy is a store, restored by putting it in place."""
        parts = self._usable()
        with parts.maintaining.kept_away():
            back_up(parts.state, parts.days, parts.blobs, target)

    def verify(self) -> tuple[str, ...]:
        """A sentence for each thing that is not as it was written; reads everything."""
        parts = self._usable()
        with parts.maintaining.kept_away():
            return tuple(problems_of(parts.state, parts.days, parts.blobs))

    def _usable(self) -> _Parts:
        """The open parts; opened anew in a process that was forked off, where SQLite forbids to use the parent's."""
        parts = self._parts
        if parts is None:
            raise StoreError(f"the store {self._options.url} is closed: open it again")
        if parts.process == os.getpid():
            return parts
        self._lock = threading.Lock()  # the parent's may have been held at the fork
        self._inherited.append(parts)  # closing them here would break the parent's locks
        self._parts = _Parts.opened(self._options, self._clock)
        return self._parts

    def _commit_state(
        self, parts: _Parts, operations: Sequence[Operation], durability: Durability, pair: tuple[str, int] | None
    ) -> Receipt:
        with parts.state.writing(durability) as connection:
            if pair is not None:
                row = connection.execute("SELECT receipt FROM applied WHERE writer = ? AND seq = ?", pair).fetchone()
                if row is not None:
                    return _replayed(row[0], durability, parts.state.path)
            revisions, digests = _applied(connection, operations)
            if pair is not None:
                receipt = json.dumps([revisions, digests])
                connection.execute("INSERT INTO applied VALUES (?, ?, ?, ?)", (*pair, self._clock.now_us(), receipt))
        return Receipt(durability, tuple(revisions), tuple(digests))


def _replayed(receipt: str, durability: Durability, path: Path) -> Receipt:
    try:
        revisions, digests = json.loads(receipt)
    except ValueError as error:
        raise StoreCorrupt(f"{path}: the receipt of a commit is damaged: restore this file from a backup") from error
    return Receipt(durability, tuple(revisions), tuple(digests), is_replay=True)


def _require_state(folder: Path) -> None:
    """StoreCorrupt when state.db is gone and its telemetry is not: a new one would hide the loss."""
    state = folder / "state.db"
    has_state = state.exists() and state.stat().st_size > 0
    if not has_state and any((folder / "telemetry").glob("????-??-??.db")):
        raise StoreCorrupt(
            f"{state} is missing or empty, and there are rows under {folder / 'telemetry'}: restore it from a backup, "
            "or move the folder away to begin anew"
        )


def _applied(connection: Connection, operations: Sequence[Operation]) -> tuple[list[int], list[str]]:
    revisions: list[int] = []
    digests: list[str] = []
    for operation in operations:
        if isinstance(operation, Put):
            revisions.append(documents.put(connection, operation))
        elif isinstance(operation, Delete):
            documents.delete(connection, operation)
        elif isinstance(operation, LogEntry):
            digests.append(logs.add(connection, operation))
    return revisions, digests
