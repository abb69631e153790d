"""Rows stamped in the future do not hide the present, and are told."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import NothingToCheck
from watchkeeper.monitor.alarms.counting import EVIDENCE
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
NOW_US = START_US + 2100 * MINUTE_US


@pytest.fixture
def clock():
    return FakeClock(NOW_US)


@pytest.fixture
def watch(project, clock):
    with open_project("watchkeeper.toml", clock=clock) as opened:
        yield opened


def shifted(rows, days, name):
    moved = [str(np.datetime64(moment) + np.timedelta64(days, "D")) for moment in rows["ts"]]
    return {**rows, "ts": moved, "id": [f"{name}{at}" for at in range(len(moved))]}


def arrival(result):
    return [(one.status.value, one.sentence) for one in result.verdict.findings if one.subject == "arrival"]


def test_the_window_ends_now_and_later_rows_are_counted(watch, project, clock):
    watch.log_table("momentum", project.rows())
    watch.log_table("momentum", shifted(project.rows(300), 300, "late"))
    result = watch.check("momentum")
    assert result.window.end_us == NOW_US - MINUTE_US + 1
    assert result.window.rows == 100
    told = (
        "300 predictions are stamped later than now, up to 2026-11-02 14:19:00, and not in the window: "
        "are their times UTC, and of when they were made?"
    )
    assert arrival(result) == [("WARN", told)]
    found = next(one for one in result.verdict.findings if one.subject == "arrival")
    assert found.next_step.startswith("Mend the times that are logged or in the file")
    clock.advance(2 * 86_400)
    stale = arrival(watch.check("momentum"))
    assert [status for status, _ in stale] == ["UNKNOWN", "WARN"]
    clock.advance(299 * 86_400)
    assert arrival(watch.check("momentum")) == [("OK", "predictions arrive")]


def test_the_evidence_of_alarms_is_of_the_present(watch, project):
    watch.log_table("momentum", shifted(project.rows(300), 300, "late"))
    watch.log_table("momentum", project.rows())
    watch.check("momentum")
    kept = watch._systems.storage.get(EVIDENCE, "momentum")
    assert kept is None or kept.value["through_us"] <= NOW_US


def test_rows_that_are_minutes_ahead_are_in_the_window(watch, project, clock):
    clock.advance(-180)
    watch.log_table("momentum", project.rows())
    result = watch.check("momentum")
    assert result.window.end_us > clock.now_us()
    assert arrival(result) == [("OK", "predictions arrive")]


def test_a_model_with_rows_of_the_future_alone_has_nothing_to_check(watch, project):
    watch.log_table("momentum", shifted(project.rows(), 300, "late"))
    with pytest.raises(NothingToCheck) as error:
        watch.check("momentum")
    assert str(error.value).startswith(
        "all predictions of model 'momentum' are stamped later than now, 2026-01-06 11:00:00: from 2026-11-02 09:20:00"
    )


def test_a_replay_at_its_own_time_sees_its_rows(watch, project, clock):
    clock.advance(300 * 86_400)
    watch.log_table("momentum", shifted(project.rows(), 300, "late"))
    assert arrival(watch.check("momentum")) == [("OK", "predictions arrive")]


def test_the_command_warns_when_it_stores_them(project, command):
    project.write(shifted(project.rows(), 365 * 80, "late"))
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 0
    assert answer.err.splitlines()[0] == (
        "100 rows of momentum are stamped later than now, up to 2105-12-18 10:59:00: checks leave them out until then; "
        "are their times UTC?"
    )
