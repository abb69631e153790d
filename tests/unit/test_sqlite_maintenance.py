"""Maintenance of the SQLite store: what is compacted, what expires, what is removed, and what must stay."""

from __future__ import annotations

import io
import sqlite3

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Durability, Namespace, Put
from watchkeeper.domain.errors import StoreCorrupt, StoreError
from watchkeeper.domain.table import Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

DAY = 86_400.0
ALERTS = Namespace("alerts")


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "watch"


@pytest.fixture
def opened(folder, clock):
    stores = []

    def open_store(**options):
        stores.append(SqliteStorage(SqliteOptions(f"sqlite:///{folder}", **options), clock))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def append(times, stream="rows", key="momentum"):
    """Rows with a narrow column that says the time again, and a wide one."""
    times = np.array(times, dtype=np.int64)
    return Append(stream, key, times, Table({"number": times, "feature": times.astype(np.float32)}), ("feature",))


def times_of(store, stream="rows", key="momentum"):
    return sorted(time for batch in store.scan(stream, key) for time in batch.time.tolist())


def finished(store, budget=5.0):
    compacted = expired = 0
    for _ in range(1000):
        done = store.maintain(budget)
        compacted += done.compacted_chunks
        expired += done.expired_bytes
        if done.is_finished:
            return compacted, expired
    raise AssertionError("maintenance does not end")


def counted(folder, day, question):
    connection = sqlite3.connect(folder / "telemetry" / f"{day}.db")
    (count,) = connection.execute(question).fetchone()
    connection.close()
    return count


# compaction


def test_small_chunks_of_a_past_day_become_one(opened, folder, clock):
    store = opened()
    for number in range(40):
        store.commit([append([number]), append([number], key="other")], Durability.FLUSHED)
    clock.advance(DAY)
    assert finished(store) == (80, 0)
    assert len(list(store.scan("rows", "momentum"))) == 1
    assert times_of(store) == times_of(store, key="other") == list(range(40))
    assert finished(store) == (0, 0), "there is nothing left to do"


def test_full_chunks_are_left_alone(opened, clock):
    store = opened(chunk_rows=10)
    store.commit([append(range(100))])
    clock.advance(DAY)
    assert finished(store) == (0, 0)


def test_chunks_of_today_are_compacted_when_there_are_many(opened):
    store = opened(chunk_rows=100)
    for number in range(15):
        store.commit([append([number])], Durability.FLUSHED)
    assert finished(store) == (0, 0), "fewer than 16 are not worth it while more are coming"
    store.commit([append([15])])
    assert finished(store)[0] == 16
    assert len(list(store.scan("rows", "momentum"))) == 1


def test_late_rows_are_compacted_in_their_place(opened, clock):
    store = opened(chunk_rows=100)
    rng = np.random.default_rng(3)
    times = rng.permutation(1000)
    for start in range(0, 1000, 20):
        store.commit([append(times[start : start + 20])], Durability.FLUSHED)
    clock.advance(DAY)
    finished(store)
    batches = list(store.scan("rows", "momentum"))
    assert times_of(store) == list(range(1000))
    assert len(batches) <= 12
    for batch in batches:
        assert batch.table["number"].tolist() == batch.time.tolist()
        assert batch.table["feature"].tolist() == batch.time.tolist()


def test_chunks_with_other_columns_are_not_compacted_together(opened, clock):
    store = opened()
    for number in range(4):
        store.commit([append([2 * number])])
        store.commit([Append("rows", "momentum", np.array([2 * number + 1]), Table({"number": np.zeros(1, np.int64)}))])
    clock.advance(DAY)
    assert finished(store) == (0, 0)
    assert [batch.table.names for batch in store.scan("rows", "momentum")] == [("number", "feature"), ("number",)] * 4


def test_a_scan_reads_on_from_chunks_that_were_replaced(opened, clock):
    store = opened(scan_seconds=60.0)
    for number in range(20):
        store.commit([append([number])], Durability.FLUSHED)
    scan = store.scan("rows", "momentum")
    seen = next(scan).time.tolist()
    clock.advance(59.0)
    finished(store)
    clock.advance(1.0)
    seen += [time for batch in scan for time in batch.time.tolist()]
    assert seen == list(range(20))


def test_a_scan_that_was_paused_too_long_says_so(opened, folder, clock):
    store = opened(scan_seconds=60.0)
    for number in range(20):
        store.commit([append([number])], Durability.FLUSHED)
    scan = store.scan("rows", "momentum")
    next(scan)
    finished(store)
    clock.advance(61.0)
    finished(store)
    with pytest.raises(StoreError, match="have been compacted meanwhile: start it again, or raise the storage option"):
        list(scan)
    assert times_of(store) == list(range(20))


def test_replaced_chunks_are_removed_and_their_room_is_given_back(opened, folder, clock):
    store = opened(scan_seconds=60.0)
    for number in range(40):
        store.commit([append(range(number * 100, number * 100 + 100))], Durability.FLUSHED)
    clock.advance(DAY)
    finished(store)
    assert counted(folder, "2008-09-15", "SELECT count(*) FROM narrow") == 41
    clock.advance(61.0)
    finished(store)
    assert counted(folder, "2008-09-15", "SELECT count(*) FROM narrow") == 1
    assert counted(folder, "2008-09-15", "SELECT count(*) FROM wide") == 1
    assert counted(folder, "2008-09-15", "PRAGMA freelist_count") == 0
    assert times_of(store) == list(range(4000))


def test_a_damaged_chunk_is_told_and_does_not_stop_the_other_days(opened, folder, clock):
    store = opened()
    for number in range(20):
        store.commit([append([number])], Durability.FLUSHED)
    clock.advance(DAY)
    store.commit([append([100])])
    for number in range(20):
        store.commit([append([200 + number], key="other")], Durability.FLUSHED)
    connection = sqlite3.connect(folder / "telemetry" / "2008-09-16.db")
    connection.execute("UPDATE narrow SET data = substr(data, 1, 20) WHERE chunk = (SELECT max(chunk) FROM narrow)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreCorrupt, match=r"2008-09-16\.db, chunk \d+: .*; restore this file from a backup"):
        finished(store)
    assert finished(store)[0] == 20, "the next call goes on with the next file"


# expiry


def test_a_file_goes_when_all_its_rows_are_too_old(opened, folder, clock):
    store = opened(keep_days={"rows": 10})
    for _ in range(6):
        now = clock.now_us()
        store.commit([append(range(now, now + 3))])
        clock.advance(DAY)
    clock.advance(6 * DAY)
    _, expired = finished(store)
    left = sorted(path.name for path in (folder / "telemetry").iterdir() if path.suffix == ".db")
    assert "2008-09-15.db" not in left
    assert "2008-09-17.db" in left, "the newest files stay, for they know which commits were done"
    assert expired > 0
    assert len(times_of(store)) == 12
    assert min(times_of(store)) >= clock.now_us() - 10 * DAY * 1e6


def test_rows_go_by_their_own_time_and_not_by_the_time_of_writing(opened, clock):
    store = opened(keep_days={"rows": 10})
    now = clock.now_us()
    old = now - int(20 * DAY * 1e6)
    store.commit([append([old, old + 1])])
    store.commit([append([now])])
    _, expired = finished(store)
    assert times_of(store) == [now]
    assert store.span("rows", "momentum") == (now, now)
    assert expired > 0


def test_streams_without_a_lifetime_are_kept(opened, clock):
    store = opened(keep_days={"rows": 1})
    store.commit([append([0]), append([0], stream="outcomes"), append([1], key="other")])
    clock.advance(30 * DAY)
    finished(store)
    assert store.keys("rows") == ()
    assert store.span("rows", "momentum") is None
    assert times_of(store, stream="outcomes") == [0]


def test_wide_columns_may_go_before_the_rest(opened, clock):
    store = opened(keep_wide_days={"rows": 2}, keep_days={"rows": 30})
    now = clock.now_us()
    store.commit([append([now])])
    clock.advance(3 * DAY)
    later = clock.now_us()
    store.commit([append([later])])
    _, expired = finished(store)
    assert [batch.table.names for batch in store.scan("rows", "momentum")] == [("number",), ("number", "feature")]
    assert times_of(store) == [now, later]
    assert expired > 0
    assert finished(store) == (0, 0)


def test_chunks_without_their_wide_columns_are_still_compacted(opened, clock):
    store = opened(keep_wide_days={"rows": 2})
    now = clock.now_us()
    for number in range(20):
        store.commit([append([now + number])], Durability.FLUSHED)
    clock.advance(3 * DAY)
    assert finished(store)[0] == 20
    (batch,) = store.scan("rows", "momentum")
    assert batch.table.names == ("number",)
    assert len(batch.time) == 20


def test_a_cap_on_bytes_takes_the_oldest_first(opened, clock):
    store = opened(keep_bytes={"rows": 40_000})
    for number in range(20):
        store.commit([append(range(number * 1000, number * 1000 + 300))], Durability.FLUSHED)
        clock.advance(DAY / 4)
    finished(store)
    times = times_of(store)
    assert 0 < len(times) < 6000
    assert times == [t for n in range(20) for t in range(n * 1000, n * 1000 + 300)][-len(times) :]
    assert len(times) * 20 <= 40_000
    store.commit([append([99_999])])
    assert times_of(store)[-1] == 99_999


def test_a_removal_that_was_interrupted_is_finished(opened, folder, clock):
    store = opened()
    store.commit([append([1])])
    clock.advance(DAY)
    store.commit([append([2])])
    connection = sqlite3.connect(folder / "state.db")
    connection.execute("UPDATE day SET expired_us = 1 WHERE name = '2008-09-15'")
    connection.commit()
    connection.close()
    assert times_of(store) == [2], "what was crossed out is not read any more"
    finished(store)
    assert not (folder / "telemetry" / "2008-09-15.db").exists()


def test_a_day_that_expired_may_be_written_again(opened, folder, clock):
    store = opened(keep_days={"rows": 5})
    store.commit([append([clock.now_us()])])
    for _ in range(10):
        clock.advance(DAY)
        store.commit([append([clock.now_us()])])
    finished(store)
    assert not (folder / "telemetry" / "2008-09-15.db").exists()
    clock.advance(-10 * DAY)
    store.commit([append([clock.now_us()])])
    assert (folder / "telemetry" / "2008-09-15.db").exists()
    assert times_of(store)[0] == clock.now_us()


def test_another_process_notices_that_a_day_has_expired(opened, clock):
    reader, keeper = opened(), opened(keep_days={"rows": 5})
    for day in range(10):
        keeper.commit([append([clock.now_us()])])
        clock.advance(DAY)
        assert len(times_of(reader)) == day + 1
    scan = reader.scan("rows", "momentum")
    first = next(scan).time.tolist()
    finished(keeper)
    left = times_of(reader)
    assert left == times_of(keeper)
    assert first[0] not in left
    assert [time for batch in scan for time in batch.time.tolist()] == left, "expired rows are passed over"


def test_pairs_of_writer_and_seq_are_forgotten_in_the_end(opened, folder, clock):
    store = opened()
    store.commit([append([1])], writer="w", seq=1)
    store.commit([Put(ALERTS, "a", {})], writer="w", seq=1)
    for _ in range(8):
        clock.advance(DAY)
        store.commit([append([2])])
    finished(store)
    assert counted(folder, "2008-09-15", "SELECT count(*) FROM applied") == 0
    assert not store.commit([Put(ALERTS, "a", {})], writer="w", seq=1).is_replay


def test_what_a_dead_process_left_of_a_blob_is_removed(opened, folder):
    store = opened()
    left = folder / "blobs" / "unfinished-1"
    left.write_bytes(b"half")
    finished(store)
    assert not left.exists()


def test_a_blob_file_without_its_row_is_removed(opened, folder):
    store = opened()
    kept, orphan = (store.put_blob(io.BytesIO(bytes([number]) * 100_000)) for number in (1, 2))
    connection = sqlite3.connect(folder / "state.db")
    connection.execute("DELETE FROM blob WHERE digest = ?", (orphan,))
    connection.commit()
    connection.close()
    finished(store)
    assert [path.name for path in (folder / "blobs").glob("??/*")] == [kept]
    store.open_blob(kept).close()


# budget


def test_a_small_budget_is_kept_and_the_work_ends_all_the_same(opened, clock):
    store = opened(chunk_rows=50)
    for day in range(3):
        for number in range(60):
            store.commit([append([day * 1000 + number])], Durability.FLUSHED)
        clock.advance(DAY)
    calls = 0
    while not store.maintain(0.0).is_finished:
        calls += 1
        assert calls < 200
    assert calls >= 3, "one call of no budget does one thing"
    assert len(times_of(store)) == 180
    assert len(list(store.scan("rows", "momentum"))) <= 6


def test_one_maintains_at_a_time(opened, clock):
    first, second = opened(), opened()
    for number in range(60):
        first.commit([append([number])], Durability.FLUSHED)
    clock.advance(DAY)
    with first._parts.maintaining._gate.turn():
        assert second.maintain(0.0) == attrs.evolve(second.maintain(0.0), is_finished=False, compacted_chunks=0)
    finished(second)
    assert times_of(first) == list(range(60))
