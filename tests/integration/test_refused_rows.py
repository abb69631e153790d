"""Rows that the store refused after all are told by the next check, and by the doctor."""

from __future__ import annotations

import json

import pytest

from watchkeeper.app import open_project
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
NOW_US = START_US + 2100 * MINUTE_US
FEATURES = {"ret1": [0.1] * 3, "vol10": [1.0] * 3, "venue": ["LSE"] * 3}


@pytest.fixture
def clock():
    return FakeClock(NOW_US)


def refuse_three(watch):
    watch._systems.declare("momentum")
    watch._systems.recorder._channels["momentum"].refused = None  # as if the kind were not known
    watch.log("momentum", FEATURES, ["up"] * 3)
    watch.flush()


def refused(result):
    return [one.sentence for one in result.verdict.findings if one.subject == "refused"]


def test_the_next_check_says_how_many_and_why_and_later_windows_do_not(project, clock):
    rows = project.rows()
    with open_project("watchkeeper.toml", clock=clock) as watch:
        watch.log_table("momentum", rows)
        assert refused(watch.check("momentum")) == []
        refuse_three(watch)
    with open_project("watchkeeper.toml", clock=clock) as watch:  # another process
        (told,) = refused(watch.check("momentum"))
        assert told.startswith("the store refused 3 rows so far, which no window has, such as id ")
        assert told.endswith("; mend what logs them, and log them again")
        clock.advance(86_400)
        watch.log("momentum", {name: [*column] * 34 for name, column in FEATURES.items()}, [0.5] * 102)
        assert refused(watch.check("momentum")) == []


def test_the_doctor_warns_of_them(project, command):
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", project.rows())
        refuse_three(watch)
    told = json.loads(command("doctor", "--json").out)
    assert any(one["status"] == "WARN" and "the store refused 3 rows so far" in one["finding"] for one in told)
