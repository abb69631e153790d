"""Verifying a whole store: everything is read, and what is not as it was written is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from watchkeeper.contracts.storage import Storage, SweepsBlobs
from watchkeeper.contracts.storage_contents import VerifiesItself
from watchkeeper.domain.errors import NotFound, StoreError

from .contents import Teller, checked_blob, documents_of, inventory_of, log_end


def problems_of(storage: Storage, tell: Teller) -> tuple[str, ...]:
    """A sentence for each thing that is not as it was written, one for each damaged part; O(bytes of the store)."""
    if isinstance(storage, VerifiesItself):
        tell("reading every file")
        return storage.verify()
    return tuple(_problems(storage, tell))


def _problems(storage: Storage, tell: Teller) -> Iterator[str]:
    inventory = inventory_of(storage)
    for held in inventory.series:
        tell(f"reading {held.rows:,} rows of {held.stream}/{held.key}")
        yield from _said(_read_rows, storage, held.stream, held.key, held.rows)
    tell("reading documents, logs and blobs")
    for documents in inventory.namespaces:
        yield from _said(_read_all, documents_of(storage, documents.namespace))
    for log in inventory.logs:
        yield from _said(log_end, storage, log.name)
    if isinstance(storage, SweepsBlobs):
        for blob in storage.blobs():
            yield from _said(checked_blob, storage, blob.digest)


def _read_rows(storage: Storage, stream: str, key: str, rows: int) -> None:
    found = sum(len(batch.time) for batch in storage.scan(stream, key))
    if found < rows:
        raise StoreError(f"{stream}/{key} has {found:,} rows; {rows:,} were counted")


def _read_all(items: Iterator[object]) -> None:
    for _ in items:
        pass


def _said(check: Callable[..., object], *arguments: object) -> Iterator[str]:
    try:
        check(*arguments)
    except (StoreError, NotFound) as error:
        yield str(error)
