"""A window's rows from the store, with the outcomes that have arrived."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.errors import NothingToCheck
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS
from watchkeeper.monitor.stored_windows import stored_records
from watchkeeper.testing.memory import MemoryStorage

HOUR_US = 3_600_000_000


@pytest.fixture
def storage():
    return MemoryStorage()


def predict(storage, times, ids, predictions, **features):
    table = Table(
        {
            "id": np.array(ids, dtype=object),
            "prediction": np.asarray(predictions, dtype=np.float64),
            "version": Categories.of(["1.0.0"] * len(ids)),
            **{name: np.asarray(values, dtype=np.float64) for name, values in features.items()},
        }
    )
    storage.commit([Append("predictions", "spx", np.array(times, dtype=np.int64), table, tuple(features))])


def turn_out(storage, times, ids, outcomes):
    table = Table({"id": np.array(ids, dtype=object), "outcome": np.asarray(outcomes, dtype=np.float64)})
    storage.commit([Append("outcomes", "spx", np.array(times, dtype=np.int64), table)])


def test_the_last_rows_are_found_however_far_back_they_reach(storage):
    times = [0, 40 * HOUR_US, 1000 * HOUR_US, 1000 * HOUR_US + 1]
    predict(storage, times, ["a", "b", "c", "d"], [1, 2, 3, 4], vol=[5, 6, 7, 8])
    found = stored_records(storage, "spx", WindowSize.parse("3 rows"), ["vol"])
    assert found.ids == ("b", "c", "d")
    assert found.features["vol"].tolist() == [6, 7, 8]
    assert (found.window.start_us, found.window.end_us) == (40 * HOUR_US, 1000 * HOUR_US + 2)


def test_fewer_rows_than_wanted_are_all_there_are(storage):
    predict(storage, [1, 2], ["a", "b"], [1, 2])
    assert len(stored_records(storage, "spx", WindowSize.parse("60 rows"), [])) == 2


def test_a_window_of_time_ends_where_it_is_told(storage):
    predict(storage, [0, HOUR_US, 2 * HOUR_US], ["a", "b", "c"], [1, 2, 3])
    found = stored_records(storage, "spx", WindowSize.parse("1h"), [], until_us=2 * HOUR_US)
    assert found.ids == ("b",)


def test_late_rows_are_put_in_the_order_of_time(storage):
    predict(storage, [30, 40], ["c", "d"], [3, 4], vol=[3, 4])
    predict(storage, [10, 20], ["a", "b"], [1, 2], vol=[1, 2])
    found = stored_records(storage, "spx", WindowSize.parse("4 rows"), ["vol"])
    assert found.ids == ("a", "b", "c", "d")
    assert found.prediction.tolist() == [1, 2, 3, 4]


def test_outcomes_are_joined_by_id_and_the_last_one_counts(storage):
    predict(storage, [1, 2, 3], ["a", "b", "c"], [1, 2, 3])
    turn_out(storage, [100, 101], ["c", "a"], [30, 10])
    turn_out(storage, [200, 201], ["a", "stranger"], [11, 99])
    found = stored_records(storage, "spx", WindowSize.parse("3 rows"), [])
    assert found.has_outcome.tolist() == [True, False, True]
    assert found.outcome[found.has_outcome].tolist() == [11, 30]


def test_outcomes_stamped_up_to_a_day_early_are_joined_where_no_later_one_came(storage):
    day = 30 * 24 * HOUR_US
    predict(storage, [day, day + 1, day + 2, day + 3], ["a", "b", "c", "d"], [1, 2, 3, 4])
    turn_out(storage, [day - 23 * HOUR_US, day - HOUR_US], ["a", "b"], [5, 6])
    turn_out(storage, [day + 9, day - 25 * HOUR_US], ["b", "c"], [7, 8])
    found = stored_records(storage, "spx", WindowSize.parse("4 rows"), [])
    assert found.has_outcome.tolist() == [True, True, False, False]
    assert found.outcome[found.has_outcome].tolist() == [5, 7]


def test_outcomes_of_other_rows_are_none(storage):
    predict(storage, [1], ["a"], [1])
    turn_out(storage, [2], ["z"], [5])
    found = stored_records(storage, "spx", WindowSize.parse("4 rows"), [])
    assert (found.outcome, found.has_outcome.tolist()) == (None, [False])


def test_outcomes_after_the_end_are_not_known_yet(storage):
    predict(storage, [1, 2], ["a", "b"], [1, 2])
    turn_out(storage, [5, 50], ["a", "b"], [1, 2])
    found = stored_records(storage, "spx", WindowSize.parse("2 rows"), [], until_us=10)
    assert found.has_outcome.tolist() == [True, False]


def test_a_feature_that_some_rows_lack_is_missing_there(storage):
    predict(storage, [1], ["a"], [1], old=[1.0])
    predict(storage, [2], ["b"], [2], new=[2.0])
    found = stored_records(storage, "spx", WindowSize.parse("2 rows"), ["old", "new"])
    assert np.isnan(found.features["old"][1])
    assert np.isnan(found.features["new"][0])


def test_no_predictions_at_all_is_told(storage):
    with pytest.raises(NothingToCheck, match="no predictions of model 'spx'"):
        stored_records(storage, "spx", WindowSize.parse("1h"), [])


def test_an_empty_window_tells_where_the_rows_are(storage):
    predict(storage, [0], ["a"], [1])
    with pytest.raises(NothingToCheck, match="the store has some from 1970-01-01T00:00:00Z to"):
        stored_records(storage, "spx", WindowSize.parse("1h"), [], until_us=900 * HOUR_US)


def shadowed(versions):
    """Rows a, b, a, b, … of these versions, and an outcome of a."""
    storage = MemoryStorage()
    ids = Categories.of("ab"[at % 2] for at in range(len(versions)))
    table = Table({"id": ids, "prediction": np.zeros(len(versions)), "version": Categories.of(versions)})
    storage.commit([Append(PREDICTIONS, "spx", np.arange(len(versions)), table)])
    known = Table({"id": Categories.of(["a"]), "outcome": np.ones(1)})
    storage.commit([Append(OUTCOMES, "spx", np.array([len(versions)]), known)])
    return stored_records(storage, "spx", WindowSize.parse("10 rows"), [])


def test_an_outcome_counts_for_each_version_that_predicted_the_row():
    records = shadowed(["1.2", "1.2", "1.3", "1.3"])
    assert records.has_outcome.tolist() == [True, False, True, False]
    assert records.outcome[[0, 2]].tolist() == [1.0, 1.0]
    assert records.repeated == 0


def test_of_rows_that_one_version_logged_twice_it_counts_for_the_last():
    records = shadowed(["1.2", "1.2", "1.2", "1.2", "1.3", "1.3"])
    assert records.has_outcome.tolist() == [False, False, True, False, True, False]
    assert records.repeated == 2


def test_rows_without_a_version_that_stand_twice_are_repeated():
    records = shadowed([None, None, None, None])
    assert records.has_outcome.tolist() == [False, False, True, False]
    assert records.repeated == 2
