"""Contract checks of what is promised besides `Storage`: an inventory that tells all, blobs that can be listed."""

from __future__ import annotations

import io
import unittest

from watchkeeper.contracts.storage import Delete, LogEntry, Namespace, Put, Storage, SweepsBlobs
from watchkeeper.contracts.storage_contents import HeldLog, HeldNamespace, Inventory, TellsContents

from .storage_hooks import ALERTS, KEY, STREAM, StorageHooks, numbered


class ContentsChecks(StorageHooks):
    """What `inventory` and `blobs` promise; skipped for a back end without them."""

    def test_an_empty_store_holds_nothing(self, subject: Storage) -> None:
        assert _inventory(subject) == Inventory()

    def test_the_inventory_tells_all_that_is_there_and_nothing_else(self, subject: Storage) -> None:
        others = Namespace("contract.others")
        subject.commit([numbered(0, 20), numbered(20, 5)])
        subject.commit([Put(ALERTS, "a", {}), Put(ALERTS, "b", {}), Put(others, "c", {}), LogEntry("audit", {})])
        subject.commit([Delete(others, "c"), LogEntry("audit", {}), LogEntry("another", {})])
        found = _inventory(subject)
        assert [(one.stream, one.key, one.rows) for one in found.series] == [(STREAM, KEY, 25)], f"{found.series}"
        assert all(one.size > 0 for one in found.series), "rows take some bytes"
        assert found.namespaces == (HeldNamespace(ALERTS, 2),), f"with its index fields: {found.namespaces}"
        assert found.logs == (HeldLog("another", 1), HeldLog("audit", 2)), f"{found.logs}"

    def test_maintenance_does_not_change_the_inventory(self, subject: Storage) -> None:
        for start in range(0, 400, 2):
            subject.commit([numbered(start, 2)])
        while not subject.maintain(1.0).is_finished:
            pass
        assert [one.rows for one in _inventory(subject).series] == [400]

    def test_a_batch_tells_which_of_its_columns_are_stored_apart(self, subject: Storage) -> None:
        subject.commit([numbered(0, 5)])
        (whole,) = subject.scan(STREAM, KEY)
        assert whole.wide == ("double",), f"the columns that the append named, found {whole.wide}"
        (cut,) = subject.scan(STREAM, KEY, since_us=2)
        assert cut.wide == ("double",), f"also of a part of the rows, found {cut.wide}"
        (narrow,) = subject.scan(STREAM, KEY, columns=["number"])
        assert narrow.wide == (), f"only columns of the batch, found {narrow.wide}"

    def test_blobs_can_be_listed(self, subject: Storage) -> None:
        if not isinstance(subject, SweepsBlobs):
            raise unittest.SkipTest(f"{subject.describe().name} does not list its blobs")
        digests = [subject.put_blob(io.BytesIO(data)) for data in (b"", b"small", b"large" * 100_000, b"small")]
        found = {blob.digest: blob.size for blob in subject.blobs()}
        assert found == dict(zip(digests, (0, 5, 500_000, 5), strict=True))


def _inventory(store: Storage) -> Inventory:
    if not isinstance(store, TellsContents):
        raise unittest.SkipTest(f"{store.describe().name} does not tell what it holds")
    return store.inventory()
