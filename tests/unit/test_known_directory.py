"""A writer that remembers its file's directory never trusts what somebody else has changed."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.errors import DataError, StoreError
from watchkeeper.domain.table import Table
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build
from watchkeeper_plugins.storage.sqlite_store import database, multirow


def rows(key: str, start: int, count: int = 3, column: str = "x") -> Append:
    time = np.arange(start, start + count, dtype=np.int64)
    return Append("predictions", key, time, Table({column: time.astype(float)}))


@pytest.fixture
def stores(tmp_path):
    made = [build(SqliteOptions(f"sqlite:///{tmp_path}/watch")) for _ in range(2)]
    yield made
    for store in made:
        store.close()


def times(store, key: str) -> list[int]:
    return sorted(int(one) for batch in store.scan("predictions", key) for one in batch.time)


def test_two_writers_in_turn_lose_nothing(stores):
    for turn in range(12):
        stores[turn % 2 if turn < 6 else turn // 3 % 2].commit([rows(f"m{turn % 3}", 10 * turn)])
    for store in stores:
        assert [times(store, f"m{number}") for number in range(3)] == [
            [10 * turn + row for turn in range(number, 12, 3) for row in range(3)] for number in range(3)
        ]
        assert not store.verify()


def test_compaction_and_expiry_between_commits_are_seen(stores):
    store = stores[0]
    for turn in range(40):
        store.commit([rows("spx", 10 * turn)])
        if turn % 13 == 12:
            while not store.maintain(5.0).is_finished:
                pass
    assert times(store, "spx") == [10 * turn + row for turn in range(40) for row in range(3)]
    assert not store.verify()


def test_one_commit_of_more_appends_than_one_statement_takes(stores):
    store = stores[0]
    appends = [rows(f"m{number % 90:02}", 1000 * number) for number in range(3 * 64 + 21)]
    store.commit(appends)
    store.commit(appends[:5])
    assert len(store.keys("predictions")) == 90
    assert sum(len(times(store, key)) for key in store.keys("predictions")) == 3 * (len(appends) + 5)
    assert not store.verify()


def test_a_refused_commit_leaves_nothing_remembered(stores):
    store = stores[0]
    store.commit([rows("spx", 0)])
    text = Append("predictions", "spx", np.array([50]), Table({"x": np.array(["far"], dtype=object)}))
    with pytest.raises(DataError, match="'x'"):
        store.commit([rows("dax", 0), rows("spx", 100), text])
    store.commit([rows("dax", 7), rows("spx", 200)])
    assert times(store, "dax") == [7, 8, 9]
    assert times(store, "spx") == [0, 1, 2, 200, 201, 202]
    assert not store.verify()


def test_a_commit_that_fails_at_its_end_leaves_nothing_remembered(stores):
    store = stores[0]
    store.commit([rows("spx", 0)])
    with (
        mock.patch.object(database, "require_layout", side_effect=[StoreError("the disk is gone")]),
        pytest.raises(StoreError),
    ):
        store.commit([rows("spx", 100), rows("dax", 100)])
    real = multirow.insert_rows

    def failing(connection, table, *rest):
        real(connection, table, *rest)
        if table == "series":
            raise StoreError("the disk is gone")

    with (
        mock.patch("watchkeeper_plugins.storage.sqlite_store.directory.insert_rows", failing),
        pytest.raises(StoreError, match="disk is gone"),
    ):
        store.commit([rows("spx", 300), rows("dax", 300)])
    store.commit([rows("spx", 400), rows("dax", 400)])
    assert times(store, "spx") == [0, 1, 2, 400, 401, 402]
    assert times(store, "dax") == [400, 401, 402]
    assert not store.verify()
