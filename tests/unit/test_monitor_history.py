"""Measurements come back from the store as they went in."""

from __future__ import annotations

import numpy as np

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Categories
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.history import keep_measurements, kept_measurements
from watchkeeper.testing.memory import MemoryStorage

WINDOW = Window(10, 20, 5, "today.csv")
MADE = (
    Measurement("rmse", Value.of(0.5, samples=5, interval=(0.4, 0.6)), "spx", "1.0.0", WINDOW),
    Measurement("ks", Value.of(0.2), "spx", None, WINDOW, {"feature": "vol"}, {"p_value": 0.01, "threshold": 0.3}),
    Measurement("auc", Value.undefined("one class", samples=3), "spx", "1.0.0", WINDOW),
)


def test_every_measurement_comes_back_equal():
    storage = MemoryStorage()
    keep_measurements(storage, "spx", MADE, now_us=100)
    assert [found for _, found in kept_measurements(storage, "spx")] == list(MADE)


def test_one_name_and_a_stretch_of_time_can_be_asked_for():
    storage = MemoryStorage()
    for now_us in (100, 200, 300):
        keep_measurements(storage, "spx", MADE, now_us)
    assert [time for time, _ in kept_measurements(storage, "spx", "rmse", since_us=150)] == [200, 300]


def test_nothing_kept_is_an_empty_list():
    assert kept_measurements(MemoryStorage(), "spx") == []
    keep_measurements(MemoryStorage(), "spx", (), 1)


def test_a_measurement_among_many_labelled_ones_comes_back_by_itself():
    storage = MemoryStorage()
    value = Value.of(0.1)
    several = [Measurement("ks", value, "spx", None, WINDOW, {"feature": f"f{at}"}) for at in range(50)]
    keep_measurements(storage, "spx", [*several, MADE[0]], 5)
    assert [one for _, one in kept_measurements(storage, "spx", "rmse")] == [MADE[0]]


def test_categories_can_be_compacted_to_the_labels_that_rows_have():
    whole = Categories.of(["a", "b", None, "c"])
    part = whole[np.array([0, 2, 3])]
    assert part.labels == ("a", "b", "c")
    assert part.compacted().labels == ("a", "c")
    assert part.compacted().texts().tolist() == ["a", None, "c"]
    assert whole.compacted() is whole
