"""Rules that are said by keys: the same conditions as written ones, and every mistake with its place."""

from __future__ import annotations

import pytest

from watchkeeper.alerting import Alerting
from watchkeeper.alerting.anomalies.methods import AnomalyOf, Method
from watchkeeper.app.rules import rules_of
from watchkeeper.config import load
from watchkeeper.domain.alert import AlertState
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.plugins import Plugins
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

HEAD = """\
[project]
name = "desk"
presets = false
[models.momentum]
task = "classification"
columns = { time = "ts", prediction = "p", segments = ["venue"] }
window = "1h"
metrics = ["accuracy"]
drift = ["ks"]
[notifiers.ops]
kind = "console"
[rules.one]
"""


@pytest.fixture
def loaded(tmp_path):
    def of(text):
        file = tmp_path / "watchkeeper.toml"
        file.write_text(HEAD + text, encoding="utf-8")
        return load(str(file), Plugins())

    return of


def mistake(loaded, text):
    with pytest.raises(ConfigError) as found:
        rules_of(loaded(text))
    (problem,) = found.value.problems
    return problem[problem.find("watchkeeper.toml") :]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ('metric = "accuracy"\nbelow = 0.8', "accuracy < 0.8"),
        ('metric = "accuracy"\nbelow = 0.8\nsamples = 500', "accuracy < 0.8 and accuracy.samples >= 500"),
        (
            'metric = "accuracy"\nsegment = "venue=NYSE"\nabove = 1.0\nsamples = 9',
            'accuracy{segment="venue=NYSE"} > 1.0 and accuracy{segment="venue=NYSE"}.samples >= 9',
        ),
        ('metric = "drift_share"\nabove = 0.5\nsamples = 30', "drift_share > 0.5 and samples >= 30"),
        ('metric = "samples"\nbelow = 10\nabove = 1e9', "(samples < 10.0 or samples > 1000000000.0)"),
        ('metric = "ks"\nfeature = "vol 10"\nabove = 0.2', 'ks{feature="vol 10"} > 0.2'),
        ('metric = "accuracy"\nsegment = "venue=NYSE"\nbelow = -1.5', 'accuracy{segment="venue=NYSE"} < -1.5'),
        ('metric = "ks"\ndetail = "p_value"\nbelow = 0.0001', "ks.p_value < 0.0001"),
        ('metric = "accuracy"\nanomaly = "z"', 'anomaly(accuracy, method = "z")'),
    ],
)
def test_keys_become_the_condition_that_one_would_write(loaded, text, condition):
    (rule,) = rules_of(loaded(text))
    (written,) = rules_of(loaded(f"when = '{condition}'"))
    assert str(rule.condition) == condition
    assert rule.condition.series == written.condition.series
    assert rule.condition.thresholds == written.condition.thresholds


def test_an_anomaly_has_a_method_and_a_budget(loaded):
    (rule,) = rules_of(loaded('metric = "accuracy"\nanomaly = "ewma"\nfalse_alarms = "2 per 7d"\nsamples = 30'))
    assert rule.condition.anomalies == (AnomalyOf(("accuracy",), (), Method.EWMA, FalseAlarmBudget.parse("2 per 7d")),)


def test_the_alert_ends_only_when_the_number_is_far_enough_back(loaded):
    rules = rules_of(loaded('metric = "accuracy"\nbelow = 0.8\nrecovers = 0.85'))
    alerting = Alerting(MemoryStorage(), FakeClock(0), rules)
    states = []
    for number in (0.7, 0.82, 0.84, 0.85):
        alerting.evaluate("momentum", [Measurement("accuracy", Value.of(number), "momentum", None, Window(0, 1))])
        states += [alert.state for alert in alerting.alerts()] or [AlertState.RESOLVED]
    assert states == [AlertState.FIRING] * 3 + [AlertState.RESOLVED]


def test_samples_are_the_outcomes_that_a_metric_was_made_of_and_not_the_rows(loaded):
    rules = rules_of(loaded('metric = "accuracy"\nbelow = 0.8\nsamples = 500'))
    rows = Measurement("samples", Value.of(10_000), "momentum", None, Window(0, 1))
    states = []
    for outcomes in (3, 500):
        low = Measurement("accuracy", Value.of(0.1, samples=outcomes), "momentum", None, Window(0, 1))
        alerting = Alerting(MemoryStorage(), FakeClock(0), rules)
        alerting.evaluate("momentum", [rows, low])
        states.append([alert.state for alert in alerting.alerts()])
    assert states == [[], [AlertState.FIRING]]


def test_labels_go_along_with_the_alert_and_can_be_matched(loaded):
    rules = rules_of(
        loaded('metric = "accuracy"\nbelow = 0.8\nlabels = { team = "quant" }\nsummary = "{team}: {model}"')
    )
    alerting = Alerting(MemoryStorage(), FakeClock(0), rules)
    alerting.evaluate("momentum", [Measurement("accuracy", Value.of(0.1), "momentum", None, Window(0, 1))])
    (alert,) = alerting.alerts()
    assert alert.labels == {"team": "quant"}
    assert alert.summary == "quant: momentum"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'metric = "acuracy"\nbelow = 0.8',
            "watchkeeper.toml:13: rules.one.metric: no measurement is called 'acuracy'; did you mean 'accuracy'?",
        ),
        (
            'metric = "accuracy"\nanomaly = "zz"',
            "watchkeeper.toml:14: rules.one.anomaly: no method is called 'zz'; did you mean 'z'?",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nfeature = "a\\"b\'c"',
            "has both kinds of quotes or a line break: no condition can name it",
        ),
        (
            "severity = 'info'",
            'there is no condition; expected when = "accuracy < 0.8", or metric = "accuracy", below = 0.8',
        ),
        ('when = "accuracy < 1"\nmetric = "accuracy"', "given by when and by metric; expected one of the two"),
        ('when = "accuracy < 1"\nsamples = 5', "given by when and by samples; expected one of the two"),
        ('metric = "accuracy"', "metric needs what is wrong with it; expected below or above, or else anomaly"),
        ('metric = "accuracy"\nbelow = 1\nanomaly = "z"', "given by below and by anomaly; expected one of the two"),
        ('metric = "accuracy"\nbelow = 1\nfalse_alarms = "1 per 1d"', "false_alarms belongs to anomaly"),
        (
            'metric = "ks"\nanomaly = "z"\ndetail = "p_value"',
            "anomaly looks at the measurement itself; expected no detail",
        ),
        (
            'metric = "accuracy"\nanomaly = "z"\nrecovers = 1',
            "recovers needs one limit; expected either below or above",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nrecovers = 0.7',
            "recovers is 0.7, below 0.8 where it fires; expected at least that",
        ),
        (
            'metric = "accuracy"\nabove = 0.8\nrecovers = 0.9',
            "recovers is 0.9, above 0.8 where it fires; expected at most that",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nrecovers = 0.9\nrecover = "accuracy > 1"',
            "the recovery is given by recover and by recovers; expected one of the two",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nlabels = { model = "x" }',
            "rules.one.labels: no label can be called 'model': every alert has one anyway; choose another name",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nsummary = "{{ acuracy }}"',
            "watchkeeper.toml:15: rules.one.summary: text '{{ acuracy }}', line 1: nothing is called 'acuracy' here",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nnext_step = "{{ model"',
            "watchkeeper.toml:15: rules.one.next_step: text '{{ model', line 1: unexpected end of template",
        ),
        (
            'metric = "accuracy"\nbelow = 0.8\nlink = "https://x/{{ range(9) }}"',
            "watchkeeper.toml:15: rules.one.link: text 'https://x/{{ range(9) }}', line 1: not allowed in a text: ",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(loaded, text, message):
    assert message in mistake(loaded, text)
