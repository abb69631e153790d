"""A rule with several mistakes tells them all, each with its own place."""

from __future__ import annotations

import pytest

from watchkeeper.alerting.parser import parsed
from watchkeeper.app.rules import rules_of
from watchkeeper.config import load
from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins import Plugins

HEAD = """\
[project]
name = "desk"
presets = false
[models.momentum]
task = "classification"
columns = { time = "ts", prediction = "p", features = ["ret1", "vol10"], segments = ["venue"] }
window = "1h"
metrics = ["accuracy"]
drift = ["ks"]
[rules.one]
"""


@pytest.fixture
def rules(tmp_path):
    def of(text):
        file = tmp_path / "watchkeeper.toml"
        file.write_text(HEAD + text, encoding="utf-8")
        return rules_of(load(str(file), Plugins()))

    return of


def told(rules, text):
    with pytest.raises(ConfigError) as found:
        rules(text)
    return [problem.rpartition("/")[2] for problem in found.value.problems]


FEATURE = "no model of this rule has a feature 'vol11'; did you mean 'vol10'?"
ACCURACY = "no measurement is called 'acuracy'; did you mean 'accuracy'?"


@pytest.mark.parametrize("key", ["when", "recover"])
def test_a_condition_with_a_wrong_feature_and_an_unknown_measurement_tells_both(rules, key):
    condition = "ks{feature=vol11} > 1 and acuracy < 1"
    text = f'{key} = "{condition}"'
    more = "" if key == "when" else '\nwhen = "ks > 1"'

    assert told(rules, text + more) == [
        f"watchkeeper.toml:11: rules.one.{key}: {FEATURE}",
        f"watchkeeper.toml:11: rules.one.{key}: condition {condition!r}, column 27: {ACCURACY}",
    ]


def test_all_unknown_measurements_are_told(rules):
    problems = told(rules, 'when = "acuracy > 1 and samplse < 2 or anomaly(kss)"')

    assert [problem.partition("column ")[2] for problem in problems] == [
        f"1: {ACCURACY}",
        "17: no measurement is called 'samplse'; did you mean 'samples'?",
        "40: no measurement is called 'kss'; did you mean 'ks'?",
    ]


def test_all_wrong_labels_are_told(rules):
    assert told(rules, 'when = "ks{feature=vol11} > 1 and accuracy{segment=vnue} < 1 and ks{featur=ret1} > 0"') == [
        f"watchkeeper.toml:11: rules.one.when: {FEATURE}",
        "watchkeeper.toml:11: rules.one.when: no model of this rule has a segment 'vnue'; did you mean 'venue'?",
        "watchkeeper.toml:11: rules.one.when: no measurement has the label 'featur'; did you mean 'feature'?",
    ]


def test_an_unknown_name_and_words_in_the_wrong_order_are_both_told():
    with pytest.raises(ConfigError) as found:
        parsed("acuracy below 0.8", ["accuracy"])

    assert [problem.partition("column ")[2] for problem in found.value.problems] == [
        f"1: {ACCURACY}",
        "9: 'below' was not expected: to compare write '<', as in accuracy < 0.8",
    ]


def test_a_rule_of_keys_tells_its_metric_and_its_feature(rules):
    assert told(rules, 'metric = "kss"\nfeature = "vol11"\nabove = 0.2') == [
        f"watchkeeper.toml:12: rules.one.feature: {FEATURE}",
        "watchkeeper.toml:11: rules.one.metric: no measurement is called 'kss'; did you mean 'ks'?",
    ]


def test_all_wrong_keys_of_each_are_told(rules):
    assert told(rules, 'when = "ks > 1"\neach = ["featur", "model"]') == [
        "watchkeeper.toml:12: rules.one.each: no measurement has the label 'featur'; did you mean 'feature'?",
        (
            "watchkeeper.toml:12: rules.one.each: no measurement has the label 'model': "
            "every alert has a model of its own anyway"
        ),
    ]


def test_labels_that_every_alert_has_are_told_at_their_line(rules):
    wrong = 'when = "ks > 1"\nlabels = { rule = "x", feature = "y", team = "z" }\neach = ["feature"]'

    assert told(rules, wrong) == [
        f"watchkeeper.toml:12: rules.one.labels: no label can be called {name!r}: every alert has one anyway; "
        "choose another name"
        for name in ("feature", "rule")
    ]


@pytest.mark.parametrize(
    "link",
    [
        "wiki",
        "wiki.example/x",
        "ftp://wiki.example",
        "http:/wiki.example",
        "https://",
        "https:///x",
        "https://a b",
        "javascript:alert(1)",
        "wiki/{{ model }}",
        "{model}",
    ],
)
def test_a_link_that_is_no_address_is_refused(rules, link):
    with pytest.raises(ConfigError) as found:
        rules(f'when = "ks > 1"\nlink = "{link}"')

    assert str(found.value).endswith(
        f"watchkeeper.toml:12: rules.one.link: {link!r} is no address that can be opened; "
        "expected http:// or https:// and a host, such as https://wiki.example/accuracy"
    )


@pytest.mark.parametrize(
    "link",
    [
        "https://wiki.example",
        "HTTP://wiki:8080/a?b=c#d",
        "https://{{ model|url }}.example/x",
        "https://wiki.example/{% if model %}a{% endif %}",
        "{{ team }}/{{ model|url }}",
        "{% if model %}https://a.example{% else %}https://b.example{% endif %}",
        " https://wiki.example ",
    ],
)
def test_a_link_that_is_one_or_may_become_one_is_taken(rules, link):
    (rule,) = rules(f'when = "ks > 1"\nlink = "{link}"\nlabels = {{ team = "https://desk.example" }}')

    assert rule.link is not None
