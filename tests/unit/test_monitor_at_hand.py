"""Rows of a window that was just read are not read again, and none of them is lost or counted twice by that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.contracts.storage import Append, Durability
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.at_hand import predictions
from watchkeeper.monitor.records import PREDICTIONS
from watchkeeper.monitor.stored_windows import stored_records
from watchkeeper.monitor.time_order import sorted_rows
from watchkeeper.testing.memory import MemoryStorage

COLUMNS = ["id", "prediction", "ret1"]


class Asked(MemoryStorage):
    """A store that remembers what stretches were asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def scan(self, stream, key, since_us=None, until_us=None, columns=None):
        self.asked.append((since_us, until_us))
        return super().scan(stream, key, since_us, until_us, columns)


def stored(times):
    storage = Asked()
    count = len(times)
    table = Table(
        {
            "id": np.array([f"row{at}" for at in range(count)], dtype=object),
            "prediction": np.arange(count) / 100.0,
            "ret1": np.arange(count, dtype=np.float64),
            "version": Categories.of(["1.0.0"] * count),
        }
    )
    storage.commit([Append(PREDICTIONS, "momentum", np.array(times, dtype=np.int64), table)], Durability.FLUSHED)
    return storage


def told(storage, span, window):
    return sorted_rows(predictions(storage, "momentum", span, COLUMNS, window))


def test_rows_of_the_window_are_not_asked_from_the_store():
    storage = stored(range(100, 200))
    window = stored_records(storage, "momentum", WindowSize.parse("50 rows"), ["ret1"])
    storage.asked.clear()
    time, table = told(storage, (160, 200), window)
    assert time.tolist() == list(range(160, 200))
    assert table["id"].tolist()[0] == "row60"
    assert storage.asked == []


def test_what_lies_before_and_after_the_window_is_asked_for():
    storage = stored(range(100, 200))
    window = stored_records(storage, "momentum", WindowSize.parse("50 rows"), ["ret1"])
    storage.asked.clear()
    assert told(storage, (120, 500), window)[0].tolist() == list(range(120, 200))
    assert storage.asked == [(120, 151), (200, 500)]


def test_without_a_window_everything_is_asked_for():
    storage = stored(range(100, 200))
    storage.asked.clear()
    assert len(told(storage, (120, 150), None)[0]) == 30
    assert storage.asked == [(120, 150)]


@pytest.mark.parametrize("size", ["7 rows", "1 rows", "5us", "40us"])
@settings(max_examples=40, deadline=None)
@given(
    times=st.lists(st.integers(0, 30), min_size=1, max_size=40),
    since=st.integers(-5, 35),
    length=st.integers(0, 40),
)
def test_the_rows_are_those_of_the_store_whatever_the_window(size, times, since, length):
    storage = stored(sorted(times))
    window = stored_records(storage, "momentum", WindowSize.parse(size), ["ret1"])
    time, table = told(storage, (since, since + length), window)
    expected_time, expected = sorted_rows(storage.scan(PREDICTIONS, "momentum", since, since + length, COLUMNS))
    assert sorted(time.tolist()) == sorted(expected_time.tolist())
    if len(time):
        assert sorted(table["id"].tolist()) == sorted(expected["id"].tolist())
