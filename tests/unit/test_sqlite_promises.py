"""Promises at forks, at checkpoints on a full disk, at clocks that jump, and for readers that stay."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from unittest import mock

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, LogEntry, Namespace, Put
from watchkeeper.domain.errors import Conflict, DataError, StoreCorrupt, StoreError
from watchkeeper.domain.table import Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build
from watchkeeper_plugins.storage.sqlite_store import database
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

DAY_SECONDS = 86_400.0
NOTES = Namespace("notes")
LOOK = """
import sys
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build
store = build(SqliteOptions(sys.argv[1]))
print(sorted(int(t) for b in store.scan("predictions", "spx") for t in b.time), store.verify())
print([entry.body["n"] for entry in store.read_log("audit")])
"""


def rows(*times: int, key: str = "spx", text: bool = False) -> Append:
    time = np.array(times, dtype=np.int64)
    column = time.astype(str).astype(object) if text else time.astype(float)
    return Append("predictions", key, time, Table({"x": column}))


def times(store, key: str = "spx") -> list[int]:
    return sorted(int(one) for batch in store.scan("predictions", key) for one in batch.time)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/watch"


@pytest.fixture
def clock():
    return FakeClock()


@pytest.mark.parametrize("opens_anew", [False, True], ids=["the parent's store", "a store of its own"])
def test_what_a_forked_child_commits_stays_when_the_parent_closes(url, opens_anew):
    store = build(SqliteOptions(url))
    store.commit([rows(0)])
    to_child, to_parent = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        try:
            own = build(SqliteOptions(url)) if opens_anew else store
            own.commit([rows(1)])
            os.write(to_parent[1], b".")
            os.read(to_child[0], 1)
            own.commit([rows(2)])
            own.commit([LogEntry("audit", {"n": 2})])
            own.close()
        finally:
            os._exit(0)
    os.read(to_parent[0], 1)
    store.close()
    os.write(to_child[1], b".")
    os.waitpid(child, 0)
    seen = subprocess.run([sys.executable, "-c", LOOK, url], capture_output=True, text=True, check=True).stdout
    assert seen.splitlines() == ["[0, 1, 2] ()", "[2]"]


def test_children_that_are_forked_while_a_thread_commits_can_write(url):
    store = build(SqliteOptions(url, busy_seconds=5.0))
    is_over = threading.Event()
    done: list[int] = []

    def write() -> None:
        while not is_over.is_set():
            store.commit([rows(len(done), key="parent")])
            done.append(len(done))

    writer = threading.Thread(target=write)
    writer.start()
    children = []
    try:
        for number in range(8):
            child = os.fork()
            if not child:
                try:
                    store.commit([rows(number)])
                    os._exit(0)
                finally:
                    os._exit(1)
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    finally:
        is_over.set()
        writer.join()
    assert codes == [0] * 8
    assert times(store) == list(range(8))
    assert times(store, "parent") == done
    assert not store.verify()
    store.close()


class _Refusing:
    """A connection whose checkpoints fail, as on a full disk."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real

    def __getattr__(self, name: str):
        return getattr(self._real, name)

    def execute(self, statement: str, *values):
        if "wal_checkpoint" in statement:
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(statement, *values)


def test_a_commit_whose_checkpoint_fails_is_done_and_says_so(url, caplog):
    store = build(SqliteOptions(url, checkpoint_bytes=20_000))
    connected = database.Database._writing_connection
    with (
        caplog.at_level(logging.WARNING),
        mock.patch.object(database.Database, "_writing_connection", lambda *of: _Refusing(connected(*of))),
    ):
        for number in range(40):
            store.commit([Put(NOTES, "note", {"n": number, "text": "x" * 3000}, expect=number)])
    assert store.get(NOTES, "note").value["n"] == 39
    assert [record.message.partition(":")[2] for record in caplog.records] == [
        " its log cannot be moved into the file now, and grows (disk I/O error)"
    ]
    with pytest.raises(Conflict):
        store.commit([Put(NOTES, "note", {}, expect=39)])
    store.close()


def test_a_pair_is_remembered_when_the_clock_has_stepped_back_over_many_files(url, clock):
    store = SqliteStorage(SqliteOptions(url), clock)
    for day in range(6):
        store.commit([rows(day)], writer="w", seq=day)
        clock.advance(DAY_SECONDS)
    clock.advance(-6 * DAY_SECONDS)
    assert not store.commit([rows(100)], writer="w", seq=100).is_replay
    while not store.maintain(5.0).is_finished:
        pass
    assert store.commit([rows(100)], writer="w", seq=100).is_replay
    clock.advance(5 * DAY_SECONDS)
    again = SqliteStorage(SqliteOptions(url), clock)
    assert again.commit([rows(100)], writer="w", seq=100).is_replay
    assert again.commit([rows(1)], writer="w", seq=1).is_replay
    assert times(again) == [0, 1, 2, 3, 4, 5, 100]
    for each in (store, again):
        each.close()


def test_a_day_that_expires_takes_no_commit_along(url, clock):
    store = SqliteStorage(SqliteOptions(url, keep_days={"predictions": 0.5}), clock)
    for day in range(6):
        store.commit([rows(clock.now_us(), key=f"m{day}")], writer="w", seq=day)
        clock.advance(DAY_SECONDS)
    store.commit([rows(clock.now_us())], writer="w", seq=100)  # the writer is known in the files of other days
    while not store.maintain(5.0).is_finished:
        pass
    pid = os.fork()  # which closes every connection, also those of files that are gone
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    assert not store.commit([rows(clock.now_us() + 1)], writer="w", seq=101).is_replay
    assert store.commit([rows(clock.now_us() + 1)], writer="w", seq=101).is_replay
    store.close()


def test_pairs_are_forgotten_after_a_week(url, clock):
    store = SqliteStorage(SqliteOptions(url), clock)
    store.commit([rows(0)], writer="w", seq=0)
    clock.advance(9 * DAY_SECONDS)
    while not store.maintain(5.0).is_finished:
        pass
    assert not store.commit([rows(1)], writer="w", seq=0).is_replay
    store.close()


@pytest.mark.parametrize("is_maintained", [False, True])
def test_a_column_keeps_its_kind_however_long_its_series_was_silent(url, clock, is_maintained):
    store = SqliteStorage(SqliteOptions(url), clock)
    store.commit([rows(0, key="weekly")])
    for day in range(6):
        clock.advance(DAY_SECONDS)
        store.commit([rows(day)])
    while is_maintained and not store.maintain(5.0).is_finished:
        pass
    with pytest.raises(DataError, match="'x' of predictions/weekly holds text now and held numeric before"):
        store.commit([rows(1, key="weekly", text=True)])
    store.close()


def test_a_chunk_that_is_lost_while_a_reader_stays_is_told_after_some_minutes(url, tmp_path):
    store = build(SqliteOptions(url))
    for number in range(3):
        store.commit([rows(number)])
    assert times(store) == [0, 1, 2]
    (day,) = (tmp_path / "watch" / "telemetry").glob("*.db")
    with sqlite3.connect(day) as connection:
        connection.execute("UPDATE chunk SET retired_us = 1 WHERE first_us = 1")
    connection.close()
    moment = database.time.monotonic() + database.CHECKED_SECONDS
    with (
        mock.patch.object(database.time, "monotonic", return_value=moment),
        pytest.raises(StoreCorrupt, match="list of chunks"),
    ):
        times(store)
    store.close()


def test_a_scan_whose_rows_another_process_has_moved_says_so(url, clock):
    store = SqliteStorage(SqliteOptions(url, scan_seconds=3600.0), clock)
    for number in range(40):
        store.commit([rows(number)])
    scan = store.scan("predictions", "spx")
    next(scan)
    hasty = SqliteStorage(SqliteOptions(url), clock)  # keeps replaced chunks for five minutes
    for _ in range(2):
        while not hasty.maintain(5.0).is_finished:
            pass
        clock.advance(600.0)
    with pytest.raises(StoreError, match="compacted meanwhile: start it again, or raise the storage option"):
        list(scan)
    for each in (store, hasty):
        each.close()


def test_a_namespace_that_was_rolled_back_is_not_remembered(url):
    notes, others = Namespace("mine"), Namespace("theirs")
    with closing(build(SqliteOptions(url))) as store, closing(build(SqliteOptions(url))) as other:
        with pytest.raises(Conflict):  # it is made, and looked up again, in a transaction that then fails
            store.commit([Put(notes, "a", {"n": 1}), Put(notes, "b", {"n": 1}, expect=7)])
        other.commit([Put(others, "a", {"n": 2})])  # takes the number that had been given
        store.commit([Put(notes, "a", {"n": 3})])
        assert [one.value for one in (*other.find(others), *other.find(notes))] == [{"n": 2}, {"n": 3}]
