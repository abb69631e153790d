"""The storage for tests keeps the contract's promises itself."""

import io

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Delete, Durability, LogEntry, Namespace, Put, Storage
from watchkeeper.contracts.storage_rules import canonical_json, checked_storage_name, entry_digest
from watchkeeper.domain.errors import Conflict, DataError, NotFound, StoreError, UsageError
from watchkeeper.domain.table import Table
from watchkeeper.testing.memory import MemoryStorage

ALERTS = Namespace("alerts", index=("state", "rank"))


def rows(times, **columns):
    return Append("predictions", "spx", np.array(times, dtype=np.int64), Table(columns))


def numbers(*values):
    return np.array(values, dtype=np.float64)


def test_it_satisfies_the_storage_protocol():
    assert isinstance(MemoryStorage(), Storage)


def test_its_receipt_promises_no_more_than_memory_can_keep():
    receipt = MemoryStorage().commit([rows([1], p=numbers(1))], Durability.SYNCED)
    assert receipt.durability is Durability.BUFFERED


def test_late_rows_come_back_in_time_order_within_the_bounds():
    storage = MemoryStorage()
    storage.commit([rows([30, 10], p=numbers(3, 1)), rows([5, 20], p=numbers(0.5, 2))])
    found = [(batch.time.tolist(), batch.table["p"].tolist()) for batch in storage.scan("predictions", "spx", 5, 30)]
    assert found == [([5, 20], [0.5, 2.0]), ([10], [1.0])]
    assert storage.keys("predictions") == ("spx",)
    assert storage.span("predictions", "spx") == (5, 30)
    assert storage.span("predictions", "nobody") is None


def test_a_scan_leaves_out_the_columns_that_a_batch_does_not_have():
    storage = MemoryStorage()
    storage.commit([rows([1], p=numbers(1), f=numbers(7)), rows([2], p=numbers(2))])
    assert [batch.table.names for batch in storage.scan("predictions", "spx", columns=["f"])] == [("f",), ()]


def test_the_caller_may_change_the_arrays_afterwards():
    storage = MemoryStorage()
    mine = numbers(1, 2)
    storage.commit([rows([1, 2], p=mine)])
    mine[:] = 9
    (batch,) = storage.scan("predictions", "spx")
    assert batch.table["p"].tolist() == [1.0, 2.0]


def test_the_same_writer_and_seq_count_once():
    storage = MemoryStorage()
    first = storage.commit([rows([1], p=numbers(1))], writer="w", seq=1)
    second = storage.commit([rows([1], p=numbers(1))], writer="w", seq=1)
    assert (first.is_replay, second.is_replay) == (False, True)
    assert sum(len(batch.time) for batch in storage.scan("predictions", "spx")) == 1


def test_a_lost_compare_and_swap_changes_nothing_at_all():
    storage = MemoryStorage()
    storage.commit([Put(ALERTS, "a", {"n": 1}, expect=0)])
    with pytest.raises(Conflict, match="document 'a' in alerts has revision 1, expected 0"):
        storage.commit([Put(ALERTS, "b", {}), LogEntry("audit", {}), Put(ALERTS, "a", {"n": 2}, expect=0)])
    assert storage.get(ALERTS, "b") is None
    assert list(storage.read_log("audit")) == []


def test_deleting_what_is_not_there_is_no_error():
    storage = MemoryStorage()
    storage.commit([Delete(ALERTS, "nobody")])
    storage.commit([Put(ALERTS, "a", {}), Delete(ALERTS, "a", expect=1)])
    assert storage.get(ALERTS, "a") is None


def test_find_filters_orders_and_pages():
    storage = MemoryStorage()
    for key, rank in (("a", 1), ("b", None), ("c", 3), ("d", 3)):
        storage.commit([Put(ALERTS, key, {}, {"state": "firing", "rank": rank})])
    storage.commit([Put(ALERTS, "e", {}, {"state": "resolved", "rank": 9})])
    first = storage.find(ALERTS, {"state": "firing"}, ["-rank"], limit=2)
    rest = storage.find(ALERTS, {"state": "firing"}, ["-rank"], after=first[-1])
    assert [document.key for document in (*first, *rest)] == ["c", "d", "a", "b"]
    assert [document.key for document in storage.find(ALERTS, order=["rank"])] == ["b", "a", "c", "d", "e"]
    with pytest.raises(UsageError, match="'colour' is not an index field of alerts; declared are state, rank"):
        storage.find(ALERTS, {"colour": "red"})


def test_a_page_goes_on_after_a_document_that_is_gone():
    storage = MemoryStorage()
    storage.commit([Put(ALERTS, key, {}) for key in "abc"])
    (last,) = storage.find(ALERTS, limit=1)
    storage.commit([Delete(ALERTS, "a")])
    assert [document.key for document in storage.find(ALERTS, after=last)] == ["b", "c"]


def test_log_entries_are_chained_and_a_moved_head_is_refused():
    storage = MemoryStorage()
    first, second = storage.commit([LogEntry("audit", {"b": 1, "a": 2}, expect=""), LogEntry("audit", {})]).digests
    entries = list(storage.read_log("audit"))
    assert [(entry.number, entry.previous) for entry in entries] == [(1, ""), (2, first)]
    assert entry_digest("", 1, canonical_json(entries[0].body, "entry")) == first
    assert [entry.digest for entry in storage.read_log("audit", after=1)] == [second]
    with pytest.raises(Conflict, match="log 'audit' ends with"):
        storage.commit([LogEntry("audit", {}, expect=first)])


def test_blobs_are_found_by_their_digest():
    storage = MemoryStorage()
    digest = storage.put_blob(io.BytesIO(b"model"))
    assert digest == "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"
    assert storage.open_blob(digest).read() == b"model"
    with pytest.raises(NotFound, match="there is no blob 00"):
        storage.open_blob("00")


def test_telemetry_and_state_do_not_share_a_commit():
    with pytest.raises(UsageError, match="a commit holds 1 Append and 1 other operations"):
        MemoryStorage().commit([rows([1], p=numbers(1)), LogEntry("audit", {})])


def test_a_column_keeps_its_kind():
    storage = MemoryStorage()
    storage.commit([rows([1], p=numbers(1))])
    with pytest.raises(DataError, match="column 'p' of predictions/spx holds text now and held numeric before"):
        storage.commit([rows([2], p=np.array(["a"], dtype=object))])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "a stream of 0 characters"),
        ("x" * 201, "a stream of 201 characters"),
        ("a\0b", r"holds the character U\+0000"),
        ("e\u0301", "not in Unicode's NFC form"),
        (3, "must be text, found int"),
    ],
    ids=["empty", "long", "nul", "twin", "number"],
)
def test_a_name_that_cannot_be_kept_is_refused(name, says):
    with pytest.raises(UsageError, match=says):
        checked_storage_name(name, "stream")


@pytest.mark.parametrize(
    ("append", "says"),
    [
        (Append("s", "k", np.array([1.0]), Table({"p": numbers(1)})), "must be .* int64 microseconds, found float64"),
        (rows([1, 2], p=numbers(1)), "2 times for 1 rows of predictions"),
        (
            Append("s", "k", np.array([1]), Table({"p": numbers(1)}), wide=("q",)),
            "wide column 'q' is not among the columns p",
        ),
    ],
    ids=["time dtype", "lengths", "wide"],
)
def test_rows_that_do_not_fit_together_are_refused(append, says):
    with pytest.raises(DataError, match=says):
        MemoryStorage().commit([append])


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(UsageError, match="document 'a' cannot be kept as JSON"):
        MemoryStorage().commit([Put(ALERTS, "a", {"n": float("nan")})])


def test_writer_without_seq_is_refused():
    with pytest.raises(UsageError, match="writer and seq go together"):
        MemoryStorage().commit([], writer="w")


def test_closing_twice_is_fine_and_using_it_afterwards_is_not():
    storage = MemoryStorage()
    storage.close()
    storage.close()
    with pytest.raises(StoreError, match="the store is closed"):
        storage.keys("predictions")
