"""What a storage plugin is: four shapes of data, one atomic write, no SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeAlias, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.table import Table

Scalar: TypeAlias = "str | int | float | None"


class Durability(StrEnum):
    """What an acknowledged commit survives; each level survives what the ones before it do."""

    BUFFERED = "buffered"
    """The end of the call: it is in this process's memory."""
    FLUSHED = "flushed"
    """The death of the process (kill -9)."""
    SYNCED = "synced"
    """The loss of power, as far as the disk keeps its word."""


@attrs.frozen
class Namespace:
    """A family of documents, with the fields that `find` can filter and order by (4 at most)."""

    name: str
    index: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class Append:
    """Add rows to a stream under a key; they are never changed afterwards."""

    stream: str
    key: str
    time: NDArray[np.int64]
    """(n,) int64, UTC microseconds since 1970, in any order."""
    table: Table
    """n rows."""
    wide: tuple[str, ...] = ()
    """Columns to store apart, because most reads do without them (features)."""


@attrs.frozen
class Put:
    """Write a document, if its revision is still the expected one."""

    namespace: Namespace
    key: str
    value: Mapping[str, Any]
    """What JSON can hold."""
    index: Mapping[str, Scalar] = attrs.field(factory=dict)
    """A value for each of the namespace's index fields; one left out is None."""
    expect: int | None = None
    """The revision it must have now; 0: must not exist; None: whatever it is."""


@attrs.frozen
class Delete:
    """Remove a document, if its revision is still the expected one. One that is not there is no error."""

    namespace: Namespace
    key: str
    expect: int | None = None


@attrs.frozen
class LogEntry:
    """Add an entry to a hash-chained log, if its head is still the expected one."""

    log: str
    body: Mapping[str, Any]
    """What JSON can hold."""
    expect: str | None = None
    """The digest of the entry that must be the last now; "" for an empty log; None: whatever it is."""


Operation: TypeAlias = "Append | Put | Delete | LogEntry"


@attrs.frozen
class Receipt:
    """The commit is done, as durable as `durability` says."""

    durability: Durability
    revisions: tuple[int, ...] = ()
    """The new revision of each Put, in order."""
    digests: tuple[str, ...] = ()
    """The digest of each LogEntry, in order."""
    is_replay: bool = False
    """Whether this (writer, seq) had been committed before, so that nothing was done now."""


@attrs.frozen
class Document:
    """A document as it is stored; revisions count from 1."""

    key: str
    value: Mapping[str, Any]
    revision: int
    index: Mapping[str, Scalar] = attrs.field(factory=dict)
    """The index fields' values; `find` needs them to know where the page after this document begins."""


@attrs.frozen
class LoggedEntry:
    """An entry of a log; `digest` is SHA-256 over ``previous``, ``number`` and the body's canonical JSON."""

    number: int
    """Counts from 1."""
    previous: str
    """The digest before it, "" for the first."""
    digest: str
    body: Mapping[str, Any]


@attrs.frozen(eq=False)
class Batch:
    """Some rows of a scan, in time order within the batch."""

    time: NDArray[np.int64]
    table: Table
    wide: tuple[str, ...] = ()
    """Those of its columns that are stored apart."""


@attrs.frozen
class Capabilities:
    """What a back end can do."""

    name: str
    schema: int
    """The version of its layout on disk."""
    durability: frozenset[Durability]
    many_processes: bool
    many_hosts: bool


@attrs.frozen
class Maintenance:
    """What `maintain` did."""

    compacted_chunks: int = 0
    expired_bytes: int = 0
    is_finished: bool = True
    """False when the budget ran out first; call again to go on."""


@attrs.frozen
class StoredBlob:
    """A blob that is there."""

    digest: str
    """SHA-256, hexadecimal."""
    size: int
    kept_us: int
    """When these bytes were last put, UTC microseconds since 1970."""


@runtime_checkable
class SweepsBlobs(Protocol):
    """What a back end does besides `Storage` when blobs that nobody refers to can be removed from it."""

    def blobs(self) -> Iterator[StoredBlob]:
        """Every blob; one that is put or removed meanwhile may be told or not."""
        ...

    def remove_blob(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`; whether it was removed.

        Putting the same bytes again, however shortly before, keeps them: of a put and a removal at the same time either
        the removal is first, and the put stores the bytes anew, or it does nothing.
        """
        ...


class Outline(NamedTuple):
    """A document without its value."""

    key: str
    revision: int
    fields: tuple[Scalar, ...]
    """The values of the namespace's index fields, in their order."""


@runtime_checkable
class Outlines(Protocol):
    """What a back end does besides `Storage` when it can tell cheaply which documents there are, and which are new.

    A document that is removed and written again begins at revision 1: who keeps what it has read compares an index
    field that differs then, too.
    """

    def outlines(
        self, namespace: Namespace, where: Mapping[str, Scalar] | None = None, order: Sequence[str] = ()
    ) -> tuple[Outline, ...]:
        """The documents that `find` would give, in its order; no value is read."""
        ...


@runtime_checkable
class Storage(Protocol):
    """Everything that watchkeeper keeps. Safe to use from several threads, and again after a crash.

    Names (streams, keys, namespaces, logs) are 1 to 200 characters of NFC text without control characters;
    anything else is a UsageError.
    """

    def commit(
        self,
        operations: Sequence[Operation],
        durability: Durability = Durability.SYNCED,
        *,
        writer: str | None = None,
        seq: int | None = None,
    ) -> Receipt:
        """Do all of the operations or none.

        A commit holds either Appends or the other three, not both (UsageError): telemetry and state may live
        in different files. With `writer` and `seq` (counting up), a second commit of the same pair does nothing and
        says so in the receipt, so that a caller who does not know whether a commit arrived sends it again.

        Raises
        ------
        Conflict
            An expectation was not met; nothing was written.
        StoreError
            It could not be written; nothing was.
        """
        ...

    def scan(
        self,
        stream: str,
        key: str,
        since_us: int | None = None,
        until_us: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Iterator[Batch]:
        """Rows with ``since_us <= time < until_us``, the batches in order of their first row's time.

        Only `columns` are read (all when None); one that a batch does not have is left out of that batch.
        Late rows can make batches overlap: sort when order over all rows matters.
        """
        ...

    def keys(self, stream: str) -> tuple[str, ...]:
        """The keys that a stream has rows under, sorted."""
        ...

    def span(self, stream: str, key: str) -> tuple[int, int] | None:
        """The first and the last time among a key's rows, UTC microseconds; None when there are none. Cheap."""
        ...

    def get(self, namespace: Namespace, key: str) -> Document | None:
        """A document, or None."""
        ...

    def find(
        self,
        namespace: Namespace,
        where: Mapping[str, Scalar] | None = None,
        order: Sequence[str] = (),
        after: Document | None = None,
        limit: int | None = None,
    ) -> tuple[Document, ...]:
        """Documents whose index fields equal `where`, ordered by index fields (``-field`` descends), then by key.

        None is less than anything else: first, or last where the order descends. `after` is the last document of the
        page before. A field that is not declared is a UsageError.
        """
        ...

    def put_blob(self, source: BinaryIO) -> str:
        """Keep the bytes, durable when it returns; the same bytes are kept once. Returns SHA-256 in hexadecimal."""
        ...

    def open_blob(self, digest: str) -> BinaryIO:
        """The bytes, already checked against the digest. NotFound, or StoreCorrupt when they differ.

        What is read is what was checked: nobody who can write to the store's files changes it in between.
        """
        ...

    def read_log(self, log: str, after: int = 0) -> Iterator[LoggedEntry]:
        """Entries with a number above `after`, each checked against the one before; StoreCorrupt at a break."""
        ...

    def maintain(self, budget_seconds: float = 1.0) -> Maintenance:
        """Compact, expire, checkpoint, for about this long; safe beside readers and writers and at any kill."""
        ...

    def describe(self) -> Capabilities:
        """What this back end can do."""
        ...

    def close(self) -> None:
        """Release everything; may be called twice."""
        ...
