"""Copying a store into another, of the same back end or of another, so that it can be stopped and gone on with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import attrs

from watchkeeper.contracts.storage import (
    Append,
    Batch,
    Delete,
    Document,
    LogEntry,
    LoggedEntry,
    Namespace,
    Operation,
    Put,
    Storage,
)
from watchkeeper.contracts.storage_contents import Inventory
from watchkeeper.domain.errors import StoreCorrupt, StoreError
from watchkeeper.domain.row_digest import RowDigest
from watchkeeper.domain.table import Categories

from .contents import (
    COPY_MARK,
    Contents,
    Teller,
    blob_sizes,
    checked_blob,
    contents_of,
    document_digest,
    documents_of,
    inventory_of,
    log_end,
    namespace_digest,
)

T = TypeVar("T")
_MARK: Final = "target"
_ROWS: Final = 50_000
_BYTES: Final = 67_108_864
"""Of rows that are committed together: more of them go faster, and have to fit into memory."""
_OPERATIONS: Final = 200


@attrs.frozen
class Copied:
    """What is in the target now."""

    rows: int
    documents: int
    entries: int
    blobs: int
    digest: str
    """Of the contents, the same in both stores."""


def copy(source: Storage, target: Storage, origin: str, tell: Teller) -> Copied:
    """Copy everything, then read the target back and compare.

    A copy that was stopped goes on where it was, when it is started again from the same `origin` (the source's URL,
    without a password). Documents begin anew at revision 1.

    Raises
    ------
    StoreError
        The target holds something else, or the source has changed meanwhile.
    StoreCorrupt
        The source has damage, or the copy is not what was read.
    """
    token = _begun(source, target, origin)
    before = inventory_of(source)
    expected = Contents(
        series=_rows_copied(source, target, token, tell),
        namespaces={
            held.namespace.name: _documents_copied(source, target, held.namespace) for held in before.namespaces
        },
        logs={held.name: _log_copied(source, target, held.name) for held in before.logs},
        blobs=_blobs_copied(source, target, tell),
    )
    _require_still(source, before, expected)
    tell("comparing")
    differences = expected.differences(contents_of(target, tell))
    if differences:
        raise StoreCorrupt(
            f"the copy differs from its source in {_some(differences)}: empty the target, and copy once more while "
            "nothing writes to either"
        )
    target.commit([Delete(COPY_MARK, _MARK)])
    return Copied(
        rows=sum(digest.rows for digest in expected.series.values()),
        documents=sum(held.documents for held in before.namespaces),
        entries=sum(entries for entries, _ in expected.logs.values()),
        blobs=len(expected.blobs),
        digest=expected.digest,
    )


def require_empty(target: Storage, place: str) -> None:
    """A StoreError when the store holds anything."""
    inventory = inventory_of(target)
    if inventory.series or inventory.namespaces or inventory.logs or blob_sizes(target):
        held = [f"{one.stream}/{one.key}" for one in inventory.series]
        held += [one.namespace.name for one in inventory.namespaces] + [one.name for one in inventory.logs]
        raise StoreError(
            f"{place} is not empty, it holds {_some(held or ['blobs'])}; nothing was written: name a place where "
            "there is nothing yet"
        )


def _begun(source: Storage, target: Storage, origin: str) -> str:
    """Mark the target as one that is being filled; the mark's token makes a commit that was sent twice count once."""
    mark = target.get(COPY_MARK, _MARK)
    if mark is None:
        require_empty(target, "the target")
        blob_sizes(source)  # a source that does not tell what it holds is refused before anything is written
        inventory_of(source)
        token = uuid.uuid4().hex
        target.commit([Put(COPY_MARK, _MARK, {"origin": origin, "token": token}, expect=0)])
        return token
    if mark.value["origin"] != origin:
        raise StoreError(
            f"a copy of {mark.value['origin']} into the target was begun and not finished; expected {origin}: finish "
            "that one, or name an empty target"
        )
    return str(mark.value["token"])


def _rows_copied(source: Storage, target: Storage, token: str, tell: Teller) -> dict[tuple[str, str], RowDigest]:
    there = {(held.stream, held.key): held.rows for held in inventory_of(target).series}
    found: dict[tuple[str, str], RowDigest] = {}
    for number, held in enumerate(inventory_of(source).series):
        names = (held.stream, held.key)
        done = there.get(names, 0)
        tell(f"copying {held.rows:,} rows of {held.stream}/{held.key}" + (f", {done:,} are there" if done else ""))
        found[names] = _series_copied(source, target, names, (f"copy-{token}-{number}", done))
    return found


def _series_copied(source: Storage, target: Storage, names: tuple[str, str], begun: tuple[str, int]) -> RowDigest:
    """Copy what comes after the rows that are there; `begun` is the writer's name and their number.

    Scans of a store at rest give the rows in the same order each time, and a commit is there whole or not at all, so
    that the number of rows tells where to go on.
    """
    writer, done = begun
    digest, seen = RowDigest(), 0
    waiting: list[Append] = []
    for batch in source.scan(*names):
        digest = digest + RowDigest.of(batch.time, batch.table)
        start, seen = seen, seen + len(batch.time)
        if seen > done:
            waiting.append(_append(names, batch, max(done - start, 0)))
        if _is_enough(waiting):
            target.commit(waiting, writer=writer, seq=seen)
            waiting = []
    if waiting:
        target.commit(waiting, writer=writer, seq=seen)
    return digest


def _append(names: tuple[str, str], batch: Batch, start: int) -> Append:
    return Append(*names, batch.time[start:], batch.table.rows(slice(start, None)), batch.wide)


def _is_enough(appends: Sequence[Append]) -> bool:
    return sum(len(one.time) for one in appends) >= _ROWS or sum(map(_size, appends)) >= _BYTES


def _size(append: Append) -> int:
    columns = append.table.columns.values()
    return sum(column.codes.nbytes if isinstance(column, Categories) else column.nbytes for column in columns)


def _documents_copied(source: Storage, target: Storage, namespace: Namespace) -> str:
    """Make the target's documents those of the source; returns their digest."""
    there = {document.key: document_digest(document) for document in documents_of(target, namespace)}
    wanted = documents_of(source, namespace)
    missing = (document for document in wanted if there.pop(document.key, None) != document_digest(document))
    for some in _portions(missing, _OPERATIONS):
        target.commit([_put(namespace, document) for document in some])
    for keys in _portions(iter(there), _OPERATIONS):
        target.commit([Delete(namespace, key) for key in keys])
    return namespace_digest(source, namespace)


def _put(namespace: Namespace, document: Document) -> Put:
    return Put(namespace, document.key, document.value, document.index)


def _log_copied(source: Storage, target: Storage, name: str) -> tuple[int, str]:
    """Add the entries that the target lacks, each of which must get the digest that it has in the source."""
    done, head = log_end(target, name)
    if done:
        last = next(source.read_log(name, done - 1), None)
        if last is None or last.digest != head:
            raise StoreCorrupt(f"the log {name!r} of the target is not a beginning of the source's: empty the target")
    for entries in _portions(source.read_log(name, done), _OPERATIONS):
        head = _entries_added(target, name, entries, head)
    return log_end(source, name)


def _entries_added(target: Storage, name: str, entries: Sequence[LoggedEntry], head: str) -> str:
    """Add them behind `head`; the digest of the last."""
    operations: list[Operation] = [LogEntry(name, entries[0].body, expect=head)]
    operations += [LogEntry(name, entry.body) for entry in entries[1:]]
    digests = target.commit(operations).digests
    if digests != tuple(entry.digest for entry in entries):
        raise StoreCorrupt(f"the log {name!r} got other digests in the target: its entries are not what was read")
    return digests[-1]


def _blobs_copied(source: Storage, target: Storage, tell: Teller) -> frozenset[str]:
    wanted = blob_sizes(source)
    missing = sorted(wanted.keys() - blob_sizes(target).keys())
    if missing:
        tell(f"copying {len(missing):,} blobs, {sum(wanted[digest] for digest in missing):,} bytes")
    for digest in missing:
        with source.open_blob(digest) as data:
            target.put_blob(data)
    for digest in wanted.keys() - set(missing):
        checked_blob(source, digest)
    return frozenset(wanted)


def _require_still(source: Storage, before: Inventory, copied: Contents) -> None:
    """A StoreError when somebody wrote to the source while it was copied."""
    after = inventory_of(source)
    rows = {(held.stream, held.key): held.rows for held in after.series}
    now = Contents(
        series=copied.series,
        namespaces={held.namespace.name: namespace_digest(source, held.namespace) for held in after.namespaces},
        logs={held.name: log_end(source, held.name) for held in after.logs},
        blobs=frozenset(blob_sizes(source)),
    )
    changed = [*now.differences(copied)]
    changed += [
        f"the rows of {stream}/{key}"
        for (stream, key), count in sorted(rows.items())
        if count != copied.series.get((stream, key), RowDigest()).rows
    ]
    if changed or after.namespaces != before.namespaces:
        raise StoreError(
            f"somebody wrote to the source while it was copied ({_some(changed)}): stop everything that uses it, and "
            "start the same copy again"
        )


def _portions(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while some := list(islice(items, size)):
        yield some


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
