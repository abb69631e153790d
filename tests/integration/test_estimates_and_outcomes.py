"""Performance as a user sees it while outcomes are missing, when they come, and when they change."""

from __future__ import annotations

import json

import numpy as np
import pytest

import watchkeeper as wk
from watchkeeper.app import open_project
from watchkeeper.testing.clock import FakeClock

MINUTE_US = 60_000_000
START_US = 1_767_571_200_000_000  # 2026-01-05
RULE = """
[rules.estimate-fell]
when = "estimated_accuracy < 0.9"
severity = "warning"
do = ["notify:ops"]
"""
REGRESSION = """
[project]
name = "desk"
storage = "sqlite:///watch"

[models.level]
task = "regression"
reference = "reference.csv"
columns = { time = "ts", id = "id", prediction = "vol10", outcome = "ret1", features = ["p", "venue"] }
window = "100 rows"
metrics = ["mae", "rmse"]
drift = []
"""


@pytest.fixture
def clock():
    return FakeClock(START_US + 5000 * MINUTE_US)


@pytest.fixture
def watch(project, clock):
    plain = project.config.replace(', "venue"', "").replace("accuracy < 0.4", "accuracy < 0.1")
    project.configure(plain + RULE)
    with open_project("watchkeeper.toml", clock=clock, actor="ada") as opened:
        yield opened


def predict(watch, clock, rows=100, seed=0):
    """Log predictions without outcomes, a minute apart; returns their ids and what will turn out."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    chance = 1.0 / (1.0 + np.exp(-signal))
    times = clock.now_us() + MINUTE_US * np.arange(rows, dtype=np.int64)
    ids = watch.log("momentum", np.column_stack([signal, np.exp(signal)]), chance, times_us=times)
    clock.advance(rows * 60.0)
    return ids, (rng.random(rows) < chance).astype(np.float64)


def performance(result):
    return next(found for found in result.verdict.findings if found.subject == "performance")


def test_without_outcomes_performance_is_unknown_and_the_estimate_is_told(watch, clock):
    predict(watch, clock)
    result = watch.check("momentum")
    found = performance(result)
    assert found.status is wk.Status.UNKNOWN
    assert found.sentence.startswith(
        "0 of 100 rows have an outcome, at least 30 are needed: performance UNKNOWN, not OK; estimated accuracy 0."
    )
    assert found.sentence.endswith("if a probability means what it meant in the reference (no concept drift)")
    estimate = result.measurement("estimated_accuracy")
    assert estimate.value.interval[0] < estimate.value.number < estimate.value.interval[1] <= 1.0
    assert 0.6 < estimate.details["reference"] < 0.8


def test_a_rule_can_read_an_estimate(watch, clock):
    predict(watch, clock)
    assert [alert.rule for alert in watch.check("momentum").alerts] == ["estimate-fell"]


def test_the_realised_value_replaces_the_estimate(watch, clock):
    ids, truth = predict(watch, clock)
    watch.check("momentum")
    (point,) = watch.timeline("momentum", "accuracy")
    assert point.counts is point.estimated
    watch.record_outcomes("momentum", ids, truth)
    result = watch.check("momentum")
    assert not any("performance UNKNOWN" in found.sentence for found in result.verdict.findings)
    (point,) = watch.timeline("momentum", "accuracy")
    assert point.counts is point.realised
    assert point.realised.value.number == result.measurement("accuracy").value.number
    assert point.estimated is not None


def test_a_past_window_is_restated_and_both_values_are_kept(watch, clock):
    ids, truth = predict(watch, clock)
    watch.record_outcomes("momentum", ids[:50], truth[:50])
    first = watch.check("momentum").measurement("accuracy").value
    watch.record_outcomes("momentum", ids[50:], 1.0 - truth[50:])
    predict(watch, clock, seed=1)
    watch.check("momentum")
    point = watch.timeline("momentum", "accuracy")[0]
    assert [one.value for one in point.replaced] == [first]
    assert point.realised.value.samples == 100
    assert point.realised.value.number < first.number


def test_outcomes_that_are_corrected_much_later_are_restated_on_demand(watch, clock):
    ids, truth = predict(watch, clock)
    watch.record_outcomes("momentum", ids, truth)
    watch.check("momentum")
    predict(watch, clock, seed=1)
    watch.check("momentum")
    watch.record_outcomes("momentum", ids, 1.0 - truth)
    again = watch.restate("momentum")
    assert {one.name for one in again} == {"labelled", "accuracy", "roc_auc", "brier"}
    assert watch.restate("momentum") == []
    point = watch.timeline("momentum", "accuracy")[0]
    assert point.realised.value.number == pytest.approx(1.0 - point.replaced[0].value.number)


def test_a_look_at_the_past_estimates_and_keeps_nothing(watch, clock):
    predict(watch, clock)
    result = watch.check("momentum", until_us=clock.now_us())
    assert result.measurement("estimated_accuracy").value.number is not None
    assert watch.measurements("momentum") == []


def test_outcomes_that_are_not_classes_of_the_reference_leave_the_estimate(watch, clock):
    ids, _ = predict(watch, clock)
    watch.record_outcomes("momentum", ids, np.full(100, 7.0))
    found = performance(watch.check("momentum"))
    assert "none of the reference's classes" in found.sentence
    assert "estimated accuracy 0." in found.sentence


def test_history_by_command(project, command):
    rows = project.today()
    table = project.rows()
    lines = rows.read_text(encoding="utf-8").splitlines()
    (project / "late.csv").write_text(
        "\n".join(
            ["id,ts,y", *(f"{at},{when},{y}" for at, when, y in zip(table["id"], table["ts"], table["y"], strict=True))]
        ),
        encoding="utf-8",
    )
    (project / "now.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines), encoding="utf-8")
    assert command("log", "momentum", "now.csv").code == 0
    command("check", "momentum")
    early = command("history", "momentum", "accuracy", "--timeline")
    assert "unknown" in early.out
    command("outcomes", "momentum", "late.csv")
    restated = command("history", "momentum", "accuracy", "--timeline", "--restate")
    assert "1 window measured again" in restated.err
    assert "100 of 100" in restated.out
    (point,) = json.loads(command("history", "momentum", "accuracy", "--timeline", "--json").out)
    assert point["realised"]["samples"] == 100
    assert point["estimated"]["interval"][0] < point["estimated"]["value"]
    (last,) = json.loads(command("history", "momentum", "accuracy", "--json").out)
    assert last["replaced"] == [None]
    assert "undefined: " in command("history", "momentum", "accuracy").out
    assert len(json.loads(command("history", "momentum", "accuracy", "--json", "--every").out)) == 2


def test_a_timeline_without_a_metric_or_of_nothing_is_told(project, command):
    answer = command("history", "momentum", "--timeline")
    assert answer.code == 2
    assert "a timeline is of one metric; name it: watchkeeper history momentum METRIC --timeline" in answer.err
    assert command("history", "momentum", "accuracy", "--timeline").code == 5
    project.today()
    command("log", "momentum", "today.csv")
    command("check", "momentum")
    wrong = command("history", "momentum", "acuracy", "--timeline")
    assert wrong.code == 5
    assert "did you mean 'accuracy'?" in wrong.err


def test_numbers_are_estimated_by_command(project, command):
    project.configure(REGRESSION)
    rows = project.rows()
    del rows["ret1"]
    project.write(rows)
    command("log", "level", "today.csv")
    told = json.loads(command("check", "level", "--json").out)[0]
    sentence = next(found["sentence"] for found in told["findings"] if found["subject"] == "performance")
    assert "estimated mae " in sentence
    assert "if errors depend on the features and the prediction as they did in the reference" in sentence
