"""Contract checks of commits: all or nothing, once and not twice, as durable as told."""

from __future__ import annotations

import numpy as np

from watchkeeper.contracts.storage import Delete, Durability, LogEntry, Operation, Put, Storage
from watchkeeper.domain.errors import Conflict, DataError, StoreError, StoreTooNew, UsageError

from .storage_hooks import ALERTS, STREAM, StorageHooks, numbered, numbers_of, refused, rows

_LEVELS = list(Durability)


class CommitChecks(StorageHooks):
    """What one call of `commit` promises."""

    def test_it_is_a_storage_that_describes_itself(self, subject: Storage) -> None:
        assert isinstance(subject, Storage), f"a storage has the methods of the contract, found {subject!r}"
        about = subject.describe()
        assert about.name, "describe() gives a name"
        assert about.schema >= 1, f"the schema's version counts from 1, found {about.schema}"
        assert about.durability, "describe() gives at least one level of durability"
        assert about.durability <= set(Durability), f"durability holds members of Durability: {about.durability}"

    def test_operations_of_several_kinds_are_done_together(self, subject: Storage) -> None:
        subject.commit([Put(ALERTS, "old", {"n": 1})])
        receipt = subject.commit(
            [Put(ALERTS, "new", {"n": 2}), Delete(ALERTS, "old"), LogEntry("audit", {"did": "replace"})]
        )
        assert receipt.revisions == (1,), f"one revision for each Put, found {receipt.revisions}"
        assert len(receipt.digests) == 1, f"one digest for each LogEntry, found {receipt.digests}"
        assert not receipt.is_replay, "the first commit is no replay"
        assert subject.get(ALERTS, "old") is None, "the deleted document is gone"
        assert [entry.body["did"] for entry in subject.read_log("audit")] == ["replace"]

    def test_one_refused_operation_undoes_all(self, subject: Storage) -> None:
        subject.commit([Put(ALERTS, "held", {"n": 1})])
        with refused(Conflict, "held"):
            subject.commit(
                [
                    Put(ALERTS, "first", {}),
                    LogEntry("audit", {"did": "first"}),
                    Delete(ALERTS, "held"),
                    Put(ALERTS, "held", {"n": 2}, expect=7),
                ]
            )
        assert subject.get(ALERTS, "first") is None, "a document of a refused commit was written"
        assert list(subject.read_log("audit")) == [], "a log entry of a refused commit was written"
        held = subject.get(ALERTS, "held")
        assert held is not None, "a refused commit deleted a document"
        assert held.revision == 1, "a refused commit changed a document"

    def test_one_refused_append_undoes_all(self, subject: Storage) -> None:
        subject.commit([numbered(0, 3)])
        as_text = rows([20], number=np.array(["twenty"], dtype=object))
        with refused(DataError, "number"):
            subject.commit([numbered(3, 3), as_text])
        assert numbers_of(subject) == [0, 1, 2], "an append of a refused commit was written"

    def test_telemetry_and_state_do_not_share_a_commit(self, subject: Storage) -> None:
        with refused(UsageError, "commit"):
            subject.commit([numbered(0, 3), Put(ALERTS, "a", {})])
        assert subject.get(ALERTS, "a") is None, "the document was written all the same"
        assert numbers_of(subject) == [], "the rows were written all the same"

    def test_an_empty_commit_does_nothing(self, subject: Storage) -> None:
        assert subject.commit([]).revisions == ()

    def test_the_same_writer_and_seq_append_once(self, subject: Storage) -> None:
        first = subject.commit([numbered(0, 5)], writer="w", seq=1)
        again = subject.commit([numbered(0, 5)], writer="w", seq=1)
        assert (first.is_replay, again.is_replay) == (False, True), "the second of the same pair is told to be a replay"
        subject.commit([numbered(5, 5)], writer="w", seq=2)
        subject.commit([numbered(10, 5)], writer="v", seq=1)
        assert numbers_of(subject) == list(range(15)), "each pair counts once"

    def test_the_same_writer_and_seq_change_documents_once(self, subject: Storage) -> None:
        operations: tuple[Operation, ...] = (Put(ALERTS, "a", {"n": 1}), LogEntry("audit", {"n": 1}))
        first = subject.commit(operations, writer="w", seq=1)
        again = subject.commit(operations, writer="w", seq=1)
        assert again.is_replay, "the second of the same pair is told to be a replay"
        assert (again.revisions, again.digests) == (first.revisions, first.digests), "a replay tells what the first did"
        assert len(list(subject.read_log("audit"))) == 1, "a replay writes nothing"

    def test_a_refused_commit_may_be_sent_again_under_its_seq(self, subject: Storage) -> None:
        with refused(Conflict):
            subject.commit([Put(ALERTS, "a", {}, expect=3)], writer="w", seq=1)
        assert not subject.commit([Put(ALERTS, "a", {}, expect=0)], writer="w", seq=1).is_replay

    def test_writer_and_seq_go_together(self, subject: Storage) -> None:
        with refused(UsageError, "writer", "seq"):
            subject.commit([Put(ALERTS, "a", {})], writer="w")
        with refused(UsageError, "writer", "seq"):
            subject.commit([Put(ALERTS, "a", {})], seq=1)
        for seq in (-1, 2**63, 1.5, "1", True):
            with refused(UsageError, "seq", repr(seq)):
                subject.commit([Put(ALERTS, "a", {})], writer="w", seq=seq)  # type: ignore[arg-type]

    def test_what_is_no_operation_or_durability_is_refused(self, subject: Storage) -> None:
        with refused(UsageError, "dict", "operation"):
            subject.commit([{"put": 1}])  # type: ignore[list-item]
        with refused(UsageError, "synced", "Durability.SYNCED"):
            subject.commit([Put(ALERTS, "a", {})], "synced")  # type: ignore[arg-type]
        assert subject.get(ALERTS, "a") is None

    def test_the_receipt_tells_how_durable_the_commit_is(self, subject: Storage) -> None:
        offered = subject.describe().durability
        best = max(offered, key=_LEVELS.index)
        for number, level in enumerate(Durability):
            operations: tuple[Operation, ...] = (numbered(number * 10, 2), Put(ALERTS, "a", {}))
            for operation in operations:
                told = subject.commit([operation], level).durability
                assert told in offered, f"the receipt tells {told}, which describe() does not offer"
                least = min(level, best, key=_LEVELS.index)
                assert _LEVELS.index(told) >= _LEVELS.index(least), f"asked for {level}, was given {told}"

    def test_a_commit_is_seen_at_once(self, subject: Storage) -> None:
        for number in range(5):
            for level in Durability:
                subject.commit([Put(ALERTS, "a", {"n": number})], level)
                found = subject.get(ALERTS, "a")
                assert found is not None, "a document is there when its commit has returned"
                assert found.value["n"] == number, f"committed {number}, read {found.value}"

    def test_what_was_committed_is_there_when_opened_again(self, subject: Storage) -> None:
        again = self.opener(subject)
        subject.commit([numbered(0, 5)], Durability.FLUSHED)
        subject.commit([Put(ALERTS, "a", {"n": 1})], Durability.FLUSHED)
        subject.close()
        opened = again()
        try:
            assert numbers_of(opened) == [0, 1, 2, 3, 4]
            assert opened.get(ALERTS, "a") is not None, "the document is gone"
            assert opened.commit([numbered(0, 5)], writer="w", seq=1).is_replay is False
        finally:
            opened.close()

    def test_closing_twice_is_fine_and_using_it_afterwards_is_not(self, subject: Storage) -> None:
        subject.close()
        subject.close()
        with refused(StoreError, "closed"):
            subject.keys(STREAM)
        with refused(StoreError, "closed"):
            subject.commit([Put(ALERTS, "a", {})])

    def test_a_store_of_a_newer_watchkeeper_is_refused(self, subject: Storage) -> None:
        again = self.opener(subject)
        self.written_by_newer(subject)
        with refused(StoreTooNew, "newer", "upgrade"):
            again().close()
