"""Rows that the store refused after all are told by the next check, and by the doctor."""

from __future__ import annotations

import json

import pytest

from watchkeeper.app import open_project
from watchkeeper.contracts.storage import Delete
from watchkeeper.domain.verdict import Status
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
        assert told.endswith(
            "; mend what logs them, log them again, and take note of it: `watchkeeper store refused --clear`"
        )
        clock.advance(86_400)
        watch.log("momentum", {name: [*column] * 34 for name, column in FEATURES.items()}, [0.5] * 102)
        assert refused(watch.check("momentum")) == []


def test_the_doctor_warns_of_them(project, command):
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", project.rows())
        refuse_three(watch)
    told = json.loads(command("doctor", "--json").out)
    assert any(one["status"] == "WARN" and "the store refused 3 rows so far" in one["finding"] for one in told)


def test_refused_rows_are_listed_and_acknowledged_with_an_entry_in_the_audit_log(project, command):
    with open_project("watchkeeper.toml", actor="ada") as watch:
        watch.log_table("momentum", project.rows())
        refuse_three(watch)
    listed = command("store", "refused")
    assert listed.out.startswith("momentum: the store refused 3 rows so far")
    assert "--clear takes note of them" in listed.err
    assert command("store", "refused", "--clear", "--reason", "mended the job").err == (
        "3 refused rows acknowledged; `watchkeeper audit show` says by whom\n"
    )
    assert json.loads(command("store", "refused", "--json").out) == {"momentum": None}
    assert command("store", "refused", "--clear").err == "no row was refused\n"
    assert not any("refused" in one["finding"] for one in json.loads(command("doctor", "--json").out))
    with open_project("watchkeeper.toml", actor="ada") as watch:
        (entry,) = [one.body for one in watch.registry.audit() if one.body["action"] == "acknowledge refused rows"]
        assert (entry["subject"], entry["rows"], entry["comment"]) == ("momentum", 3, "mended the job")
        assert watch.registry.verify().status is not Status.ALERT
        refuse_three(watch)
        assert watch.refused("momentum").rows == 3


def test_rows_that_are_refused_while_somebody_takes_note_are_noted_too(project, monkeypatch):
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", project.rows())
        refuse_three(watch)
        storage, once = watch._systems.storage, [True]
        commit = type(storage).commit

        def refusing_first(self, operations, *args, **more):
            if once and any(isinstance(one, Delete) for one in operations):
                once.clear()
                refuse_three(watch)
            return commit(self, operations, *args, **more)

        monkeypatch.setattr(type(storage), "commit", refusing_first)
        assert watch.acknowledge_refused("momentum").rows == 6
        assert watch.refused("momentum") is None


def test_a_model_that_is_not_there_is_told(project, command):
    answer = command("store", "refused", "momentm")
    assert answer.code == 2
    assert "did you mean 'momentum'?" in answer.err
