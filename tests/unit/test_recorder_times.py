"""Times that are given to the recorder in seconds or another unit are refused, not taken for 1970."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.errors import DataError
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

NOW_US = 1_767_571_200_000_000


@pytest.fixture
def recorder():
    made = Recorder(MemoryStorage(), FakeClock(NOW_US))
    made.declare("spx", ["ret1"])
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("time", "unit"),
    [(1_767_571_200, "seconds"), (1_767_571_200_000, "milliseconds"), (1_767_571_200_000_000_000, "nanoseconds")],
    ids=["seconds", "milliseconds", "nanoseconds"],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda r, time: r.log("spx", [0.1], 0.5, times_us=time),
        lambda r, time: r.log("spx", [[0.1], [0.2]], [0.5, 0.6], times_us=[time, NOW_US]),
        lambda r, time: r.log("spx", [0.1], 0.5, times_us=np.int64(time)),
        lambda r, time: r.record_outcomes("spx", "a", 1.0, times_us=time),
    ],
    ids=["one row", "many rows", "numpy", "outcomes"],
)
def test_a_time_in_another_unit_is_refused_by_its_name(recorder, call, time, unit):
    with pytest.raises(DataError) as error:
        call(recorder, time)
    assert f"hold {time} in row 1 (it looks like {unit}), expected times: datetimes, ISO 8601 text" in str(error.value)
    assert recorder.stats().logged == 0


def test_small_numbers_and_datetimes_of_1970_are_taken(recorder):
    recorder.log("spx", [0.1], 0.5, times_us=5)
    recorder.log("spx", [[0.1]], [0.5], times_us=np.array(["1970-01-01T00:20"], dtype="M8[us]"))
    assert recorder.flush().rows == 2


def test_a_clock_of_1970_takes_every_number():
    recorder = Recorder(MemoryStorage(), FakeClock(0))
    recorder.declare("spx", ["ret1"])
    recorder.log("spx", [0.1], 0.5, times_us=1_767_571_200)
    assert recorder.flush().rows == 1
    recorder.stop()
