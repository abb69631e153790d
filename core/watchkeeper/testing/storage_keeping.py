"""Contract checks of blobs, logs and maintenance: bytes as they were, chains unbroken, rows untouched."""

from __future__ import annotations

import hashlib
import io
import json
import unittest

from watchkeeper.contracts.storage import LogEntry, Storage, SweepsBlobs
from watchkeeper.domain.errors import Conflict, NotFound, StoreCorrupt, UsageError

from .storage_hooks import KEY, STREAM, StorageHooks, numbered, numbers_of, refused, times_of


class KeepingChecks(StorageHooks):
    """What blobs, logs and `maintain` promise."""

    def test_blobs_come_back_under_their_digest(self, subject: Storage) -> None:
        for size in (0, 1, 65_536, 65_537, 3_000_000):
            data = bytes(size % 251 for size in range(256)) * (size // 256 + 1)
            data = data[:size]
            digest = subject.put_blob(io.BytesIO(data))
            assert digest == hashlib.sha256(data).hexdigest(), f"the digest of {size} bytes is their SHA-256"
            assert subject.put_blob(io.BytesIO(data)) == digest, "the same bytes have the same digest"
            with subject.open_blob(digest) as found:
                assert found.read() == data, f"{size} bytes come back as they were"

    def test_a_blob_is_read_from_where_the_source_stands(self, subject: Storage) -> None:
        source = io.BytesIO(b"skip this, keep that")
        source.seek(11)
        with subject.open_blob(subject.put_blob(source)) as found:
            assert found.read() == b"keep that"

    def test_a_blob_that_is_not_there_is_told(self, subject: Storage) -> None:
        digest = hashlib.sha256(b"nobody").hexdigest()
        with refused(NotFound, digest):
            subject.open_blob(digest)

    def test_a_damaged_blob_is_never_handed_out(self, subject: Storage) -> None:
        for data in (b"small", b"large" * 100_000):
            digest = subject.put_blob(io.BytesIO(data))
            self.damage_blob(subject, digest)
            with refused(StoreCorrupt, digest):
                subject.open_blob(digest)
            subject.put_blob(io.BytesIO(data))
            with subject.open_blob(digest) as found:
                assert found.read() == data, "putting the bytes again mends the blob"

    def test_a_blob_that_was_put_again_is_not_removed(self, subject: Storage) -> None:
        store = self._sweeper(subject)
        for data in (b"small", b"large" * 100_000):
            digest = subject.put_blob(io.BytesIO(data))
            (found,) = [blob for blob in store.blobs() if blob.digest == digest]
            assert found.size == len(data), f"a blob of {len(data)} bytes is told as one of {found.size}"
            assert not store.remove_blob(digest, found.kept_us), "put at that moment is not put before it"
            with subject.open_blob(digest) as kept:
                assert kept.read() == data
            assert store.remove_blob(digest, found.kept_us + 1), "a blob that was put before is removed"
            assert not store.remove_blob(digest, found.kept_us + 1), "what is gone is not removed again"
            assert digest not in {blob.digest for blob in store.blobs()}
            with refused(NotFound, digest):
                subject.open_blob(digest)
            subject.put_blob(io.BytesIO(data))
            with subject.open_blob(digest) as kept:
                assert kept.read() == data, "removed bytes can be put again"

    def _sweeper(self, subject: Storage) -> SweepsBlobs:
        if not isinstance(subject, SweepsBlobs):
            raise unittest.SkipTest(f"{type(subject).__name__} has no blobs() and remove_blob()")
        return subject

    def test_each_entry_of_a_log_covers_the_one_before(self, subject: Storage) -> None:
        digests = [subject.commit([LogEntry("audit", {"b": n, "a": "é"})]).digests[0] for n in range(3)]
        entries = list(subject.read_log("audit"))
        assert [entry.number for entry in entries] == [1, 2, 3]
        assert [entry.digest for entry in entries] == digests
        previous = ""
        for entry in entries:
            assert entry.previous == previous, f"entry {entry.number} names the digest before it"
            text = json.dumps(entry.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            expected = hashlib.sha256(f"{previous}\n{entry.number}\n{text}".encode()).hexdigest()
            assert entry.digest == expected, f"entry {entry.number}: SHA-256 over previous, number and canonical JSON"
            previous = entry.digest

    def test_a_log_is_read_from_where_one_left_off(self, subject: Storage) -> None:
        subject.commit([LogEntry("audit", {"n": n}) for n in range(1200)])
        assert [entry.number for entry in subject.read_log("audit", after=1195)] == [1196, 1197, 1198, 1199, 1200]
        assert len(list(subject.read_log("audit"))) == 1200
        assert list(subject.read_log("audit", after=1200)) == []
        assert list(subject.read_log("audit", after=5000)) == []
        assert list(subject.read_log("nobody")) == []
        with refused(UsageError, "-1"):
            subject.read_log("audit", after=-1)

    def test_a_moved_head_is_refused(self, subject: Storage) -> None:
        first = subject.commit([LogEntry("audit", {"n": 1}, expect="")]).digests[0]
        subject.commit([LogEntry("audit", {"n": 2}, expect=first)])
        for stale in ("", first, "0" * 64):
            with refused(Conflict, "audit"):
                subject.commit([LogEntry("audit", {"n": 3}, expect=stale)])
        assert len(list(subject.read_log("audit"))) == 2, "a refused entry is not written"

    def test_logs_do_not_mix(self, subject: Storage) -> None:
        one = subject.commit([LogEntry("one", {"n": 1}), LogEntry("two", {"n": 1}), LogEntry("one", {"n": 2})])
        assert one.digests[0] == one.digests[1], "the first entries of two logs with equal bodies have equal digests"
        assert [entry.body["n"] for entry in subject.read_log("one")] == [1, 2]

    def test_maintenance_changes_no_row(self, subject: Storage) -> None:
        for start in range(0, 400, 2):
            subject.commit([numbered(start, 2)])
        before = len(list(subject.scan(STREAM, KEY)))
        _finish_maintenance(subject, 1.0)
        batches = list(subject.scan(STREAM, KEY))
        assert times_of(batches) == list(range(400))
        assert numbers_of(subject) == list(range(400))
        assert len(batches) <= before, f"maintenance makes fewer batches, not more: {before}, then {len(batches)}"

    def test_maintenance_keeps_to_its_budget_and_goes_on_where_it_stopped(self, subject: Storage) -> None:
        for start in range(0, 60, 2):
            subject.commit([numbered(start, 2)])
        subject.maintain(0.0)
        assert numbers_of(subject) == list(range(60)), "an interrupted maintenance loses nothing"
        _finish_maintenance(subject, 0.01)
        assert numbers_of(subject) == list(range(60))

    def test_a_scan_goes_on_beside_maintenance(self, subject: Storage) -> None:
        for start in range(0, 60, 2):
            subject.commit([numbered(start, 2)])
        scan = subject.scan(STREAM, KEY)
        first = next(scan)
        _finish_maintenance(subject, 1.0)
        assert times_of([first, *scan]) == list(range(60)), "rows are neither lost nor doubled"


def _finish_maintenance(store: Storage, budget_seconds: float) -> None:
    for _ in range(200):
        if store.maintain(budget_seconds).is_finished:
            return
    raise AssertionError(f"maintenance of a small store does not end in 200 calls of {budget_seconds} s")
