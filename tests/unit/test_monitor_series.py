"""The kept measurements as series: by name and labels, the last number of each window, undefined ones left out."""

import pytest

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.history import keep_measurements
from watchkeeper.monitor.series import kept_series, written_labels
from watchkeeper.testing.memory import MemoryStorage

PLAIN = written_labels({})


def keep(storage, at_us, end_us, **numbers):
    measurements = [
        Measurement(name, Value.undefined("none") if number is None else Value.of(number), "m", None, Window(0, end_us))
        for name, number in numbers.items()
    ]
    keep_measurements(storage, "m", measurements, at_us)


@pytest.fixture
def storage():
    return MemoryStorage()


def test_numbers_are_by_the_ends_of_their_windows(storage):
    keep(storage, 5, 1, accuracy=0.1, recall=0.5)
    keep(storage, 6, 2, accuracy=0.2, recall=0.6)
    assert kept_series(storage, "m", ("accuracy",)) == {("accuracy", PLAIN): {1: 0.1, 2: 0.2}}


def test_a_window_that_was_measured_again_has_its_last_number(storage):
    keep(storage, 5, 1, accuracy=0.1)
    keep(storage, 6, 1, accuracy=0.3)
    assert kept_series(storage, "m", ("accuracy",)) == {("accuracy", PLAIN): {1: 0.3}}


def test_what_is_undefined_is_left_out(storage):
    keep(storage, 5, 1, accuracy=None)
    keep(storage, 6, 2, accuracy=0.2)
    assert kept_series(storage, "m", ("accuracy",)) == {("accuracy", PLAIN): {2: 0.2}}


def test_labels_make_series_of_their_own(storage):
    for name, number in (("a", 0.1), ("b", 0.2)):
        found = Measurement("ks", Value.of(number), "m", None, Window(0, 1), {"feature": name})
        keep_measurements(storage, "m", [found], 5)
    assert kept_series(storage, "m", ("ks", "psi")) == {
        ("ks", written_labels({"feature": "a"})): {1: 0.1},
        ("ks", written_labels({"feature": "b"})): {1: 0.2},
    }


def test_only_what_was_kept_in_a_stretch_of_time_is_read(storage):
    for at in range(5):
        keep(storage, at * 10, at, accuracy=at / 10)
    assert kept_series(storage, "m", ("accuracy",), 10, 30) == {("accuracy", PLAIN): {1: 0.1, 2: 0.2}}


def test_a_model_without_measurements_has_no_series(storage):
    assert kept_series(storage, "m", ("accuracy",)) == {}
