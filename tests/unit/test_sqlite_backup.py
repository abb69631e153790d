"""Backup and verification of the SQLite store."""

from __future__ import annotations

import io
import sqlite3
import threading

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.table import Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

NOTES = Namespace("notes", index=("by",))


def append(number):
    time = np.arange(number * 10, number * 10 + 10)
    columns = {"number": time, "feature": time.astype(np.float32)}
    return Append("rows", "momentum", time, Table(columns), ("feature",))


def numbers_of(store):
    return sorted(each for batch in store.scan("rows", "momentum") for each in batch.table["number"].tolist())


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "watch"


@pytest.fixture
def store(folder):
    clock = FakeClock()
    store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
    for number in range(3):
        store.commit([append(number)])
        clock.advance(86_400.0)
    store.commit([Put(NOTES, "a", {"n": 1}, {"by": "ada"}), LogEntry("audit", {"n": 1}), LogEntry("audit", {"n": 2})])
    yield store
    store.close()


def test_a_backup_is_a_store_with_everything(store, tmp_path):
    digests = [store.put_blob(io.BytesIO(data)) for data in (b"small", b"large" * 100_000)]
    store.back_up(tmp_path / "copy")
    store.commit([append(9)])
    copy = SqliteStorage(SqliteOptions(f"sqlite:///{tmp_path}/copy"), FakeClock())
    assert numbers_of(copy) == list(range(30))
    assert copy.get(NOTES, "a").value == {"n": 1}
    assert len(list(copy.read_log("audit"))) == 2
    for digest, data in zip(digests, (b"small", b"large" * 100_000), strict=True):
        with copy.open_blob(digest) as found:
            assert found.read() == data
    assert copy.verify() == ()
    copy.commit([append(5)])
    assert numbers_of(copy) == [*range(30), *range(50, 60)]
    copy.close()


def test_a_backup_is_made_while_others_write(store, folder, tmp_path):
    other = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"))
    stop = threading.Event()
    written = []

    def write():
        number = 100
        while not stop.is_set():
            other.commit([append(number)], Durability.FLUSHED)
            other.commit([LogEntry("audit", {"n": number})], Durability.FLUSHED)
            written.append(number)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    while len(written) < 3:
        pass
    before = len(written)
    store.back_up(tmp_path / "copy")
    stop.set()
    thread.join()
    other.close()
    copy = SqliteStorage(SqliteOptions(f"sqlite:///{tmp_path}/copy"))
    found = numbers_of(copy)
    assert set(found) >= {*range(30), *range(1000, 1000 + 10 * before)}
    assert len(found) % 10 == 0, "commits are whole in the copy"
    assert copy.verify() == ()
    copy.close()


def test_a_backup_does_not_overwrite_another(store, tmp_path):
    store.back_up(tmp_path / "copy")
    with pytest.raises(StoreError, match="copy is not empty: back up into a new folder"):
        store.back_up(tmp_path / "copy")


def test_a_whole_store_has_no_problems(store):
    store.put_blob(io.BytesIO(b"blob"))
    assert store.verify() == ()


@pytest.mark.parametrize(
    ("file", "statement", "says"),
    [
        ("state.db", "UPDATE document SET value = '{}'", "the document 'a' of 'notes' has other bytes"),
        ("state.db", "UPDATE log SET body = '{}' WHERE number = 2", "the log 'audit' is broken at entry 2"),
        ("state.db", "DELETE FROM log", "the log 'audit' is broken at entry 1"),
        ("state.db", "DELETE FROM log_head", "the log 'audit' is broken at entry 1"),
        ("state.db", "UPDATE blob SET data = x'00'", "has other bytes than were written"),
        ("telemetry/2008-09-16.db", "UPDATE narrow SET data = x'00'", "2008-09-16.db, chunk"),
        ("telemetry/2008-09-16.db", "DELETE FROM wide", "its wide columns are gone"),
        ("telemetry/2008-09-16.db", "DELETE FROM chunk", "the list of chunks of rows/momentum is damaged"),
        ("telemetry/2008-09-16.db", "DELETE FROM series", "the list of series is damaged"),
        ("telemetry/2008-09-16.db", "DROP TABLE narrow", "no such table: narrow"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(store, folder, file, statement, says):
    store.put_blob(io.BytesIO(b"blob"))
    connection = sqlite3.connect(folder / file)
    connection.execute(statement)
    connection.commit()
    connection.close()
    problems = store.verify()
    assert len(problems) == 1, problems
    assert says in problems[0]
    assert file in problems[0]


def test_a_missing_day_is_told_and_the_others_are_still_verified(store, folder):
    for path in (folder / "telemetry").glob("2008-09-15.db*"):
        path.unlink()
    connection = sqlite3.connect(folder / "telemetry" / "2008-09-17.db")
    connection.execute("UPDATE narrow SET data = x'00'")
    connection.commit()
    connection.close()
    problems = store.verify()
    assert len(problems) == 2, problems
    assert "2008-09-15.db is missing" in problems[0]
    assert "2008-09-17.db, chunk" in problems[1]


def test_a_damaged_page_is_told(store, folder):
    store.close()
    state = folder / "state.db"
    data = bytearray(state.read_bytes())
    page = data.index(b'{"n":1}') // 4096 * 4096
    data[page + 4] ^= 1  # how many cells the page has: a document would not be found, and nothing else would tell
    state.write_bytes(data)
    again = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), FakeClock())
    assert any("state.db" in problem for problem in again.verify())
    again.close()
