"""Outcomes that were read with a window are not read again, and a search for earlier ones ends where it is in vain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.contracts.storage import Append, Durability
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.at_hand import outcomes, outcomes_span
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS
from watchkeeper.monitor.stored_windows import stored_records
from watchkeeper.monitor.time_order import sorted_rows
from watchkeeper.testing.memory import MemoryStorage

HOUR_US = 3_600_000_000


class Asked(MemoryStorage):
    """A store that remembers what stretches of outcomes were asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def scan(self, stream, key, since_us=None, until_us=None, columns=None):
        if stream == OUTCOMES:
            self.asked.append((since_us, until_us))
        return super().scan(stream, key, since_us, until_us, columns)


def stored(made_us, arrived):
    """Predictions r0, r1... made at these times, and (id, time) of outcomes."""
    storage = Asked()
    ids = np.array([f"r{at}" for at in range(len(made_us))], dtype=object)
    predictions = Table({"id": ids, "prediction": np.zeros(len(ids)), "version": Categories.of(["1"] * len(ids))})
    operations = [Append(PREDICTIONS, "m", np.array(made_us, dtype=np.int64), predictions)]
    if arrived:
        names, times = zip(*arrived, strict=True)
        told = Table({"id": np.array(names, dtype=object), "outcome": np.arange(len(names), dtype=np.float64)})
        operations.append(Append(OUTCOMES, "m", np.array(times, dtype=np.int64), told))
    storage.commit(operations, Durability.FLUSHED)
    return storage


def window_of(storage, size):
    found = stored_records(storage, "m", WindowSize.parse(size), [])
    storage.asked.clear()
    return found


@settings(max_examples=60, deadline=None)
@given(
    made=st.lists(st.integers(0, 30), min_size=1, max_size=20),
    arrived=st.lists(st.tuples(st.sampled_from(["r0", "r1", "r2", "other"]), st.integers(-5, 40)), max_size=20),
    since=st.integers(-8, 40),
    length=st.integers(0, 40),
    size=st.sampled_from(["3 rows", "7us"]),
)
def test_outcomes_at_hand_are_those_of_the_store(made, arrived, since, length, size):
    storage = stored(sorted(made), arrived)
    window = window_of(storage, size)
    time, table = sorted_rows(outcomes(storage, "m", (since, since + length), window))
    expected_time, expected = sorted_rows(storage.scan(OUTCOMES, "m", since, since + length, ["id", "outcome"]))
    assert time.tolist() == expected_time.tolist()
    if len(time):
        assert sorted(table["outcome"].tolist()) == sorted(expected["outcome"].tolist())
    if arrived and max(at for _, at in arrived) >= window.time[0]:
        assert outcomes_span(storage, "m", window) == storage.span(OUTCOMES, "m")


def test_outcomes_from_the_windows_first_row_on_are_not_asked_for_again():
    storage = stored(range(10, 20), [(f"r{at}", 11 + at) for at in range(10)])
    window = window_of(storage, "5 rows")
    assert len(sorted_rows(outcomes(storage, "m", (15, 25), window))[0]) == 6
    assert storage.asked == []
    assert len(sorted_rows(outcomes(storage, "m", (12, 25), window))[0]) == 9
    assert storage.asked == [(12, 15)]


def test_what_arrived_after_the_window_was_read_waits_for_the_next_check():
    storage = stored([10, 11], [("r0", 12)])
    window = window_of(storage, "2 rows")
    later = Table({"id": np.array(["r1"], dtype=object), "outcome": np.ones(1)})
    storage.commit([Append(OUTCOMES, "m", np.array([20]), later)], Durability.FLUSHED)
    assert outcomes_span(storage, "m", window) == (12, 12)
    assert outcomes_span(storage, "m", None) == (12, 20)


@pytest.mark.parametrize("early_us", [1, 9_000_000, HOUR_US, 23 * HOUR_US])
def test_an_outcome_that_is_stamped_up_to_a_day_early_is_found(early_us):
    first_us = 100 * HOUR_US
    others = [(f"elsewhere{at}", first_us - at * HOUR_US // 2) for at in range(40)]
    storage = stored([first_us, first_us + 1], [("r1", first_us + 2), ("r0", first_us - early_us), *others])
    assert window_of(storage, "2 rows").has_outcome.all()


def test_early_ones_are_found_behind_each_other_however_many_there_are():
    first_us = 100 * HOUR_US
    rows = 30
    arrived = [(f"r{at}", first_us - at * HOUR_US // 2) for at in range(rows)]
    storage = stored([first_us] * rows, arrived)
    assert window_of(storage, f"{rows} rows").has_outcome.all()


def test_the_search_for_early_outcomes_ends_after_thousands_of_others():
    first_us = 100 * HOUR_US
    others = [(f"elsewhere{at}", first_us - 1 - 1_000 * at) for at in range(8_000)]
    storage = stored([first_us], [*others, ("r0", first_us - HOUR_US)])
    assert not window_of(storage, "1 rows").has_outcome.any()
    stored_records(storage, "m", WindowSize.parse("1 rows"), [])
    assert (first_us - 10_000_000, first_us) in storage.asked
    assert all(since is None or since >= first_us - 10_000_000 for since, _ in storage.asked)
