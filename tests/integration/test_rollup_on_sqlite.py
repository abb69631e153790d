"""Roll-ups over the SQLite store: what they cost, what they give, and what is left of them when rows expire."""

import sqlite3

import numpy as np
import pytest

from watchkeeper.domain.cells import LabelCells, NumberCells, ordered_numbers
from watchkeeper.domain.profile import profile
from watchkeeper.domain.table import Categories
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.rollups.hours import told_hours
from watchkeeper.monitor.rollups.reading import rollup, window_profiles
from watchkeeper.monitor.rollups.stored import HOUR_US
from watchkeeper.monitor.rollups.tidying import merge_hours
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

MODEL = "spx"
START_US = 490_000 * HOUR_US
FEATURES = tuple(f"feature_{number}" for number in range(8))
CELLS = {name: NumberCells.of(ordered_numbers(np.random.default_rng(3).normal(size=5000))) for name in FEATURES}
CELLS |= {"prediction": NumberCells.of(ordered_numbers(np.random.default_rng(4).random(5000)))}


class Clock:
    def __init__(self):
        self.time_us = START_US

    def now_us(self):
        return self.time_us


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def storage(tmp_path, clock):
    options = SqliteOptions(f"sqlite:///{tmp_path}/watch", keep_wide_days={"predictions": 1}, scan_seconds=0.001)
    store = SqliteStorage(options, clock)
    yield store
    store.close()


@pytest.fixture
def recorder(storage, clock):
    made = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
    made.declare(MODEL, FEATURES, cells=CELLS)
    yield made
    made.stop()


def log(recorder, clock, rows, *, step_us, flush_rows=1000, seed=1):
    """Rows `step_us` apart from the clock's time on, flushed every `flush_rows`; the clock goes along."""
    rng = np.random.default_rng(seed)
    features, predictions = rng.normal(size=(rows, len(FEATURES))), rng.random(rows)
    for at in range(0, rows, flush_rows):
        some = slice(at, at + flush_rows)
        times = clock.time_us + np.arange(len(predictions[some])) * step_us
        recorder.log(MODEL, features[some], predictions[some], times_us=times)
        clock.time_us = int(times[-1]) + step_us
        recorder.flush()
    return features, predictions


def stored_bytes(tmp_path):
    found = {}
    for path in (tmp_path / "watch" / "telemetry").glob("*.db"):
        connection = sqlite3.connect(path)
        question = "SELECT stream, sum(narrow_bytes + wide_bytes) FROM chunk JOIN series ON id = series GROUP BY stream"
        for stream, size in connection.execute(question):
            found[stream] = found.get(stream, 0) + size
        connection.close()
    return found


@pytest.mark.parametrize(
    ("coming", "share"),
    [
        ({"rows": 100, "step_us": 30_000_000, "flush_rows": 1}, 0.5),
        ({"rows": 2000, "step_us": 1_000_000, "flush_rows": 17}, 0.5),
        ({"rows": 30_000, "step_us": 100_000, "flush_rows": 5000}, 0.1),
        ({"rows": 300, "step_us": 3_600_000_000, "flush_rows": 300}, 1.0),
        ({"rows": 3000, "step_us": 60_000_000, "flush_rows": 3000}, 1.0),
    ],
    ids=["one at a time", "17 at a time", "5000 at a time", "one an hour", "60 an hour, all at once"],
)
def test_roll_ups_take_fewer_bytes_than_the_rows_they_count(tmp_path, recorder, clock, coming, share):
    log(recorder, clock, **coming)
    recorder.stop()

    found = stored_bytes(tmp_path)

    assert 0 < found["rollups"] < share * found["predictions"]


def test_an_hour_has_the_profile_of_its_rows(storage, recorder, clock):
    features, predictions = log(recorder, clock, 9000, step_us=1_000_000)
    recorder.stop()

    hours = rollup(storage, MODEL, START_US, START_US + 4 * HOUR_US)

    assert [(hour.hour_us, hour.rows, hour.is_complete) for hour in hours] == [
        (START_US + number * HOUR_US, rows, True) for number, rows in enumerate((3600, 3600, 1800))
    ]
    for number, hour in enumerate(hours):
        rows = slice(3600 * number, 3600 * (number + 1))
        found = hour.over(CELLS)
        assert found["prediction"] == profile(predictions[rows], CELLS["prediction"])
        assert found[FEATURES[3]] == profile(features[rows, 3], CELLS[FEATURES[3]])


def test_a_window_of_whole_hours_reads_no_rows(storage, recorder, clock):
    features, _ = log(recorder, clock, 9000, step_us=1_000_000)
    recorder.stop()

    found = window_profiles(storage, MODEL, START_US + HOUR_US, START_US + 3 * HOUR_US, CELLS)

    assert (found.merged_rows, found.read_rows) == (5400, 0)
    assert found.profiles[FEATURES[0]] == profile(features[3600:, 0], CELLS[FEATURES[0]])


def test_a_window_that_cuts_hours_reads_only_their_rows(storage, recorder, clock):
    features, _ = log(recorder, clock, 9000, step_us=1_000_000)
    recorder.stop()
    half_an_hour = HOUR_US // 2

    found = window_profiles(storage, MODEL, START_US + half_an_hour, START_US + 2 * HOUR_US + half_an_hour, CELLS)

    assert (found.merged_rows, found.read_rows) == (3600, 3600)
    assert found.profiles[FEATURES[0]] == profile(features[1800:9000, 0], CELLS[FEATURES[0]])


def test_profiles_outlive_the_features(storage, recorder, clock):
    features, _ = log(recorder, clock, 7200, step_us=1_000_000)
    recorder.stop()
    clock.time_us += 72 * HOUR_US
    while not storage.maintain(5.0).is_finished:
        pass

    assert all(FEATURES[0] not in batch.table for batch in storage.scan("predictions", MODEL))
    found = window_profiles(storage, MODEL, START_US, START_US + 2 * HOUR_US, CELLS)
    assert found.profiles[FEATURES[0]] == profile(features[:, 0], CELLS[FEATURES[0]])


def test_rows_whose_features_are_gone_are_not_called_missing(storage, recorder, clock):
    log(recorder, clock, 100, step_us=1_000_000)
    recorder.stop()
    clock.time_us += 72 * HOUR_US
    while not storage.maintain(5.0).is_finished:
        pass

    found = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)

    assert found.window.rows == 100
    assert set(found.profiles) == {"prediction"}


def test_a_new_reference_counts_apart(storage, recorder, clock):
    other = CELLS | {FEATURES[0]: NumberCells.of(ordered_numbers(np.arange(1000.0)))}
    first, _ = log(recorder, clock, 300, step_us=1_000_000, seed=1)
    recorder.declare(MODEL, FEATURES, cells=other)
    second, _ = log(recorder, clock, 200, step_us=1_000_000, seed=2)
    recorder.stop()

    (hour,) = rollup(storage, MODEL, START_US, START_US + HOUR_US)

    assert hour.profiles[FEATURES[0]] == {
        CELLS[FEATURES[0]].digest: profile(first[:, 0], CELLS[FEATURES[0]]),
        other[FEATURES[0]].digest: profile(second[:, 0], other[FEATURES[0]]),
    }
    whole = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, other)
    assert (whole.merged_rows, whole.read_rows) == (0, 500)
    assert whole.profiles[FEATURES[0]] == profile(np.concatenate((first, second))[:, 0], other[FEATURES[0]])
    clock.time_us += 5 * HOUR_US
    assert merge_hours(storage, MODEL, other, clock.time_us) == 0


def test_predictions_that_their_cells_cannot_count_are_told(storage, clock):
    recorder = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
    recorder.declare("venues", (), cells={"prediction": CELLS["prediction"]})
    recorder.log("venues", None, ["up"] * 200)
    recorder.stop()

    found = window_profiles(storage, "venues", START_US, START_US + HOUR_US, {"prediction": CELLS["prediction"]})

    assert found.window.rows == 200
    assert found.profiles == {}
    assert "the reference counts numbers, the column holds categories" in found.strange["prediction"]


def test_labels_are_counted_too(storage, clock):
    cells = {"prediction": LabelCells(("down", "up"))}
    recorder = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
    recorder.declare("venues", (), cells=cells)
    said = ["up", "down", "flat"] * 100
    recorder.log("venues", None, said)
    recorder.stop()

    (hour,) = rollup(storage, "venues", START_US, START_US + HOUR_US)

    assert hour.over(cells) == {"prediction": profile(Categories.of(said), cells["prediction"])}


def test_merging_makes_one_profile_of_several_and_is_done_once(storage, clock):
    for number in range(3):
        recorder = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
        recorder.declare(MODEL, FEATURES, cells=CELLS)
        log(recorder, clock, 300, step_us=1_000_000, seed=number)
        recorder.stop()
    before = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)
    clock.time_us += 5 * HOUR_US

    merged = [merge_hours(storage, MODEL, CELLS, clock.time_us) for _ in range(2)]

    assert merged == [1, 0]
    hour = told_hours(storage, MODEL, START_US, START_US + HOUR_US)[START_US]
    assert [one.rows for one in hour.counted] == [900]
    after = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)
    assert (after.merged_rows, after.profiles) == (before.merged_rows, before.profiles)


def test_rows_that_come_after_merging_are_added(storage, clock):
    for number in range(2):
        recorder = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
        recorder.declare(MODEL, FEATURES, cells=CELLS)
        log(recorder, clock, 300, step_us=1_000_000, seed=number)
        recorder.stop()
    clock.time_us += 5 * HOUR_US
    merge_hours(storage, MODEL, CELLS, clock.time_us)
    late = Recorder(storage, clock, flush_seconds=3600.0, rollups=True)
    late.declare(MODEL, FEATURES, cells=CELLS)
    rng = np.random.default_rng(9)
    late.log(MODEL, rng.normal(size=(150, 8)), rng.random(150), times_us=np.full(150, START_US + 5))
    late.stop()

    found = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)

    assert (found.merged_rows, found.read_rows) == (750, 0)
    assert merge_hours(storage, MODEL, CELLS, clock.time_us) == 1
    assert window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS).profiles == found.profiles


def test_a_recorder_without_roll_ups_makes_none(storage, clock):
    recorder = Recorder(storage, clock, flush_seconds=3600.0)
    recorder.declare(MODEL, FEATURES, cells=CELLS)
    features, _ = log(recorder, clock, 300, step_us=1_000_000)
    recorder.stop()

    found = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)

    assert storage.keys("rollups") == ()
    assert (found.merged_rows, found.read_rows) == (0, 300)
    assert found.profiles[FEATURES[0]] == profile(features[:, 0], CELLS[FEATURES[0]])


def test_an_hour_that_a_dead_recorder_left_is_merged_although_some_rows_have_no_features(storage, clock):
    made = [Recorder(storage, clock, flush_seconds=3600.0, rollups=True) for _ in range(2)]
    for number, recorder in enumerate(made):
        recorder.declare(MODEL, FEATURES, cells=CELLS)
        log(recorder, clock, 150, step_us=1_000_000, seed=number)
        recorder.log(MODEL, None, np.zeros(400), times_us=np.full(400, clock.time_us))
        recorder.flush()
    made[0].stop()  # the other one dies: nobody closes its mark
    before = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)
    clock.time_us += 5 * HOUR_US

    assert merge_hours(storage, MODEL, CELLS, clock.time_us) == 1

    after = window_profiles(storage, MODEL, START_US, START_US + HOUR_US, CELLS)
    assert (before.merged_rows, after.merged_rows, after.read_rows) == (0, 1100, 0)
    assert after.profiles == before.profiles
    clock.time_us -= 5 * HOUR_US
    made[1].stop()


def test_features_that_have_expired_are_not_merged_away(storage, clock):
    made = [Recorder(storage, clock, flush_seconds=3600.0, rollups=True) for _ in range(2)]
    for number, recorder in enumerate(made):
        recorder.declare(MODEL, FEATURES, cells=CELLS)
        log(recorder, clock, 150, step_us=1_000_000, seed=number)
    made[0].stop()
    clock.time_us += 40 * HOUR_US
    while not storage.maintain(5.0).is_finished:
        pass

    assert merge_hours(storage, MODEL, CELLS, clock.time_us) == 0

    (hour,) = rollup(storage, MODEL, START_US, START_US + HOUR_US)
    assert (hour.rows, hour.is_complete) == (150, False)
    assert hour.over(CELLS)[FEATURES[0]].rows == 150
    made[1].stop()
