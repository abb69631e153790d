"""The contents of a store as digests: two stores with equal ones hold the same, whatever their back ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final, TypeVar

import attrs

from watchkeeper.contracts.storage import Document, Namespace, Storage, SweepsBlobs
from watchkeeper.contracts.storage_contents import Inventory, TellsContents
from watchkeeper.domain.chain import canonical_json
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.row_digest import RowDigest

Teller = Callable[[str], None]
"""Told what is being done, for long work."""

COPY_MARK: Final = Namespace("watchkeeper.copy")
"""Says that a copy is under way into the store that holds it; no content of the store."""
_PAGE: Final = 500
_Key = TypeVar("_Key", str, tuple[str, str])


@attrs.frozen
class Contents:
    """What a store holds. Revisions of documents are not part of it: they count writes, and a copy writes once."""

    series: Mapping[tuple[str, str], RowDigest] = attrs.field(factory=dict)
    namespaces: Mapping[str, str] = attrs.field(factory=dict)
    """SHA-256 of each namespace's documents with their keys and index fields."""
    logs: Mapping[str, tuple[int, str]] = attrs.field(factory=dict)
    """How many entries, and the digest of the last, which covers all."""
    blobs: frozenset[str] = frozenset()

    @property
    def digest(self) -> str:
        """SHA-256 over everything, hexadecimal."""
        lines = [f"rows {json.dumps(names)} {found}" for names, found in sorted(self.series.items())]
        lines += [f"documents {json.dumps(name)} {found}" for name, found in sorted(self.namespaces.items())]
        lines += [f"log {json.dumps(name)} {entries} {head}" for name, (entries, head) in sorted(self.logs.items())]
        lines += [f"blob {digest}" for digest in sorted(self.blobs)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def differences(self, other: Contents) -> tuple[str, ...]:
        """The parts that are not the same in both."""
        found = [f"the rows of {stream}/{key}" for stream, key in _differing(self.series, other.series)]
        found += [f"the documents of {name}" for name in _differing(self.namespaces, other.namespaces)]
        found += [f"the log {name}" for name in _differing(self.logs, other.logs)]
        found += [f"the blob {digest}" for digest in sorted(self.blobs ^ other.blobs)]
        return tuple(found)


def contents_of(storage: Storage, tell: Teller) -> Contents:
    """Read everything, each part checked as it is read; O(bytes of the store)."""
    inventory = inventory_of(storage)
    series: dict[tuple[str, str], RowDigest] = {}
    for held in inventory.series:
        tell(f"reading {held.rows:,} rows of {held.stream}/{held.key}")
        batches = storage.scan(held.stream, held.key)
        series[held.stream, held.key] = sum(
            (RowDigest.of(batch.time, batch.table) for batch in batches), start=RowDigest()
        )
    tell("reading documents, logs and blobs")
    return Contents(
        series=series,
        namespaces={held.namespace.name: namespace_digest(storage, held.namespace) for held in inventory.namespaces},
        logs={held.name: log_end(storage, held.name) for held in inventory.logs},
        blobs=frozenset(checked_blob(storage, digest) for digest in blob_sizes(storage)),
    )


def inventory_of(storage: Storage) -> Inventory:
    """What the store holds, without the mark of a copy under way; a UsageError for a back end that does not tell."""
    if not isinstance(storage, TellsContents):
        raise UsageError(
            f"the storage {storage.describe().name} does not tell what it holds, so that it cannot be read whole"
        )
    found = storage.inventory()
    return attrs.evolve(
        found, namespaces=tuple(held for held in found.namespaces if held.namespace.name != COPY_MARK.name)
    )


def blob_sizes(storage: Storage) -> dict[str, int]:
    """The size of each blob by its digest; a UsageError for a back end that does not list them."""
    if not isinstance(storage, SweepsBlobs):
        raise UsageError(
            f"the storage {storage.describe().name} does not list its blobs, so that it cannot be read whole"
        )
    return {blob.digest: blob.size for blob in storage.blobs()}


def documents_of(storage: Storage, namespace: Namespace) -> Iterator[Document]:
    """All documents in the order of their keys, read by the page."""
    after: Document | None = None
    while page := storage.find(namespace, after=after, limit=_PAGE):
        yield from page
        after = page[-1]


def document_digest(document: Document) -> str:
    """SHA-256 of a document with its key and its index fields, hexadecimal."""
    index = json.dumps(dict(document.index), sort_keys=True)
    text = f"{json.dumps(document.key)}\n{index}\n{canonical_json(document.value)}"
    return hashlib.sha256(text.encode()).hexdigest()


def namespace_digest(storage: Storage, namespace: Namespace) -> str:
    """SHA-256 over all documents of a namespace, and over what it is indexed by."""
    hashed = hashlib.sha256(json.dumps(namespace.index).encode())
    for document in documents_of(storage, namespace):
        hashed.update(document_digest(document).encode())
    return hashed.hexdigest()


def log_end(storage: Storage, name: str) -> tuple[int, str]:
    """How many entries a log has, and the digest of the last, each entry checked against the one before."""
    end = (0, "")
    for entry in storage.read_log(name):
        end = (entry.number, entry.digest)
    return end


def checked_blob(storage: Storage, digest: str) -> str:
    """The digest itself, once the blob's bytes were compared with it."""
    storage.open_blob(digest).close()
    return digest


def _differing(one: Mapping[_Key, object], other: Mapping[_Key, object]) -> list[_Key]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
