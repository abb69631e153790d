"""What a recorder's flusher does about roll-ups: when they are due, when the store fails, and how much memory waits."""

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.cells import NumberCells, ordered_numbers
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Failure
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.records import PREDICTIONS
from watchkeeper.monitor.rollups import increments
from watchkeeper.monitor.rollups.increments import Counting
from watchkeeper.monitor.rollups.reading import rollup
from watchkeeper.monitor.rollups.stored import HOUR_US, ROLLUPS
from watchkeeper.testing import FakeClock, MemoryStorage

START_US = 490_000 * HOUR_US
CELLS = {name: NumberCells.of(ordered_numbers(np.linspace(-1.0, 1.0, 500))) for name in ("ret1", "prediction")}


class Moody(MemoryStorage):
    """Refuses commits of roll-ups alone while it is told to."""

    is_moody = False

    def commit(self, operations, *arguments, **named):
        if self.is_moody and all(isinstance(one, Append) and one.stream == ROLLUPS for one in operations):
            raise StoreError("not in the mood")
        return super().commit(operations, *arguments, **named)


@pytest.fixture
def clock():
    return FakeClock(START_US)


@pytest.fixture
def storage():
    return Moody()


@pytest.fixture
def recorder(storage, clock):
    made = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
    made.declare("spx", ("ret1",), cells=CELLS)
    yield made
    made.stop()


def log(recorder, rows=200):
    recorder.log("spx", np.zeros((rows, 1)), np.zeros(rows))
    recorder.flush()


def hours(storage):
    return [(hour.rows, hour.is_complete) for hour in rollup(storage, "spx", START_US, START_US + 10 * HOUR_US)]


def test_an_hour_is_counted_when_it_is_over(storage, clock, recorder):
    log(recorder)
    recorder._flusher.settle()
    assert hours(storage) == [(0, False)]
    clock.advance(3600 + 59)
    recorder._flusher.settle()
    assert hours(storage) == [(0, False)]
    clock.advance(1)
    recorder._flusher.settle()
    assert hours(storage) == [(200, True)]


def test_the_next_commit_closes_it_too(storage, clock, recorder):
    log(recorder)
    clock.advance(3660)
    log(recorder)

    assert hours(storage) == [(200, True), (0, False)]


def test_stopping_counts_what_is_open(storage, recorder):
    log(recorder)

    recorder.stop()

    assert hours(storage) == [(200, True)]


def test_late_rows_wait_for_more_of_them(storage, clock, recorder):
    clock.advance(5 * 3600)
    recorder.log("spx", np.zeros((200, 1)), np.zeros(200), times_us=START_US)
    recorder.flush()
    clock.advance(599)
    recorder._flusher.settle()
    assert hours(storage) == [(0, False)]
    clock.advance(1)
    recorder._flusher.settle()
    assert hours(storage) == [(200, True)]


def test_roll_ups_that_the_store_does_not_take_are_tried_again_and_rows_are_safe(storage, clock, recorder, caplog):
    log(recorder)
    clock.advance(3660)
    storage.is_moody = True

    failed = recorder._flusher.settle()

    assert isinstance(failed, Failure)
    assert "roll-ups: StoreError: not in the mood" in caplog.text
    assert sum(len(batch.time) for batch in storage.scan(PREDICTIONS, "spx")) == 200
    storage.is_moody = False
    assert recorder._flusher.settle() is None
    assert hours(storage) == [(200, True)]


def test_roll_ups_that_failed_before_the_end_are_committed_at_the_end(storage, clock, recorder):
    log(recorder)
    clock.advance(3660)
    storage.is_moody = True
    recorder._flusher.settle()
    storage.is_moody = False
    log(recorder)

    recorder.stop()

    assert hours(storage) == [(200, True), (200, True)]


def test_a_clock_that_is_set_back_leaves_the_hour_to_be_read(storage, clock, recorder):
    log(recorder)
    clock.advance(-120)
    recorder.stop()

    assert hours(storage) == [(0, False)]


def test_few_rows_are_left_to_be_read(storage, recorder):
    log(recorder, rows=127)

    recorder.stop()

    assert hours(storage) == [(0, False)]


def test_only_a_few_hours_are_open_at_once(storage, recorder):
    for hour in range(20):
        recorder.log("spx", np.zeros((200, 1)), np.zeros(200), times_us=START_US - hour * HOUR_US)
        recorder.flush()

    found = [hour.rows for hour in rollup(storage, "spx", START_US - 20 * HOUR_US, START_US + HOUR_US)]

    assert found.count(200) == 20 - increments._MOST_MARKS


def append_of(model, rows):
    columns = {"ret1": np.zeros(rows), "prediction": np.zeros(rows)}
    return Append(PREDICTIONS, model, np.full(rows, START_US), Table(columns))


def test_rows_that_wait_are_folded_before_they_fill_the_memory(clock):
    counting = Counting("recorder", clock)
    models = [f"model_{number}" for number in range(40)]
    for model in models:
        counting.declare(model, CELLS)
    for _ in range(9):
        counting.of_commit([append_of(model, 4000) for model in models])
        counting.fold()

    waiting = [one.folding.waiting_rows for marks in counting._open.values() for one in marks.values()]

    assert sum(waiting) * 16 <= increments._MOST_WAITING_BYTES
    assert all(one.folding.rows == 36_000 for marks in counting._open.values() for one in marks.values())


def test_without_cells_hours_are_marked_and_never_counted(storage, clock):
    recorder = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
    recorder.declare("spx", ("ret1",))
    log(recorder)
    recorder.stop()

    (hour,) = rollup(storage, "spx", START_US, START_US + HOUR_US)

    assert (hour.rows, hour.profiles) == (200, {})
    assert hour.over(CELLS) == {}
