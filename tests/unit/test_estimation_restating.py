"""Outcomes that come late change what is known of past windows; both values stay."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Put
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.estimation.restating import (
    MOST_WINDOWS,
    WINDOWS,
    Listed,
    Remeasuring,
    listed_and_restated,
    outcomes_digest,
    restated,
    thinned,
)
from watchkeeper.monitor.estimation.timeline import plain_point, timeline, values_of
from watchkeeper.monitor.evaluating import Judging, PredictionForm
from watchkeeper.monitor.history import kept_measurements
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS, Records
from watchkeeper.monitor.stored_windows import stored_records
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.metrics import mae

HOUR_US = 3_600_000_000
MEASURING = Remeasuring("spx", Judging(Task.REGRESSION, PredictionForm.VALUE), {"mae": mae.build(mae.NoOptions())})
SIZE = WindowSize.parse("10 rows")


def predict(storage, rows, *, start=0, gap_us=60_000_000):
    at = np.arange(start, start + rows)
    table = Table({"id": Categories.of(f"r{row}" for row in at), "prediction": np.zeros(rows)})
    storage.commit([Append(PREDICTIONS, "spx", at * gap_us, table)])


def turn_out(storage, values, *, start=0, at_us=10 * HOUR_US):
    at = range(start, start + len(values))
    table = Table({"id": Categories.of(f"r{row}" for row in at), "outcome": np.array(values, dtype=np.float64)})
    storage.commit([Append(OUTCOMES, "spx", np.full(len(values), at_us), table)])


def check(storage, now_us):
    """What a check does about late outcomes; returns what was measured again."""
    return listed_and_restated(storage, stored_records(storage, "spx", SIZE, []), MEASURING, now_us)


def values(found, name="mae"):
    return [one.value.number for one in found if one.name == name]


@pytest.fixture
def storage():
    return MemoryStorage()


def test_a_past_window_whose_outcomes_come_later_is_measured_again(storage):
    predict(storage, 10)
    assert check(storage, 0) == []
    predict(storage, 10, start=10)
    turn_out(storage, [1.0] * 4)
    again = check(storage, 2 * HOUR_US)
    assert values(again) == [1.0]
    assert values(again, "labelled") == [4.0]
    assert again[0].window == Window(0, 9 * 60_000_000 + 1, 10)
    assert values(found for _, found in kept_measurements(storage, "spx")) == [1.0]


def test_the_window_that_was_just_checked_is_not_measured_twice(storage):
    predict(storage, 10)
    check(storage, 0)
    turn_out(storage, [1.0] * 4)
    assert check(storage, 2 * HOUR_US) == []
    assert restated(storage, MEASURING, 3 * HOUR_US) == []


def test_each_arrival_is_stored_beside_what_was_said_before(storage):
    predict(storage, 10)
    check(storage, 0)
    predict(storage, 10, start=10)
    turn_out(storage, [1.0] * 4)
    check(storage, 2 * HOUR_US)
    turn_out(storage, [3.0] * 6, start=4)
    check(storage, 4 * HOUR_US)
    found = [one for _, one in kept_measurements(storage, "spx", "mae")]
    assert values(found) == [1.0, 2.2]
    (point,) = timeline(found, "mae")
    assert (point.realised.value.number, values(point.replaced)) == (2.2, [1.0])


def test_nothing_new_is_nothing_stored(storage):
    predict(storage, 10)
    turn_out(storage, [1.0] * 4)
    check(storage, 0)
    predict(storage, 10, start=10)
    assert check(storage, 2 * HOUR_US) == []
    assert kept_measurements(storage, "spx") == []


def test_a_check_looks_once_in_a_windows_length_or_once_an_hour(storage):
    predict(storage, 10, gap_us=HOUR_US)
    check(storage, 0)
    predict(storage, 10, start=10, gap_us=HOUR_US)
    turn_out(storage, [1.0])
    assert values(check(storage, HOUR_US)) == [1.0]
    turn_out(storage, [2.0], start=1)
    assert check(storage, HOUR_US + HOUR_US // 2) == []
    assert values(check(storage, 2 * HOUR_US)) == [1.5]


def test_a_complete_window_is_looked_at_on_demand_only(storage):
    predict(storage, 10)
    turn_out(storage, [1.0] * 10)
    check(storage, 0)
    predict(storage, 10, start=10)
    turn_out(storage, [5.0] * 10, at_us=11 * HOUR_US)
    assert check(storage, 2 * HOUR_US) == []
    assert values(restated(storage, MEASURING, 6 * HOUR_US)) == [5.0]
    assert restated(storage, MEASURING, 7 * HOUR_US) == []


def test_only_windows_of_the_last_rows_are_looked_at_by_a_check(storage, monkeypatch):
    monkeypatch.setattr("watchkeeper.monitor.estimation.restating._MOST_ROWS", 20)
    for start in (0, 10, 20):
        predict(storage, 10, start=start)
        check(storage, start * HOUR_US)
    predict(storage, 10, start=30)
    turn_out(storage, [1.0] * 30)
    again = check(storage, 50 * HOUR_US)
    assert [one.window.start_us // 60_000_000 for one in again if one.name == "mae"] == [10, 20]
    assert len(values(restated(storage, MEASURING, 60 * HOUR_US))) == 1


def test_rows_that_share_the_windows_first_moment_are_not_taken_in(storage):
    predict(storage, 30, gap_us=0)
    predict(storage, 6, start=60)
    turn_out(storage, [100.0] * 26)
    check(storage, 0)
    turn_out(storage, [1.0] * 4, start=26, at_us=11 * HOUR_US)
    predict(storage, 10, start=70)
    assert values(check(storage, 2 * HOUR_US)) == [1.0]


def test_rows_that_are_gone_are_no_reason_to_measure(storage):
    predict(storage, 10)
    check(storage, 0)
    empty = MemoryStorage()
    document = storage.get(WINDOWS, "spx")
    empty.commit([Put(WINDOWS, "spx", dict(document.value))])
    assert restated(empty, MEASURING, HOUR_US) == []
    predict(empty, 3, start=500)
    assert restated(empty, MEASURING, HOUR_US) == []


def test_outcomes_of_another_kind_are_told_in_the_measurement(storage):
    predict(storage, 10)
    check(storage, 0)
    table = Table({"id": Categories.of(["r0"]), "outcome": Categories.of(["up"])})
    storage.commit([Append(OUTCOMES, "spx", np.array([5]), table)])
    predict(storage, 10, start=10)
    again = check(storage, 2 * HOUR_US)
    assert "must be a number" in next(one.value.reason for one in again if one.name == "mae")


def test_two_processes_do_not_lose_each_others_windows(storage, monkeypatch):
    predict(storage, 10)
    commit, times = storage.commit, []

    def interrupted(operations, *rest, **named):
        if isinstance(operations[0], Put) and len(times) < 2:
            times.append(1)
            raise Conflict("another was faster")
        return commit(operations, *rest, **named)

    monkeypatch.setattr(storage, "commit", interrupted)
    check(storage, 0)
    assert len(storage.get(WINDOWS, "spx").value["windows"]) == 1


def test_a_list_that_can_never_be_stored_is_an_error(storage, monkeypatch):
    predict(storage, 10)

    def refused(*_operations, **_named):
        raise Conflict("another was faster")

    monkeypatch.setattr(storage, "commit", refused)
    with pytest.raises(Conflict, match="another was faster"):
        check(storage, 0)


def listed(start, length=10):
    return Listed(Window(start, start + length, 5), None, "", is_complete=False)


def test_of_too_many_windows_overlapping_ones_go_first():
    windows = [listed(start) for start in range(MOST_WINDOWS + 1)]
    kept = thinned(windows)
    assert kept[-MOST_WINDOWS // 2 :] == tuple(windows[-MOST_WINDOWS // 2 :])
    assert [one.window.start_us for one in kept[:3]] == [0, 10, 20]


def test_of_too_many_windows_apart_the_oldest_go():
    windows = [listed(start * 100) for start in range(MOST_WINDOWS + 5)]
    assert thinned(windows) == tuple(windows[5:])
    assert thinned(windows[:3]) == tuple(windows[:3])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.array([1.0, 2.0]), np.array([1.0, 2.5])),
        (Categories.of(["a", "b"]), Categories.of(["a", "c"])),
        (np.array(["a", "b"], dtype=object), np.array(["a", None], dtype=object)),
    ],
    ids=["numbers", "labels", "text"],
)
def test_a_corrected_outcome_is_another_state_of_knowledge(one, other):
    def digest(outcome, known=(True, True)):
        records = Records(Window(0, 1), np.zeros(2), outcome, np.array(known), Table({}))
        return outcomes_digest(records)

    assert digest(one) == digest(one)
    assert digest(one) != digest(other)
    assert digest(one) != digest(one, (True, False))
    assert digest(one, (True, False)) == digest(other, (True, False))
    assert digest(None, (False, False)) != digest(one)


FIRST, SECOND = Window(0, 10, 5), Window(10, 20, 5)


def measured(name, number, window=FIRST, **labels):
    value = Value.undefined("no outcome") if number is None else Value.of(number, samples=3, interval=(0.0, 9.0))
    return Measurement(name, value, "spx", None, window, labels)


def test_realised_and_estimated_stand_on_one_timeline():
    found = [
        measured("mae", None),
        measured("estimated_mae", 1.5),
        measured("mae", 2.0, segment="venue=NYSE"),
        measured("estimated_mae", 3.0, SECOND),
        measured("mae", 2.0),
        measured("mae", 2.0),
        measured("rmse", 7.0),
    ]
    first, second = timeline(found, "mae")
    assert (first.realised.value.number, first.estimated.value.number, first.replaced) == (2.0, 1.5, ())
    assert first.counts is first.realised
    assert second.realised is None
    assert second.counts is second.estimated


def test_a_point_can_be_told_as_json():
    first, second = timeline([measured("mae", 2.0), measured("estimated_mae", 1.0, SECOND)], "mae")
    told = plain_point(first)
    assert told["realised"] == {"value": 2.0, "interval": [0.0, 9.0], "samples": 3}
    assert (told["estimated"], told["replaced"]) == (None, [])
    assert plain_point(second)["start"].startswith("1970-01-01T00:00:00")


def test_the_latest_of_each_measurement_of_each_window_counts():
    found = [measured("mae", 1.0), measured("ks", 0.1), measured("mae", 2.0), measured("mae", 9.0, SECOND)]
    assert [one.value.number for one, _ in values_of(found)] == [2.0, 0.1, 9.0]


def test_what_a_value_replaced_stands_beside_it_in_order():
    found = [measured("mae", value) for value in (1.0, 1.0, 2.0, 3.0)]
    ((last, replaced),) = values_of(found)
    assert last.value.number == 3.0
    assert [one.value.number for one in replaced] == [1.0, 2.0]
    assert [one.value.number for one, _ in values_of(found, every=True)] == [1.0, 1.0, 2.0, 3.0]
