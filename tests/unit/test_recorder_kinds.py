"""Labels for numbers, and numbers for labels, are refused at the call: the store would refuse them later."""

from __future__ import annotations

import math

import numpy as np
import pytest

from watchkeeper.domain.errors import DataError
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage


@pytest.fixture
def recorder():
    made = Recorder(MemoryStorage(), FakeClock())
    made.declare("values", ["x"], predictions=float)
    made.declare("labels", ["x"], predictions=str)
    made.declare("any", ["x"])
    made.expect_outcomes("values", float)
    made.expect_outcomes("labels", str)
    yield made
    made.stop()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda r: r.log("values", [1.0], "up"), "the predictions of model 'values' are labels, 'up' in row 1"),
        (
            lambda r: r.log("values", np.zeros((3, 1)), [None, "up", "up"]),
            "the predictions of model 'values' are labels, 'up' in row 2",
        ),
        (lambda r: r.log("labels", [1.0], 0.5), "the predictions of model 'labels' are numbers, 0.5 in row 1"),
        (
            lambda r: r.log("labels", np.zeros((2, 1)), np.array([np.nan, 2.0])),
            "the predictions of model 'labels' are numbers, 2.0 in row 2",
        ),
        (lambda r: r.record_outcomes("values", "a", "up"), "the outcomes of model 'values' are labels, 'up' in row 1"),
        (
            lambda r: r.record_outcomes("labels", ["a", "b"], [0, 1]),
            "the outcomes of model 'labels' are numbers, 0.0 in row 1",
        ),
    ],
    ids=["a label", "labels", "a number", "numbers", "an outcome", "outcomes"],
)
def test_the_other_kind_is_refused_with_what_was_expected(recorder, call, told):
    with pytest.raises(DataError) as error:
        call(recorder)
    assert told in str(error.value)
    expected = "labels" if "'labels'" in told else "numbers"
    assert f"; expected {expected}, as the model's reference has them" in str(error.value)
    assert recorder.stats().logged == 0


def test_what_fits_is_taken_and_so_is_what_is_missing(recorder):
    recorder.log("values", [1.0], 0.5)
    recorder.log("values", [1.0], np.float64(0.5))
    recorder.log("labels", np.zeros((2, 1)), ["up", None])
    recorder.log("labels", [1.0], "down")
    recorder.log("any", [1.0], 0.5)
    recorder.record_outcomes("values", "a", math.nan)
    recorder.record_outcomes("any", "a", "up")
    assert recorder.stats().logged == 8
