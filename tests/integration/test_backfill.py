"""`check --since`: history measured window after window, resumable, restated when outcomes come late."""

from __future__ import annotations

import json

import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import NothingToCheck, StoreError
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
START_US = 1_767_571_200_000_000  # 2026-01-05
HISTORY = START_US + 2000 * MINUTE_US


@pytest.fixture
def clock():
    return FakeClock(START_US + 20_000 * MINUTE_US)


@pytest.fixture
def watch(project, clock):
    project.configure(project.config.replace('window = "100 rows"', 'window = "2h"\nevery = "1h"'))
    with open_project("watchkeeper.toml", clock=clock) as opened:
        yield opened


def log(watch, project, *, count=1000, labelled=True):
    rows = project.rows(count)
    if not labelled:
        rows = {name: column for name, column in rows.items() if name != "y"}
    watch.log_table("momentum", rows)


def novelty(windows):
    return [one.novelty.value for one in windows]


def test_every_window_is_measured_in_order_as_a_check_would_have(watch, project):
    log(watch, project)
    windows = watch.backfill("momentum", START_US)
    starts = [one.window.start_us for one in windows]
    assert starts == sorted(starts)
    assert np.diff(starts).tolist() == [HOUR_US] * (len(starts) - 1)
    assert starts[0] == (HISTORY // HOUR_US) * HOUR_US
    kept = {one.window.end_us: one.value for one in watch.measurements("momentum", "accuracy")}
    for end_us in (windows[3].window.end_us, windows[-1].window.end_us):
        assert watch.check("momentum", until_us=end_us).measurement("accuracy").value == kept[end_us]
    assert {len(kept), len(windows)} == {len(windows)}


def test_what_was_measured_before_is_left_alone(watch, project):
    log(watch, project)
    first = watch.backfill("momentum", START_US)
    kept = len(watch.measurements("momentum"))
    again = watch.backfill("momentum", START_US)
    assert set(novelty(first)) == {"measured"}
    assert set(novelty(again)) == {"known"}
    assert [(one.status, one.sentence) for one in again] == [(one.status, one.sentence) for one in first]
    assert len(watch.measurements("momentum")) == kept


def test_an_outcome_that_comes_late_restates_its_windows_and_no_other(watch, project):
    log(watch, project, labelled=False)
    watch.backfill("momentum", START_US)
    rows = project.rows(1000)
    watch.record_outcomes_table("momentum", {"id": rows["id"][:130], "y": rows["y"][:130]})
    again = watch.backfill("momentum", START_US)
    changed = [one.window for one in again if one.novelty.value == "restated"]
    assert changed
    assert all(window.start_us < HISTORY + 130 * MINUTE_US for window in changed)
    assert all(window.end_us > HISTORY for window in changed)
    point = next(one for one in watch.timeline("momentum", "accuracy") if one.window == changed[0])
    assert point.realised.value.samples > 0


def test_a_corrected_outcome_leaves_both_values_in_the_history(watch, project):
    log(watch, project)
    watch.backfill("momentum", START_US)
    rows = project.rows(1000)
    wrong = {"id": rows["id"][:50], "y": [1 - one for one in rows["y"][:50]]}
    watch.record_outcomes_table("momentum", wrong)
    watch.backfill("momentum", START_US)
    point = watch.timeline("momentum", "accuracy")[0]
    assert len(point.replaced) == 1
    assert point.replaced[0].value.number != point.realised.value.number


def test_another_configuration_measures_anew(watch, project, clock):
    log(watch, project)
    watch.backfill("momentum", START_US)
    watch.close()
    project.configure((project / "watchkeeper.toml").read_text().replace('"roc_auc", ', '"f1", '))
    with open_project("watchkeeper.toml", clock=clock) as changed:
        assert set(novelty(changed.backfill("momentum", START_US))) == {"restated"}
        assert changed.measurements("momentum", "f1")


def test_what_is_interrupted_goes_on_where_it_was(project, clock, monkeypatch):
    project.configure(project.config.replace('window = "100 rows"', 'window = "10m"'))
    with open_project("watchkeeper.toml", clock=clock) as watch:
        log(watch, project, count=5000)
        storage = watch._systems.storage
        commit, left = storage.commit, [2]

        def failing(operations, *args, **more):
            if any(getattr(one, "stream", "") == "measured_windows" for one in operations):
                left[0] -= 1
                if left[0] < 0:
                    raise StoreError("the disk is full")
            return commit(operations, *args, **more)

        monkeypatch.setattr(type(storage), "commit", lambda self, *args, **more: failing(*args, **more))
        with pytest.raises(StoreError, match="the disk is full"):
            watch.backfill("momentum", START_US)
        left[0] = 100
        again = novelty(watch.backfill("momentum", START_US))
        assert again.count("known") > 20
        assert again == ["known"] * again.count("known") + ["measured"] * again.count("measured")
        accuracy = watch.measurements("momentum", "accuracy")
        assert len(accuracy) == len({one.window for one in accuracy}) == len(again)


def test_progress_is_told_and_ends_at_the_end(watch, project):
    log(watch, project)
    told = []
    windows = watch.backfill("momentum", START_US, progress=told.append)
    assert told[-1].windows == len(windows)
    assert told[-1].through_us == windows[-1].window.end_us <= told[-1].until_us
    assert [one.through_us for one in told] == sorted(one.through_us for one in told)


def test_gaps_cost_nothing_and_have_no_windows(watch, project):
    log(watch, project, count=200)
    rows = project.rows(200)
    later = {**rows, "id": [f"late{at}" for at in range(200)]}
    later["ts"] = [str(np.datetime64(moment) + np.timedelta64(4 * 365, "D")) for moment in rows["ts"]]
    watch.log_table("momentum", later)
    years = {one.window.start_us // (365 * 24 * HOUR_US) for one in watch.backfill("momentum", START_US)}
    assert len(years) == 2


def test_windows_of_rows_come_one_after_the_other(project, clock):
    with open_project("watchkeeper.toml", clock=clock) as watch:
        log(watch, project, count=550)
        windows = watch.backfill("momentum", START_US)
        assert [one.window.rows for one in windows] == [100] * 5
        assert [one.window.start_us for one in windows] == [HISTORY + at * 100 * MINUTE_US for at in range(5)]


def test_a_history_without_a_complete_window_says_so(watch, project):
    log(watch, project, count=30)
    with pytest.raises(NothingToCheck) as error:
        watch.backfill("momentum", START_US)
    assert "has no complete window of 2h from 2026-01-06T09:20:00Z to 2026-01-06T09:49:00.000001Z" in str(error.value)
    assert "give an earlier --since or a shorter window" in str(error.value)


def test_a_time_after_the_last_row_says_what_there_is(watch, project):
    log(watch, project, count=30)
    with pytest.raises(NothingToCheck) as error:
        watch.backfill("momentum", START_US + 10_000 * MINUTE_US)
    assert "no predictions from 2026-01-11T22:40:00Z" in str(error.value)
    assert "the store has some from 2026-01-06T09:20:00Z to 2026-01-06T09:49:00Z" in str(error.value)


def test_overlapping_windows_count_no_row_twice_in_the_evidence(watch, project, clock):
    """Evidence is gathered in blocks of its own, which do not depend on how often windows are looked at."""
    log(watch, project, count=3000)
    watch.backfill("momentum", START_US)
    alarms = watch._systems.models.watched("momentum").alarms
    from watchkeeper.monitor.alarms.counting import counted_evidence

    evidence = counted_evidence(watch._systems.storage, "momentum", alarms)
    reach_us = HISTORY + 2999 * MINUTE_US
    most = (reach_us - alarms.fresh.through_us) // alarms.size.duration_us + 1
    for _ in range(3):
        watch.check("momentum")
    assert counted_evidence(watch._systems.storage, "momentum", alarms).blocks == evidence.blocks <= most


def test_the_command_shows_windows_and_how_many_are_new(project, command):
    project.configure(project.config.replace('window = "100 rows"', 'window = "2h"'))
    project.write(project.rows(1000))
    assert command("log", "momentum", "today.csv").code == 0
    answer = command("check", "--since", "2026-01-05", "--fail-on", "never")
    assert "2026-01-06 22:00:00 to 2026-01-07" in answer.out
    assert "momentum: 8 windows (8 measured)" in answer.err
    again = json.loads(command("check", "--since", "2026-01-05", "--until", "2026-01-06", "--json").out)
    assert [one["novelty"] for one in again] == ["known"] * 8
    assert again[0]["start"] == "2026-01-06T08:00:00Z"


def test_what_goes_not_together_is_told(project, command):
    project.today()
    answer = command("check", "--since", "2026-01-05", "--data", "today.csv")
    assert answer.code == 2
    assert "--data checks files and --since every window of the stored rows; give one of the two" in answer.err
    answer = command("check", "--since", "2026-01-05", "--over", "7d")
    assert "--over judges one long stretch and --since every window" in answer.err
    answer = command("check", "--since", "2026-01-08T10:00", "--until", "2026-01-07")
    assert answer.code == 2
    assert "--since 2026-01-08T10:00 is not before --until 2026-01-07: give a later end" in answer.err
    answer = command("check", "--since", "yesterday")
    assert "'yesterday' is no time" in answer.err
    assert "--since" in answer.err


def test_history_shows_what_was_replaced_and_can_be_narrowed(watch, project, command):
    log(watch, project)
    watch.backfill("momentum", START_US)
    rows = project.rows(1000)
    watch.record_outcomes_table("momentum", {"id": rows["id"][:50], "y": [1 - one for one in rows["y"][:50]]})
    watch.backfill("momentum", START_US)
    watch.close()
    told = json.loads(command("history", "momentum", "accuracy", "--json").out)
    assert told[0]["replaced"] != []
    assert told[-1]["replaced"] == []
    ends = [one["window"].partition(" to ")[2] for one in told]
    assert ends == sorted(ends)
    one_day = json.loads(
        command("history", "momentum", "accuracy", "--since", "2026-01-06", "--until", "2026-01-06", "--json").out
    )
    assert 0 < len(one_day) < len(told)
    assert all(one["window"].startswith("2026-01-06") for one in one_day)
    assert "before" in command("history", "momentum", "accuracy").out


def test_history_of_other_windows_says_which_there_are(watch, project, command):
    log(watch, project)
    watch.backfill("momentum", START_US)
    watch.close()
    answer = command("history", "momentum", "accuracy", "--since", "2027-01-01")
    assert answer.code == 5
    assert (
        "nothing was measured of 'momentum' in these windows; the store has some that end from 2026-01-06" in answer.err
    )
