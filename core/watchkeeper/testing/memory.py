"""A storage back end in memory, for tests: the whole contract, nothing on disk."""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import attrs
import numpy as np

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
from watchkeeper.contracts.storage_contents import HeldLog, HeldNamespace, HeldSeries, Inventory
from watchkeeper.contracts.storage_kinds import as_known, require_same_kinds, written_kinds
from watchkeeper.contracts.storage_rules import (
    canonical_json,
    checked_append,
    checked_field,
    checked_namespace,
    checked_scalar,
    checked_storage_name,
    entry_digest,
    has_appends,
)
from watchkeeper.domain.errors import Conflict, NotFound, StoreCorrupt, StoreError, UsageError
from watchkeeper.domain.table import Categories, Column, Table


@attrs.frozen
class _Stored:
    body: str
    index: Mapping[str, Scalar]
    revision: int

    def document(self, key: str) -> Document:
        return Document(key, json.loads(self.body), self.revision, self.index)


@attrs.define
class _State:
    """Documents and logs; a commit works on a copy and swaps it in."""

    namespaces: dict[str, Namespace] = attrs.field(factory=dict)
    documents: dict[str, dict[str, _Stored]] = attrs.field(factory=dict)
    logs: dict[str, tuple[LoggedEntry, ...]] = attrs.field(factory=dict)

    def copy(self) -> _State:
        return _State(
            dict(self.namespaces), {name: dict(found) for name, found in self.documents.items()}, dict(self.logs)
        )


class MemoryStorage:
    """Keeps everything in this process; what is acknowledged lasts as long as the object (``buffered``)."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.RLock()
        self._state = _State()
        self._batches: dict[tuple[str, str], list[Batch]] = {}
        self._kinds: dict[tuple[str, str], dict[str, str]] = {}
        self._blobs: dict[str, bytes] = {}
        self._kept_us: dict[str, int] = {}
        self._receipts: dict[tuple[str, int], Receipt] = {}
        self._is_closed = False

    def commit(
        self,
        operations: Sequence[Operation],
        durability: Durability = Durability.SYNCED,
        *,
        writer: str | None = None,
        seq: int | None = None,
    ) -> Receipt:
        """Do all of the operations or none. Memory has one level of durability, and the receipt says so."""
        pair = checked_pair(writer, seq)
        operations = checked_operations(operations)
        checked_durability(durability)
        with self._lock:
            self._check_open()
            known = None if pair is None else self._receipts.get(pair)
            if known is not None:
                return attrs.evolve(known, is_replay=True)
            receipt = self._append(operations) if has_appends(operations) else self._change(operations)
            if pair is not None:
                self._receipts[pair] = receipt
            return receipt

    def scan(
        self,
        stream: str,
        key: str,
        since_us: int | None = None,
        until_us: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[Batch]:
        """Rows with ``since_us <= time < until_us``, the batches in order of their first row's time."""
        checked_storage_name(stream, "stream")
        checked_storage_name(key, "key")
        since_us, until_us = checked_moment(since_us, "since_us"), checked_moment(until_us, "until_us")
        with self._lock:
            self._check_open()
            batches = list(self._batches.get((stream, key), ()))
            kinds = dict(self._kinds.get((stream, key), {}))
        found = [_known(_part(batch, since_us, until_us, columns), kinds) for batch in batches]
        return iter(sorted((batch for batch in found if len(batch.time)), key=lambda batch: int(batch.time[0])))

    def keys(self, stream: str) -> tuple[str, ...]:
        """The keys that a stream has rows under, sorted."""
        checked_storage_name(stream, "stream")
        with self._lock:
            self._check_open()
            return tuple(sorted(key for found, key in self._batches if found == stream))

    def span(self, stream: str, key: str) -> tuple[int, int] | None:
        """The earliest and the latest time under a key, or None when there are no rows."""
        checked_storage_name(stream, "stream")
        checked_storage_name(key, "key")
        with self._lock:
            self._check_open()
            batches = self._batches.get((stream, key), [])
            if not batches:
                return None
            return min(int(batch.time[0]) for batch in batches), max(int(batch.time[-1]) for batch in batches)

    def get(self, namespace: Namespace, key: str) -> Document | None:
        """A document, or None."""
        checked_storage_name(key, "key")
        with self._lock:
            self._check_open()
            _check_namespace(self._state, namespace)
            stored = self._state.documents.get(namespace.name, {}).get(key)
        return stored.document(key) if stored else None

    def find(
        self,
        namespace: Namespace,
        where: Mapping[str, Scalar] | None = None,
        order: Sequence[str] = (),
        after: Document | None = None,
        limit: int | None = None,
    ) -> tuple[Document, ...]:
        """Documents whose index fields equal `where`, ordered by index fields, then by key."""
        if limit is not None and limit < 0:
            raise UsageError(f"limit is {limit}; expected a number of documents, or None for all")
        for field in [*(where or {}), *(field.removeprefix("-") for field in order)]:
            checked_field(field, namespace)
        with self._lock:
            self._check_open()
            _check_namespace(self._state, namespace)
            stored = dict(self._state.documents.get(namespace.name, {}))
        found = [stored[key].document(key) for key in stored if _matches(stored[key].index, where or {})]
        # the last of the page before may be gone by now: it takes its old place, and what follows it counts
        ordered = _ordered([document for document in found if after is None or document.key != after.key], after, order)
        start = ordered.index(after) + 1 if after is not None else 0
        return tuple(ordered[start:][:limit])

    def outlines(
        self, namespace: Namespace, where: Mapping[str, Scalar] | None = None, order: Sequence[str] = ()
    ) -> tuple[Outline, ...]:
        """The documents that `find` would give, without their values."""
        return tuple(
            Outline(found.key, found.revision, tuple(found.index.get(field) for field in namespace.index))
            for found in self.find(namespace, where, order)
        )

    def put_blob(self, source: BinaryIO) -> str:
        """Keep the bytes; returns SHA-256 in hexadecimal."""
        data = source.read()
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            self._check_open()
            self._blobs[digest] = data
            self._kept_us[digest] = self._clock.now_us()
        return digest

    def open_blob(self, digest: str) -> BinaryIO:
        """The bytes, checked; NotFound when they are not there, StoreCorrupt when they are others."""
        with self._lock:
            self._check_open()
            data = self._blobs.get(digest)
        if data is None:
            raise NotFound(f"there is no blob {digest}; expected the digest that put_blob returned")
        if hashlib.sha256(data).hexdigest() != digest:
            raise StoreCorrupt(f"the blob {digest} has other bytes than were written: put it again")
        return io.BytesIO(data)

    def blobs(self) -> Iterator[StoredBlob]:
        """Every blob."""
        with self._lock:
            self._check_open()
            return iter([StoredBlob(digest, len(data), self._kept_us[digest]) for digest, data in self._blobs.items()])

    def remove_blob(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`."""
        with self._lock:
            self._check_open()
            if digest not in self._blobs or self._kept_us[digest] >= before_us:
                return False
            del self._blobs[digest], self._kept_us[digest]
            return True

    def inventory(self) -> Inventory:
        """What is there now, besides blobs."""
        with self._lock:
            self._check_open()
            rows = {names: sum(len(batch.time) for batch in batches) for names, batches in self._batches.items()}
            state = self._state
        return Inventory(
            # eight bytes for each time; what the columns take is Python's affair
            series=tuple(HeldSeries(*names, count, count * 8) for names, count in sorted(rows.items())),
            namespaces=tuple(
                HeldNamespace(state.namespaces[name], len(found))
                for name, found in sorted(state.documents.items())
                if found
            ),
            logs=tuple(HeldLog(name, len(entries)) for name, entries in sorted(state.logs.items())),
        )

    def read_log(self, log: str, after: int = 0) -> Iterator[LoggedEntry]:
        """Entries with a number above `after`."""
        checked_storage_name(log, "log")
        if after < 0:
            raise UsageError(f"after is {after}; expected 0 or the number of an entry")
        with self._lock:
            self._check_open()
            entries = self._state.logs.get(log, ())
        return iter([attrs.evolve(entry, body=json.loads(json.dumps(entry.body))) for entry in entries[after:]])

    def maintain(self, budget_seconds: float = 1.0) -> Maintenance:  # noqa: ARG002 - there is nothing to spend it on
        """There is nothing to do."""
        self._check_open()
        return Maintenance()

    def describe(self) -> Capabilities:
        """One process, one host, buffered."""
        return Capabilities("memory", 1, frozenset({Durability.BUFFERED}), many_processes=False, many_hosts=False)

    def close(self) -> None:
        """Refuse everything from now on; may be called twice."""
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError("the store is closed; open it again before using it")

    def _append(self, operations: Sequence[Operation]) -> Receipt:
        appends = [checked_append(operation) for operation in operations if isinstance(operation, Append)]
        kinds = {series: dict(known) for series, known in self._kinds.items()}
        for append in appends:
            known = kinds.setdefault((append.stream, append.key), {})
            found = written_kinds(append.table)
            require_same_kinds(append, found, known)
            known |= found
        self._kinds = kinds
        for append in appends:
            if len(append.time):
                self._batches.setdefault((append.stream, append.key), []).append(_sorted_copy(append))
        return Receipt(Durability.BUFFERED)

    def _change(self, operations: Sequence[Operation]) -> Receipt:
        state = self._state.copy()
        revisions: list[int] = []
        digests: list[str] = []
        for operation in operations:
            if isinstance(operation, Put):
                revisions.append(_put(state, operation))
            elif isinstance(operation, Delete):
                _delete(state, operation)
            elif isinstance(operation, LogEntry):
                digests.append(_log(state, operation))
        self._state = state
        return Receipt(Durability.BUFFERED, tuple(revisions), tuple(digests))


def _put(state: _State, put: Put) -> int:
    checked_storage_name(put.key, "key")
    for field in put.index:
        checked_field(field, put.namespace)
    _check_namespace(state, put.namespace)
    state.namespaces[put.namespace.name] = put.namespace
    index = {field: checked_scalar(put.index.get(field), field) for field in put.namespace.index}
    documents = state.documents.setdefault(put.namespace.name, {})
    revision = documents[put.key].revision if put.key in documents else 0
    _check_revision(put, revision)
    documents[put.key] = _Stored(canonical_json(put.value, f"document {put.key!r}"), index, revision + 1)
    return revision + 1


def _delete(state: _State, delete: Delete) -> None:
    checked_storage_name(delete.key, "key")
    _check_namespace(state, delete.namespace)
    documents = state.documents.setdefault(delete.namespace.name, {})
    _check_revision(delete, documents[delete.key].revision if delete.key in documents else 0)
    documents.pop(delete.key, None)


def _check_revision(operation: Put | Delete, revision: int) -> None:
    if operation.expect is not None and operation.expect != revision:
        raise Conflict(
            f"document {operation.key!r} in {operation.namespace.name} has revision {revision}, "
            f"expected {operation.expect}; read it again and decide again"
        )


def _log(state: _State, entry: LogEntry) -> str:
    checked_storage_name(entry.log, "log")
    entries = state.logs.get(entry.log, ())
    head = entries[-1].digest if entries else ""
    if entry.expect is not None and entry.expect != head:
        raise Conflict(
            f"log {entry.log!r} ends with {head or 'nothing'}, expected {entry.expect or 'nothing'}; read its end again"
        )
    body = canonical_json(entry.body, f"entry of log {entry.log!r}")
    digest = entry_digest(head, len(entries) + 1, body)
    state.logs[entry.log] = (*entries, LoggedEntry(len(entries) + 1, head, digest, json.loads(body)))
    return digest


def _check_namespace(state: _State, namespace: Namespace) -> None:
    known = state.namespaces.get(checked_namespace(namespace).name, namespace)
    if known.index != namespace.index:
        raise UsageError(
            f"the namespace {namespace.name!r} is indexed by {list(known.index)}, as it was first used, "
            f"and not by {list(namespace.index)}"
        )


def _matches(index: Mapping[str, Scalar], where: Mapping[str, Scalar]) -> bool:
    return all(_rank(index.get(field)) == _rank(wanted) for field, wanted in where.items())


def _ordered(found: Sequence[Document], after: Document | None, order: Sequence[str]) -> list[Document]:
    """By the fields of `order`, then by key; with `after` among them."""
    ordered = sorted([*found, *([after] if after is not None else [])], key=lambda document: document.key)
    for term in reversed(order):
        field = term.removeprefix("-")
        ordered.sort(key=lambda document: _rank(document.index.get(field)), reverse=term.startswith("-"))
    return ordered


def _rank(value: Scalar) -> tuple[int, float, str]:
    """None, then numbers, then text."""
    if value is None:
        return (0, 0.0, "")
    return (2, 0.0, value) if isinstance(value, str) else (1, value, "")


def _sorted_copy(append: Append) -> Batch:
    order = np.argsort(append.time, kind="stable")
    return Batch(append.time[order], append.table.rows(order), append.wide)


def _part(batch: Batch, since_us: int | None, until_us: int | None, columns: Sequence[str] | None) -> Batch:
    start = 0 if since_us is None else int(np.searchsorted(batch.time, since_us, side="left"))
    stop = len(batch.time) if until_us is None else int(np.searchsorted(batch.time, until_us, side="left"))
    names = batch.table.names if columns is None else [name for name in columns if name in batch.table]
    part = slice(start, max(start, stop))
    table = Table({name: _copied(batch.table[name][part]) for name in names})
    return Batch(batch.time[part].copy(), table, tuple(name for name in batch.wide if name in table))


def _known(batch: Batch, kinds: Mapping[str, str]) -> Batch:
    table = Table({name: as_known(column, kinds.get(name)) for name, column in batch.table.columns.items()})
    return Batch(batch.time, table, batch.wide)


def _copied(column: Column) -> Column:
    return Categories(column.codes.copy(), column.labels) if isinstance(column, Categories) else column.copy()
