"""The PostgreSQL back end as the contract wants it: its parts over one server."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import attrs

from watchkeeper.clock import Clock, SystemClock
from watchkeeper.contracts.storage import (
    Append,
    Batch,
    Capabilities,
    Document,
    Durability,
    LoggedEntry,
    Maintenance,
    Namespace,
    Operation,
    Outline,
    Receipt,
    Scalar,
    StoredBlob,
)
from watchkeeper.contracts.storage_calls import checked_durability, checked_moment, checked_operations, checked_pair
from watchkeeper.contracts.storage_contents import Inventory
from watchkeeper.contracts.storage_rules import has_appends
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.names import stored_name

from . import logs
from .appending import Appending
from .blobs import Blobs
from .committing import Committing
from .contents import inventory
from .documents import SELECT, Namespaces, document_of
from .finding import Finding
from .layout import SCHEMA, Connection
from .maintenance import Maintaining
from .options import PostgresOptions
from .scanning import Scanning
from .server import Server


@attrs.frozen(eq=False)
class _Parts:
    """Everything that one process has open."""

    server: Server
    namespaces: Namespaces
    committing: Committing
    scanning: Scanning
    finding: Finding
    blobs: Blobs
    maintaining: Maintaining

    @classmethod
    def opened(cls, options: PostgresOptions, clock: Clock) -> _Parts:
        server = Server(options)
        namespaces = Namespaces()
        return cls(
            server=server,
            namespaces=namespaces,
            committing=Committing(server, namespaces, Appending(options.chunk_rows)),
            scanning=Scanning(server, options.scan_seconds),
            finding=Finding(server, namespaces),
            blobs=Blobs(server, clock),
            maintaining=Maintaining(options, clock, server),
        )


class PostgresStorage:
    """A schema of a PostgreSQL database; does what `Storage` says."""

    def __init__(self, options: PostgresOptions, clock: Clock | None = None) -> None:
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
        """Do all of the operations or none, once, also when the connection is lost meanwhile.

        BUFFERED is kept as FLUSHED: the server has it, and would lose it only with its own death. SYNCED is given only
        by a server that runs with ``fsync = on``. The receipt says what it was.
        """
        pair = checked_pair(writer, seq)
        operations = checked_operations(operations)
        durability = checked_durability(durability)
        committing = self._usable().committing
        if not operations and pair is None:
            return Receipt(self._usable().server.kept(durability))
        if has_appends(operations):
            appends = [operation for operation in operations if isinstance(operation, Append)]
            return committing.append(appends, durability, pair)
        return committing.change(operations, durability, pair)

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
        stored_name(key, "key")
        parts = self._usable()

        def look(connection: Connection) -> tuple[Any, ...] | None:
            number = parts.namespaces.number(connection, namespace)
            return connection.execute(SELECT + "namespace = %s AND key = %s", (number, key)).fetchone()

        row = parts.server.read(look)
        return None if row is None else document_of(row, parts.server.place, namespace)

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
        """Every blob; one that is put or removed meanwhile may be told or not."""
        return self._usable().blobs.held()

    def remove_blob(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`; whether it was removed."""
        return self._usable().blobs.remove(digest, before_us)

    def inventory(self) -> Inventory:
        """What is there now, besides blobs."""
        return inventory(self._usable().server)

    def read_log(self, log: str, after: int = 0) -> Iterator[LoggedEntry]:
        """The entries of a log, each checked."""
        return logs.read(self._usable().server, log, after)

    def maintain(self, budget_seconds: float = 1.0) -> Maintenance:
        """Compact and expire; the room is given back to the server by its own autovacuum."""
        return self._usable().maintaining.run(budget_seconds)

    def describe(self) -> Capabilities:
        """What this back end can do."""
        levels = {Durability.FLUSHED, self._usable().server.kept(Durability.SYNCED)}
        return Capabilities(
            name="postgresql", schema=SCHEMA, durability=frozenset(levels), many_processes=True, many_hosts=True
        )

    def close(self) -> None:
        """Release everything; may be called twice."""
        with self._lock:
            parts, self._parts = self._parts, None
            if parts is not None and parts.server.process == os.getpid():
                parts.server.close()

    def _usable(self) -> _Parts:
        """The open parts; opened anew in a process that was forked off: two must not speak on one connection."""
        parts = self._parts
        if parts is None:
            raise StoreError(f"the store {self._options.place} is closed: open it again")
        if parts.server.process == os.getpid():
            return parts
        self._lock = threading.Lock()  # the parent's may have been held at the fork
        self._inherited.append(parts)  # closing them here would end the parent's connections
        self._parts = _Parts.opened(self._options, self._clock)
        return self._parts
