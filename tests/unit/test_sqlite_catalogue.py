"""The catalogue of files that rest: fewer files are opened, and nothing else changes."""

from __future__ import annotations

import os
import sqlite3

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Durability
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.table import Table
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

DAYS = 12
DAY = 86_400.0


def append(number, key="momentum", **more):
    time = np.array([number])
    return Append("rows", key, time, Table({"number": time, **more}))


def numbers_of(store, key="momentum", since=None, until=None):
    return sorted(n for batch in store.scan("rows", key, since, until) for n in batch.table["number"].tolist())


def finish(store):
    while not store.maintain(5.0).is_finished:
        pass


def rest(folder):
    """As if the files had not been touched for an hour."""
    for path in (folder / "telemetry").glob("*.db"):
        changed = path.stat().st_mtime - 3600
        os.utime(path, (changed, changed))


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def folder(tmp_path, clock):
    """A store of twelve days, one row a day, that were catalogued; another key on the third day."""
    store = opened(tmp_path / "watch", clock)
    for day in range(DAYS):
        store.commit([append(day), *([append(100, key="rare")] if day == 2 else [])], Durability.FLUSHED)
        clock.advance(DAY)
    finish(store)
    rest(tmp_path / "watch")
    finish(store)
    store.close()
    return tmp_path / "watch"


def opened(folder, clock):
    return SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)


def opened_files(store):
    return sorted(store._parts.days._open)


def test_only_the_files_of_the_window_are_opened(folder, clock):
    store = opened(folder, clock)
    assert numbers_of(store, since=4, until=6) == [4, 5]
    assert opened_files(store) == ["2008-09-19", "2008-09-20"]
    assert numbers_of(store, key="rare") == [100]
    assert numbers_of(store, key="nobody") == []
    assert opened_files(store) == ["2008-09-17", "2008-09-19", "2008-09-20"]
    store.close()


def test_keys_and_spans_need_no_file(folder, clock):
    store = opened(folder, clock)
    assert store.keys("rows") == ("momentum", "rare")
    assert store.keys("others") == ()
    assert store.span("rows", "momentum") == (0, DAYS - 1)
    assert store.span("rows", "rare") == (100, 100)
    assert store.span("rows", "nobody") is None
    assert opened_files(store) == []
    store.close()


def test_rows_written_to_a_catalogued_day_are_seen_at_once(folder, clock):
    store, other = opened(folder, clock), opened(folder, clock)
    assert numbers_of(store, since=50) == []
    clock.advance(-5 * DAY)
    other.commit([append(60), append(70, key="new")], Durability.FLUSHED)
    assert numbers_of(store, since=50) == [60]
    assert store.keys("rows") == ("momentum", "new", "rare")
    assert store.span("rows", "momentum") == (0, 60)
    other.close()
    assert numbers_of(store, since=50) == [60], "also when its log was moved into the file"
    store.close()


def test_a_column_of_nones_knows_its_kind_from_files_that_are_not_opened(tmp_path, clock):
    store = opened(tmp_path / "watch", clock)
    nothing = np.array([None], dtype=object)
    for day, label in enumerate((nothing, np.array([0.5]), nothing)):
        store.commit([append(day, label=label)])
        clock.advance(DAY)
    finish(store)
    rest(tmp_path / "watch")
    finish(store)
    store.close()
    store = opened(tmp_path / "watch", clock)
    (batch,) = store.scan("rows", "momentum", 0, 1)
    assert batch.table["label"].dtype == np.float64
    assert opened_files(store) == ["2008-09-15"]
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM span WHERE day = '2008-09-19'",
        "UPDATE span SET last_us = 0 WHERE day = '2008-09-19'",
        "UPDATE span SET key = 'other' WHERE day = '2008-09-19'",
        "UPDATE covered SET entries = 7",
        "DELETE FROM kinds",
        "DELETE FROM covered",
        "UPDATE covered SET stamp = 'x'",
    ],
)
def test_a_catalogue_that_does_not_add_up_is_not_used(folder, clock, statement):
    connection = sqlite3.connect(folder / "state.db")
    connection.execute(statement)
    connection.commit()
    connection.close()
    store = opened(folder, clock)
    assert numbers_of(store) == list(range(DAYS))
    assert numbers_of(store, since=4, until=6) == [4, 5]
    assert store.span("rows", "momentum") == (0, DAYS - 1)
    assert store.keys("rows") == ("momentum", "rare")
    store.close()


def test_a_file_that_changed_a_moment_ago_is_not_catalogued(tmp_path, clock):
    store = opened(tmp_path / "watch", clock)
    store.commit([append(1)])
    clock.advance(DAY)
    finish(store)
    assert store._parts.days.names() == ["2008-09-15"]
    connection = sqlite3.connect(tmp_path / "watch" / "state.db")
    assert connection.execute("SELECT count(*) FROM covered").fetchone() == (0,)
    connection.close()
    store.close()


def test_days_that_are_gone_leave_the_catalogue(folder, clock):
    for path in (folder / "telemetry").glob("2008-09-15.db*"):
        path.unlink()
    store = opened(folder, clock)
    store.forget_missing()
    finish(store)
    connection = sqlite3.connect(folder / "state.db")
    assert connection.execute("SELECT count(*) FROM covered").fetchone() == (DAYS - 1,)
    assert connection.execute("SELECT count(*) FROM span").fetchone() == (DAYS,)
    connection.close()
    assert numbers_of(store) == list(range(1, DAYS))
    store.close()


def test_a_catalogued_file_that_is_cut_short_is_told(folder, clock):
    day = folder / "telemetry" / "2008-09-15.db"
    os.truncate(day, 8192)
    store = opened(folder, clock)
    with pytest.raises(StoreError, match=r"2008-09-15\.db"):
        numbers_of(store)
    store.close()
