"""The SQLite store where it is more than the contract: its files, its days, its words for what goes wrong."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import sqlite3
import stat
import threading
from pathlib import Path

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.errors import (
    ConfigError,
    DataError,
    NotFound,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreTooNew,
    UsageError,
)
from watchkeeper.domain.table import Categories, Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

DAY = 86_400.0
ALERTS = Namespace("alerts", index=("state",))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "watch"


@pytest.fixture
def options(folder):
    return SqliteOptions(f"sqlite:///{folder}", busy_seconds=2.0)


@pytest.fixture
def store(options, clock):
    store = SqliteStorage(options, clock)
    yield store
    store.close()


def numbered(start, count, key="momentum", **more):
    numbers = np.arange(start, start + count, dtype=np.int64)
    return Append("rows", key, numbers, Table({"number": numbers, **more}))


def numbers_of(store, key="momentum"):
    return sorted(number for batch in store.scan("rows", key) for number in batch.table["number"].tolist())


def day_files(folder):
    return sorted(path.name for path in (folder / "telemetry").glob("*.db"))


# where it lives


@pytest.mark.parametrize(
    "url", ["postgresql://host", "sqlite://folder", "sqlite:///", "sqlite:///:memory:", "watch", "sqlite:///a\0b"]
)
def test_a_url_that_names_no_folder_is_refused(url):
    with pytest.raises(ConfigError, match=r"expected sqlite:///folder or sqlite:////absolute/folder"):
        build(SqliteOptions(url))


def test_a_relative_folder_is_under_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    build(SqliteOptions("sqlite:///data/watch")).close()
    assert (tmp_path / "data" / "watch" / "state.db").exists()


def test_a_folder_with_unusual_letters_works(tmp_path):
    options = SqliteOptions(f"sqlite:///{tmp_path}/wäch #1?%20 x")
    store = build(options)
    store.commit([numbered(0, 3)])
    store.close()
    store = build(options)
    assert numbers_of(store) == [0, 1, 2]
    store.close()


@pytest.mark.parametrize("option", ["busy_seconds", "chunk_rows", "keep_days"])
def test_an_option_must_be_above_zero(option):
    value = {"rows": 0.0} if option == "keep_days" else 0
    with pytest.raises(ConfigError, match=f"storage option {option} .*expected a number above 0"):
        SqliteOptions("sqlite:///watch", **{option: value})


def test_a_file_where_the_folder_should_be_is_told(tmp_path):
    (tmp_path / "watch").write_text("notes")
    with pytest.raises(StoreError, match="watch cannot be used"):
        build(SqliteOptions(f"sqlite:///{tmp_path}/watch"))


def test_a_state_file_that_is_not_sqlite_is_told(folder, options):
    folder.mkdir()
    (folder / "state.db").write_bytes(b"these are the notes of somebody else" * 100)
    with pytest.raises(StoreError, match=r"state\.db is not a file of a watchkeeper store \(not SQLite at all\)"):
        build(options)
    assert (folder / "state.db").read_bytes().startswith(b"these are the notes"), "it was left as it was"


def test_a_database_of_somebody_else_is_told(folder, options):
    folder.mkdir()
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("CREATE TABLE meta (theirs)")
    connection.close()
    with pytest.raises(StoreError, match=r"is a SQLite file but not the state of a watchkeeper store: move it away"):
        build(options)


def test_a_state_file_does_not_pass_for_a_day(store, folder, clock):
    store.commit([numbered(0, 1)])
    store.close()
    day = folder / "telemetry" / day_files(folder)[0]
    shutil.copy(folder / "state.db", day)
    again = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
    with pytest.raises(StoreError, match="is a SQLite file but not the telemetry of a watchkeeper store"):
        numbers_of(again)
    again.close()


def test_an_empty_state_file_is_filled(folder, options):
    folder.mkdir()
    (folder / "state.db").touch()
    store = build(options)
    store.commit([Put(ALERTS, "a", {})])
    assert store.get(ALERTS, "a") is not None
    store.close()


# days


def test_rows_go_to_the_file_of_the_day_of_writing_whatever_their_time(store, folder, clock):
    store.commit([numbered(0, 3)])
    clock.advance(DAY)
    store.commit([numbered(3, 3)])
    assert day_files(folder) == ["2008-09-15.db", "2008-09-16.db"]
    assert numbers_of(store) == [0, 1, 2, 3, 4, 5]
    assert store.span("rows", "momentum") == (0, 5)


def test_a_clock_that_steps_back_loses_nothing(store, folder, clock):
    store.commit([numbered(0, 3)], writer="w", seq=1)
    clock.advance(-3 * DAY)
    store.commit([numbered(3, 3)], writer="w", seq=2)
    assert store.commit([numbered(0, 3)], writer="w", seq=1).is_replay
    clock.advance(DAY)
    store.commit([numbered(6, 3)], writer="w", seq=3)
    assert numbers_of(store) == list(range(9))
    assert day_files(folder) == ["2008-09-12.db", "2008-09-13.db", "2008-09-15.db"]


def test_a_pair_is_remembered_over_midnight(store, clock):
    store.commit([numbered(0, 3)], writer="w", seq=1)
    for _ in range(3):
        clock.advance(DAY)
        store.commit([numbered(10, 1, key="other")])
        assert store.commit([numbered(0, 3)], writer="w", seq=1).is_replay
    assert numbers_of(store) == [0, 1, 2]


def test_a_column_keeps_its_kind_over_midnight(store, clock):
    store.commit([numbered(0, 1, price=np.array([1.0]))])
    clock.advance(DAY)
    with pytest.raises(DataError, match="column 'price' of rows/momentum holds category now and held numeric before"):
        store.commit([numbered(1, 1, price=Categories.of(["high"]))])
    assert numbers_of(store) == [0]


def test_a_changed_column_is_told_with_a_near_name(store):
    store.commit([numbered(0, 1, venue=Categories.of(["x"]), venue_id=np.array([4]))])
    with pytest.raises(DataError, match="did you mean 'venue_id'"):
        store.commit([numbered(1, 1, venue=np.array([4]))])


def test_batches_of_several_days_come_in_the_order_of_their_rows(store, clock):
    store.commit([numbered(100, 3)])
    clock.advance(DAY)
    store.commit([numbered(0, 3)])
    assert [batch.time[0] for batch in store.scan("rows", "momentum")] == [0, 100]


def test_a_missing_day_is_told_and_can_be_given_up(store, folder, options, clock):
    store.commit([numbered(0, 3)])
    clock.advance(DAY)
    store.commit([numbered(3, 3)])
    store.close()
    (folder / "telemetry" / "2008-09-15.db").unlink()
    again = SqliteStorage(options, clock)
    for read in (lambda: numbers_of(again), lambda: again.keys("rows"), lambda: again.span("rows", "momentum")):
        with pytest.raises(
            StoreCorrupt, match=r"2008-09-15\.db is missing, and with it the rows written on 2008-09-15"
        ):
            read()
    assert again.forget_missing() == ("2008-09-15",)
    assert numbers_of(again) == [3, 4, 5]
    assert again.forget_missing() == ()
    again.close()


def test_a_day_that_went_missing_while_it_is_open_is_told(store, folder):
    store.commit([numbered(0, 3)])
    for path in (folder / "telemetry").glob("2008-09-15.db*"):
        path.unlink()
    with pytest.raises(StoreCorrupt, match="is missing"):
        numbers_of(store)
    with pytest.raises(StoreCorrupt, match="is missing"):
        store.commit([numbered(3, 3)])
    store.forget_missing()
    store.commit([numbered(3, 3)])
    assert numbers_of(store) == [3, 4, 5]


def test_other_files_among_the_days_are_left_alone(store, folder):
    (folder / "telemetry" / "notes.txt").write_text("x")
    (folder / "telemetry" / "2008-09-15.db.layout1.backup").write_text("x")
    store.commit([numbered(0, 3)])
    assert numbers_of(store) == [0, 1, 2]


# versions of the layout


def changed_schema(path, schema):
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (schema,))
        if schema.isdecimal():
            connection.execute(f"PRAGMA user_version = {schema}")
    connection.close()


def test_a_day_of_a_newer_watchkeeper_is_refused(store, folder, options, clock):
    store.commit([numbered(0, 3)])
    store.close()
    changed_schema(folder / "telemetry" / "2008-09-15.db", "7")
    again = SqliteStorage(options, clock)
    with pytest.raises(StoreTooNew, match=r"was written by a newer watchkeeper \(layout 7; this one knows up to 1\)"):
        numbers_of(again)
    again.close()


def test_a_layout_changed_under_an_open_store_stops_its_writes(store, folder):
    store.commit([Put(ALERTS, "a", {})])
    changed_schema(folder / "state.db", "7")
    with pytest.raises(StoreTooNew, match="upgrade watchkeeper"):
        store.commit([Put(ALERTS, "b", {})])


def test_a_layout_number_that_is_none_is_told(store, folder, options):
    store.close()
    changed_schema(folder / "state.db", "new")
    with pytest.raises(StoreCorrupt, match="does not say which layout it has"):
        build(options)


# what it says


def test_operations_of_no_kind_are_refused(store):
    with pytest.raises(UsageError, match="dict is not an operation; expected Append, Put, Delete or LogEntry"):
        store.commit([{}])


def test_a_digest_that_is_none_is_refused(store):
    with pytest.raises(UsageError, match=r"'\.\./\.\./etc/passwd' is not a digest"):
        store.open_blob("../../etc/passwd")


def test_a_missing_blob_file_is_told(store, folder):
    digest = store.put_blob(io.BytesIO(b"x" * 100_000))
    (folder / "blobs" / digest[:2] / digest).unlink()
    with pytest.raises(StoreCorrupt, match=f"{digest} is missing: put the blob again"):
        store.open_blob(digest)
    with pytest.raises(NotFound, match="there is no blob"):
        store.open_blob("0" * 64)


def test_a_blob_file_cannot_be_written_by_accident(store, folder):
    digest = store.put_blob(io.BytesIO(b"x" * 100_000))
    mode = (folder / "blobs" / digest[:2] / digest).stat().st_mode
    assert not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)


def test_a_source_that_fails_leaves_nothing_behind(store, folder):
    class Failing(io.RawIOBase):
        def __init__(self):
            self.left = 3

        def read(self, size=-1):
            self.left -= 1
            if not self.left:
                raise ZeroDivisionError
            return b"x" * 70_000

    with pytest.raises(ZeroDivisionError):
        store.put_blob(Failing())
    assert list((folder / "blobs").iterdir()) == []


def test_a_damaged_document_is_told(store, folder):
    store.commit([Put(ALERTS, "a", {"n": 1}, {"state": "firing"})])
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute("""UPDATE document SET value = '{"n":2}'""")
    connection.close()
    for read in (lambda: store.get(ALERTS, "a"), lambda: store.find(ALERTS)):
        with pytest.raises(StoreCorrupt, match=r"the document 'a' of 'alerts' has other bytes than were written"):
            read()


@pytest.mark.parametrize(
    ("change", "entry", "intact"),
    [
        ("""UPDATE log SET body = '{"n":9}' WHERE number = 2""", 2, 1),
        ("DELETE FROM log WHERE number = 2", 2, 1),
        ("DELETE FROM log WHERE number = 3", 3, 2),
        ("UPDATE log SET previous = '' WHERE number = 3", 3, 2),
        ("UPDATE log SET digest = 'x' WHERE number = 1", 1, 0),
        ("UPDATE log_head SET digest = 'x'", 3, 3),
    ],
    ids=["body", "gap", "tail", "previous", "digest", "head"],
)
def test_a_changed_log_breaks_where_it_was_changed(store, folder, change, entry, intact):
    store.commit([LogEntry("audit", {"n": n}) for n in (1, 2, 3)])
    with sqlite3.connect(folder / "state.db") as connection:
        connection.execute(change)
    connection.close()
    found = []
    with pytest.raises(StoreCorrupt, match=f"the log 'audit' is broken at entry {entry}: it was changed or removed"):
        found.extend(store.read_log("audit"))
    assert [each.number for each in found] == list(range(1, intact + 1))


def test_another_program_that_holds_the_file_is_told(store, folder, monkeypatch):
    monkeypatch.setattr("watchkeeper_plugins.storage.sqlite_store.database._FOREIGN_LOCK_SECONDS", 0.01)
    holder = sqlite3.connect(folder / "state.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy, match=r"state\.db is held by another program .*: close that program, or try again"):
        store.commit([Put(ALERTS, "a", {})])
    holder.close()
    store.commit([Put(ALERTS, "a", {})])


# too much


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({f"c{number}": np.zeros(1) for number in range(10_000)}, "10,000 columns; expected at most 4,096"),
        ({"note": np.array(["x" * 1_000_001], dtype=object)}, "column 'note' has a text of 1,000,001 characters"),
        ({"note": Categories.of(["x" * 1_000_001])}, "column 'note' has a text of 1,000,001 characters"),
        ({"note": np.array(["\ud800"], dtype=object)}, r"column 'note' has text with the lone surrogate U\+D800"),
        ({"at": np.array([0], dtype="M8[ns]")}, r"column 'at' is datetime64\[ns\]; expected datetime64\[us\]"),
        ({"c": Categories(np.array([0], dtype=np.int32), (3,))}, "column 'c' has a int in row 0; expected"),
    ],
    ids=["columns", "text", "category", "surrogate", "nanoseconds", "labels"],
)
def test_what_is_too_much_or_too_strange_is_refused_in_a_sentence(store, columns, says):
    with pytest.raises(DataError, match=says):
        store.commit([Append("rows", "momentum", np.zeros(1, dtype=np.int64), Table(columns))])
    assert store.keys("rows") == ()


def test_many_columns_work(store):
    names = [f"feature_{number}" for number in range(4096)]
    append = Append("rows", "k", np.arange(2), Table({name: np.arange(2.0) for name in names}), tuple(names[10:]))
    store.commit([append])
    (batch,) = store.scan("rows", "k", columns=["feature_4095", "feature_3"])
    assert batch.table.names == ("feature_4095", "feature_3")


# connections


def test_a_forked_child_opens_the_store_for_itself(store):
    store.commit([Put(ALERTS, "a", {"by": "parent"}), LogEntry("audit", {})])
    store.commit([numbered(0, 3)])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.commit([Put(ALERTS, "b", {"by": "child"})])
            store.commit([numbered(3, 3)])
            code = 0 if numbers_of(store) == [0, 1, 2, 3, 4, 5] else 2
            store.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    store.commit([Put(ALERTS, "c", {})])
    assert [document.key for document in store.find(ALERTS)] == ["a", "b", "c"]
    assert numbers_of(store) == [0, 1, 2, 3, 4, 5]


def test_a_scan_begun_before_a_fork_is_refused_in_the_child(store):
    store.commit([numbered(0, 3)])
    scan = store.scan("rows", "momentum")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(scan)
        except StoreError as error:
            code = 0 if "begin the read again after a fork" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_nothing_is_held_between_the_batches_of_a_scan(store, folder):
    for number in range(3):
        store.commit([numbered(number, 1)])
    scan = store.scan("rows", "momentum")
    next(scan)
    connection = sqlite3.connect(folder / "telemetry" / "2008-09-15.db")
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    connection.close()
    assert busy == 0, "a scan between two batches keeps nobody from the file"
    assert len(list(scan)) == 2


def test_the_log_before_the_file_stays_bounded(folder, clock):
    options = SqliteOptions(f"sqlite:///{folder}", checkpoint_bytes=200_000)
    store = SqliteStorage(options, clock)
    wal = folder / "telemetry" / "2008-09-15.db-wal"
    sizes = []
    for number in range(60):
        store.commit([numbered(number, 1, big=np.array(["x" * 30_000], dtype=object))], Durability.FLUSHED)
        sizes.append(wal.stat().st_size)
    assert max(sizes) < 500_000
    assert len(numbers_of(store)) == 60
    store.close()


def open_files():
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_many_days_are_read_with_few_open_files(folder, clock, monkeypatch):
    monkeypatch.setattr("watchkeeper_plugins.storage.sqlite_store.days._MOST_OPEN", 4)
    store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
    for day in range(12):
        store.commit([numbered(day, 1)])
        clock.advance(DAY)
    before = open_files()
    for _ in range(3):
        assert numbers_of(store) == list(range(12))
    assert open_files() <= before + 4
    store.close()


def test_a_buffered_commit_is_kept_as_flushed(store):
    assert store.commit([numbered(0, 1)], Durability.BUFFERED).durability is Durability.FLUSHED
    assert store.commit([Put(ALERTS, "a", {})], Durability.BUFFERED).durability is Durability.FLUSHED


def test_threads_may_close_a_store_while_others_read(store):
    for number in range(20):
        store.commit([numbered(number, 1)])
    failures = []

    def read():
        try:
            while True:
                numbers_of(store)
        except StoreError as error:
            failures.append(str(error))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    store.close()
    for thread in threads:
        thread.join(30)
    assert len(failures) == 3
    assert all("closed" in failure for failure in failures)


def test_finding_among_many_uses_an_index(store, folder):
    jobs = Namespace("jobs", index=("state", "rank", "owner"))
    for start in range(0, 1000, 500):
        store.commit(
            [
                Put(jobs, f"{number:04}", {}, {"state": number % 3, "rank": number % 7, "owner": f"o{number % 5}"})
                for number in range(start, start + 500)
            ]
        )
    wanted = sorted((n for n in range(1000) if n % 3 == 1), key=lambda n: (-(n % 7), n))
    found = store.find(jobs, {"state": 1}, ["-rank"], limit=50)
    assert [int(document.key) for document in found] == wanted[:50]
    with sqlite3.connect(folder / "state.db") as connection:
        question = "SELECT key FROM document WHERE namespace = 1 AND i1 IS ? ORDER BY i2 DESC, key LIMIT 50"
        plan = connection.execute(f"EXPLAIN QUERY PLAN {question}", (1,)).fetchall()
    connection.close()
    assert "USING INDEX find_1_i1_i2d_key" in plan[0][-1] or "USING COVERING INDEX find_1_i1_i2d_key" in plan[0][-1]
    assert not any("TEMP B-TREE" in row[-1] for row in plan)


def test_indexes_do_not_grow_without_end(store, folder):
    jobs = Namespace("jobs", index=("a", "b", "c", "d"))
    store.commit([Put(jobs, f"{number}", {}, {"a": number % 3, "b": number}) for number in range(30)])
    for order in itertools.permutations(("a", "-b", "c", "-d"), 3):
        assert len(store.find(jobs, order=order)) == 30
    connection = sqlite3.connect(folder / "state.db")
    (count,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name LIKE 'find%'").fetchone()
    connection.close()
    assert count == 16


def test_a_full_disk_makes_a_question_slower_and_no_more(store, monkeypatch):
    store.commit([Put(ALERTS, "a", {}, {"state": "firing"})])

    def full(durability):
        raise StoreError("there is no room to write")

    monkeypatch.setattr(store._parts.state, "writing", full)
    assert [document.key for document in store.find(ALERTS, {"state": "firing"})] == ["a"]


def test_options_are_changed_without_touching_the_store(store, options, clock):
    store.commit([numbered(0, 25_000)])
    store.close()
    again = SqliteStorage(attrs.evolve(options, chunk_rows=10, small_blob_bytes=1), clock)
    assert numbers_of(again) == list(range(25_000))
    again.close()
