"""What watchkeeper.toml says about alerts reaches alerting, and each mistake names its place."""

from __future__ import annotations

import pytest

from watchkeeper.alerting.limits import Limit
from watchkeeper.app.rules import rules_of
from watchkeeper.app.telling import grouping_of, inhibitions_of, limits_of, windows_of
from watchkeeper.config import load
from watchkeeper.domain.alert import NoData
from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins import Plugins

MINUTE_US = 60_000_000
HEAD = """\
[project]
name = "desk"
presets = false
[models.momentum]
task = "classification"
columns = { time = "ts", prediction = "p" }
window = "1h"
drift = ["ks"]

[notifiers.ops]
kind = "console"

[notifiers.lead]
kind = "console"
"""


@pytest.fixture
def loaded(tmp_path):
    def of(text):
        file = tmp_path / "watchkeeper.toml"
        file.write_text(HEAD + text, encoding="utf-8")
        return load(str(file), Plugins())

    return of


def mistakes(read, loaded_config):
    with pytest.raises(ConfigError) as found:
        read(loaded_config)
    return [problem.rpartition("/")[2] for problem in found.value.problems]


def test_a_rule_has_all_that_alerting_can_do(loaded):
    (rule,) = rules_of(
        loaded(
            """
[rules.drifted]
when = "ks > 0.2"
recover = "ks < 0.1"
keep_firing = "2h"
repeat = "1d"
each = ["feature"]
no_data = "alert"
escalation = "office"
summary = "{feature} of {model}: {ks:.2f}"
link = "https://wiki.example/drift"

[escalations.office]
steps = [{ wait = "15m", notify = ["lead"] }, { wait = "30m", notify = ["lead", "ops"] }]
repeats = 2
"""
        )
    )
    assert rule.recover is not None
    assert rule.recover.text == "ks < 0.1"
    assert (rule.keep_firing_us, rule.repeat_us) == (120 * MINUTE_US, 1440 * MINUTE_US)
    assert (rule.each, rule.no_data, rule.link) == (("feature",), NoData.ALERT, "https://wiki.example/drift")
    assert rule.summary is not None
    assert rule.escalation is not None
    assert rule.escalation.repeats == 2
    assert [(step.wait_us // MINUTE_US, step.receivers) for step in rule.escalation.steps] == [
        (15, ("lead",)),
        (30, ("lead", "ops")),
    ]


def test_what_holds_news_back_is_configured(loaded):
    config = loaded(
        """
[rules.feed-down]
when = "samples < 1"

[inhibitions.no-feed]
source = ["rule=feed-down"]
target = ["rule!=feed-down"]

[maintenance.nightly]
begins = "0 2 * * *"
lasts = "1h"
matchers = ["severity!=critical"]
timezone = "Europe/Berlin"

[grouping]
by = ["model"]
interval = "5m"
"""
    )
    (inhibition,), (window,), grouping = inhibitions_of(config), windows_of(config), grouping_of(config.config)
    assert [str(matcher) for matcher in inhibition.source] == ["rule=feed-down"]
    assert (inhibition.equal, window.name, window.duration_us) == (("model",), "nightly", 60 * MINUTE_US)
    assert grouping is not None
    assert (grouping.by, grouping.wait_us, grouping.interval_us) == (("model",), 0, 5 * MINUTE_US)


def test_a_limit_is_configured(loaded):
    config = loaded("\n[limits.ops]\nper_minute = 2\n[limits.lead]\nper_minute = 0.5\nburst = 1\n").config

    assert limits_of(config) == {"ops": Limit(2, 10), "lead": Limit(0.5, 1)}


def test_an_escalation_for_a_severity_is_that_of_every_rule_that_tells_somebody(loaded):
    config = loaded(
        """
[rules.fell]
when = "ks > 0.2"
severity = "critical"
do = ["notify:ops"]

[rules.own]
when = "ks > 0.2"
severity = "critical"
escalation = "slow"
do = ["notify:ops"]

[rules.silent]
when = "ks > 0.2"
severity = "critical"

[rules.mild]
when = "ks > 0.2"
do = ["notify:ops"]

[escalations.night]
severities = ["critical"]
steps = [{ wait = "5m", notify = ["lead"] }]

[escalations.slow]
steps = [{ wait = "1h", notify = ["lead"] }]
"""
    )
    found = {rule.name: rule.escalation and rule.escalation.name for rule in rules_of(config)}

    assert found == {"fell": "night", "own": "slow", "silent": None, "mild": None}


def test_two_escalations_for_one_severity_are_refused(loaded):
    config = loaded(
        """
[escalations.night]
severities = ["critical"]
steps = [{ wait = "5m", notify = ["lead"] }]
[escalations.day]
severities = ["warning", "critical"]
steps = [{ wait = "5m", notify = ["lead"] }]
"""
    )
    (problem,) = mistakes(rules_of, config)
    assert problem == (
        "watchkeeper.toml:20: escalations.day.severities: critical alerts have the escalation 'night' already; "
        "expected one"
    )


def test_without_a_group_each_alert_is_told_by_itself(loaded):
    assert grouping_of(loaded("").config) is None


def test_every_text_of_a_rule_that_cannot_be_is_told_with_its_line(loaded):
    config = loaded(
        """
[rules.drifted]
when = "ks > 0.2"
recover = "kss < 0.1"
summary = "{feature}: {ks}"

[rules.other]
when = "ks >> 1"
"""
    )
    first, second, third = mistakes(rules_of, config)
    assert first.startswith("watchkeeper.toml:18: rules.drifted.recover: ")
    assert "did you mean 'ks'?" in first
    assert second.startswith("watchkeeper.toml:19: rules.drifted.summary: ")
    assert "nothing is called 'feature' here" in second
    assert third.startswith("watchkeeper.toml:22: rules.other.when: ")


def test_a_matcher_that_is_none_is_told_with_its_line(loaded):
    config = loaded('\n[inhibitions.no-feed]\nsource = ["feed-down"]\ntarget = ["model=*"]\n')
    (problem,) = mistakes(inhibitions_of, config)
    assert problem.startswith("watchkeeper.toml:17: inhibitions.no-feed.source: 'feed-down' is no matcher")


def test_a_maintenance_window_that_cannot_be_is_told_with_its_line(loaded):
    config = loaded('\n[maintenance.nightly]\nbegins = "at night"\nlasts = "1h"\nmatchers = ["model=*"]\n')
    (problem,) = mistakes(windows_of, config)
    assert problem.startswith("watchkeeper.toml:17: maintenance.nightly.begins: ")
    assert "'at night' names no times" in problem


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ('[rules.r]\nwhen = "ks > 1"\nno_data = "quiet"', 'rules.r.no_data is "quiet"'),
        ('[rules.r]\nwhen = "ks > 1"\nescalation = "offce"', 'rules.r.escalation names "offce"'),
        ("[limits.opps]\nper_minute = 1", 'names "opps"'),
        ("[limits.ops]\nper_minute = 0", "limits.ops.per_minute is 0.0; expected a number above 0 and below 60000"),
        ("[limits.ops]\nper_minute = 1\nburst = 0", "limits.ops.burst is 0"),
        ("[escalations.e]\nsteps = []", "escalations.e.steps is empty; expected at least one item"),
        (
            '[escalations.e]\nsteps = [{ wait = "1h", notify = ["opps"] }]',
            'escalations.e.steps[0].notify[0] names "opps"',
        ),
        (
            '[escalations.e]\nsteps = [{ wait = "1h", notify = ["ops"] }]\nrepeats = 21',
            "repeats is 21; expected 0 to 20",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_value_is_told_when_the_file_is_read(loaded, table, told):
    with pytest.raises(ConfigError) as found:
        loaded("\n" + table)
    assert told in "\n".join(found.value.problems)
