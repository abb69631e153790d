"""A file beside a model whose predictions are logged is looked at; only files of a model without them act."""

from __future__ import annotations

import json

import pytest

from watchkeeper.app import open_project
from watchkeeper.domain.errors import UsageError
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
NOW_US = START_US + 2100 * MINUTE_US


@pytest.fixture
def wrong(project):
    """Rows whose outcomes are the opposite of what was predicted, so that the rule of the project fires."""
    rows = project.rows()
    return {**rows, "y": [int(number < 0.5) for number in rows["p"]]}


@pytest.fixture
def right(project):
    rows = project.rows()
    return {**rows, "y": [int(number >= 0.5) for number in rows["p"]]}


@pytest.fixture
def watch(project):
    with open_project("watchkeeper.toml", clock=FakeClock(NOW_US)) as opened:
        yield opened


def kept(watch):
    """All that a check could change."""
    return (
        [(one.rule, one.state) for one in watch.alerting.alerts(model="momentum")],
        watch.measurements("momentum"),
        watch.standings(),
    )


def test_a_file_changes_nothing_of_a_model_whose_predictions_are_logged(watch, wrong, right):
    watch.log_table("momentum", wrong)
    assert [one.rule for one in watch.check("momentum").alerts] == ["accuracy-fell"]
    before = kept(watch)
    assert watch.check("momentum", right).measurement("accuracy").value.number == 1.0
    assert kept(watch) == before
    watch.check("momentum", right, act=True)
    assert kept(watch) != before


def test_a_file_of_a_model_without_stored_predictions_acts(watch, wrong):
    assert [one.rule for one in watch.check("momentum", wrong).alerts] == ["accuracy-fell"]
    assert [one.model for one in watch.standings()] == ["momentum"]


def test_a_look_keeps_nothing_of_what_is_stored_either(watch, wrong):
    watch.log_table("momentum", wrong)
    empty = kept(watch)
    looked = watch.check("momentum", act=False)
    assert kept(watch) == empty
    assert "the rule holds: " in looked.verdict.sentence
    assert watch.check_all(act=False)["momentum"].status is looked.status
    assert kept(watch) == empty


def test_rules_cannot_act_on_the_past(watch, wrong):
    watch.log_table("momentum", wrong)
    with pytest.raises(UsageError, match="ends in the past is a look, and rules cannot act on it"):
        watch.check("momentum", until_us=NOW_US, act=True)


def test_the_command_says_that_it_only_looks_and_what_would_act(project, command, wrong):
    project.write(wrong)
    assert command("log", "momentum", "today.csv").code == 0
    answer = command("check", "momentum", "--data", "today.csv")
    assert "this is a look: predictions of momentum are logged" in answer.err
    assert "--act stores it and lets rules act" in answer.err
    assert command("alerts", "list").out.count("accuracy-fell") == 0
    assert command("status").code == 5
    silent = command("check", "momentum", "--data", "today.csv", "--look")
    assert silent.err == ""
    acting = command("check", "momentum", "--data", "today.csv", "--act")
    assert "this is a look" not in acting.err
    assert "accuracy-fell" in command("alerts", "list").out


def test_a_report_stores_nothing_and_tells_nobody(project, command, wrong):
    project.write(wrong)
    assert command("report", "momentum", "--data", "today.csv").code == 0
    assert command("status").code == 5
    command("log", "momentum", "today.csv")
    assert command("report", "momentum").code == 0
    assert command("status").code == 5
    assert json.loads(command("alerts", "list", "--json").out) == []


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--since", "2026-01-01"), "--since stores what it measures, and nobody is told; leave out --act"),
        (("--over", "7d"), "--over is a look; leave out --act"),
        (("--until", "2026-01-07"), "a check that ends in the past is a look"),
    ],
    ids=["since", "over", "until"],
)
def test_what_can_only_look_refuses_to_act(project, command, option, told):
    project.today()
    command("log", "momentum", "today.csv")
    answer = command("check", "momentum", *option, "--act")
    assert answer.code == 2
    assert told in answer.err
