"""The presets: what fires them, what keeps them silent, and how the configuration chooses among them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watchkeeper.alerting.presets import SAID
from watchkeeper.alerting.system import Alerting
from watchkeeper.app.rules import rules_of
from watchkeeper.config import load, schema_json
from watchkeeper.domain.alert import AlertState
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.presets import Preset
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins import Plugins
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

PAGE = (Path(__file__).parents[2] / "docs" / "explanation" / "alerts.md").read_text(encoding="utf-8")
FILE = """\
[project]
name = "desk"
{project}

[models.momentum]
task = "classification"
columns = {{ time = "ts", prediction = "p"{outcome} }}
window = "1h"

[notifiers.ops]
kind = "console"
"""


@pytest.fixture
def loaded(tmp_path):
    def of(project="", *, outcome=', id = "id", outcome = "y"', more="", environment=None):
        file = tmp_path / "watchkeeper.toml"
        file.write_text(FILE.format(project=project, outcome=outcome) + more, encoding="utf-8")
        return load(str(file), Plugins(), environment)

    return of


def measured(name, number, **details):
    value = Value.undefined("nothing to measure") if number is None else Value.of(number)
    return Measurement(name, value, "momentum", None, Window(0, 1), {}, details)


@pytest.fixture
def firing(loaded):
    """Which presets fire after so many checks that found the same."""

    def of(*measurements, checks=1):
        clock = FakeClock(0)
        alerting = Alerting(MemoryStorage(), clock, rules_of(loaded()))
        for _ in range(checks):
            clock.advance(60)
            alerting.evaluate("momentum", [measured("samples", 100), *measurements])
        return {alert.rule: alert for alert in alerting.alerts(AlertState.FIRING)}

    return of


@pytest.mark.parametrize(
    ("preset", "bad", "good"),
    [
        ("performance-drop", measured("risk_evidence", 1.4, open=1.0), measured("risk_evidence", 0.9, open=0.0)),
        ("prediction-drift", measured("prediction_drift", 1.0), measured("prediction_drift", 0.0)),
        ("feature-drift", measured("drift_share", 0.1), measured("drift_share", 0.0)),
        ("data-quality", measured("quality_score", 89.0), measured("quality_score", 90.0)),
        ("missing-predictions", measured("age_seconds", 11.0, limit=10.0), measured("age_seconds", 9.0, limit=10.0)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_preset_fires_for_what_it_is_about_alone(firing, preset, bad, good):
    assert list(firing(bad)) == [preset]
    assert firing(good) == {}


def test_outcomes_must_stay_away_for_three_checks(firing):
    few = measured("labelled", 49)
    assert firing(few, checks=2) == {}
    assert firing(few, checks=3)["label-delay"].severity == "info"
    assert firing(measured("labelled", 50), checks=3) == {}


def test_what_is_not_measured_fires_nothing(firing):
    nothing = [measured(name, None) for name in ("risk_evidence", "prediction_drift", "drift_share", "quality_score")]
    assert firing(*nothing, checks=3) == {}


def test_a_preset_says_what_was_found(firing):
    found = firing(measured("quality_score", 42.0))["data-quality"]
    assert found.summary == "the data of momentum are worse than the reference's: quality 42.0 of 100, 100 rows"


def test_all_are_on_and_tell_nobody_until_they_are_told_to(loaded):
    rules = rules_of(loaded())
    assert [rule.name for rule in rules] == list(Preset)
    assert {rule.receivers for rule in rules} == {()}
    assert {rule.receivers for rule in rules_of(loaded('presets_do = ["notify:ops"]'))} == {("ops",)}


def test_they_can_be_chosen(loaded):
    assert rules_of(loaded("presets = false")) == ()
    (rule,) = rules_of(loaded('presets = ["data-quality"]'))
    assert rule.name == "data-quality"


def test_a_variable_takes_them_out(loaded):
    assert rules_of(loaded(environment={"WATCHKEEPER_PROJECT__PRESETS": "false"})) == ()


def test_a_rule_of_the_same_name_replaces_a_preset(loaded):
    rules = rules_of(loaded(more='\n[rules.data-quality]\nwhen = "quality_score < 50"\n'))
    (own,) = (rule for rule in rules if rule.name == "data-quality")
    assert own.condition.text == "quality_score < 50"
    assert len(rules) == len(Preset)


def test_outcomes_are_missed_only_where_there_are_any(loaded):
    (rule,) = rules_of(loaded('presets = ["label-delay"]', outcome=""))
    assert not rule.watches("momentum")


@pytest.mark.parametrize(
    ("project", "told"),
    [
        (
            'presets = ["data-qualty"]',
            'watchkeeper.toml:3: project.presets is "data-qualty"',
        ),
        (
            "presets = 1",
            "watchkeeper.toml:3: project.presets is 1; expected true, false, or an array of performance-drop",
        ),
    ],
    ids=["name", "kind"],
)
def test_a_choice_that_is_none_is_told(loaded, project, told):
    with pytest.raises(ConfigError) as found:
        loaded(project)
    assert told in str(found.value)


def test_editors_know_the_names():
    presets = schema_json(Plugins())["properties"]["project"]["properties"]["presets"]
    assert presets["anyOf"][1]["items"]["enum"] == [preset.value for preset in Preset]


def test_the_page_says_of_each_what_it_is():
    section = PAGE.split("\n## Presets\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| `([^`]+)`(?:, (\d) checks)? \| (\w+) \|", section, re.MULTILINE)
    said = [
        (preset, one.when, "" if one.for_checks == 1 else str(one.for_checks), one.severity)
        for preset, one in SAID.items()
    ]
    assert rows == said


def _silent_checks(loaded, *seconds):
    """What is open after checks at these times that could measure nothing."""
    clock = FakeClock(0)
    alerting = Alerting(MemoryStorage(), clock, rules_of(loaded()))
    for wait in seconds:
        clock.advance(wait)
        alerting.evaluate("momentum", [])
    return clock, alerting


def test_a_model_that_never_logged_misses_its_predictions_after_a_day(loaded):
    _, alerting = _silent_checks(loaded, 0, 3_600, 86_399 - 3_600)
    assert alerting.alerts(AlertState.FIRING) == ()

    _, alerting = _silent_checks(loaded, 0, 86_400)

    (alert,) = alerting.alerts(AlertState.FIRING)
    assert alert.rule == "missing-predictions"
    assert alert.summary == ("momentum: nothing could be measured: no prediction of it is known, or its check fails")


def test_a_check_that_failed_for_a_while_is_forgotten_when_predictions_arrive(loaded):
    clock, alerting = _silent_checks(loaded, 0, 80_000)

    alerting.evaluate("momentum", [measured("samples", 100), measured("age_seconds", 9.0, limit=10.0)])
    clock.advance(10_000)
    alerting.evaluate("momentum", [])

    assert alerting.alerts(AlertState.FIRING) == ()


def test_a_file_without_times_is_no_silence(loaded):
    clock, alerting = _silent_checks(loaded)
    for _ in range(3):
        alerting.evaluate("momentum", [measured("samples", 100)])
        clock.advance(86_400)

    assert alerting.alerts() == ()
