"""A rule that names a feature or segment which its models do not have is refused with its place."""

from __future__ import annotations

import pytest

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
columns = { time = "ts", prediction = "p", features = ["mean_radius", "note"], segments = [
    "venue", { name = "large", where = "size > 9" },
] }
window = "1h"
metrics = ["accuracy"]
drift = ["ks"]
[rules.one]
"""


@pytest.fixture
def rules(tmp_path):
    def of(text, head=HEAD):
        file = tmp_path / "watchkeeper.toml"
        file.write_text(head + text, encoding="utf-8")
        return rules_of(load(str(file), Plugins()))

    return of


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'when = "ks{feature=mean_radus} > 0.2"',
            (
                "watchkeeper.toml:13: rules.one.when: no model of this rule has a feature 'mean_radus'; "
                "did you mean 'mean_radius'?"
            ),
        ),
        (
            'metric = "ks"\nfeature = "mean_radus"\nabove = 0.2',
            "watchkeeper.toml:14: rules.one.feature: no model of this rule has a feature 'mean_radus'; did you mean",
        ),
        (
            'metric = "accuracy"\nsegment = "vnue=NYSE"\nbelow = 0.2',
            (
                "watchkeeper.toml:14: rules.one.segment: no model of this rule has a segment 'vnue=NYSE'; "
                "did you mean 'venue=NYSE'?"
            ),
        ),
        ('when = "accuracy{segment=zzz} < 0.2"', "has a segment 'zzz'; known are large, venue"),
        ("when = 'ks[\"mean_radus\"] > 0.2'", "no model of this rule has 'mean_radus'; did you mean 'mean_radius'?"),
        (
            'when = "ks > 0.2"\nrecover = "ks{feature=mean_radus} < 0.1"',
            "watchkeeper.toml:14: rules.one.recover: no model of this rule has a feature 'mean_radus'",
        ),
    ],
)
def test_a_misspelt_label_is_a_mistake_with_its_line_and_the_nearest(rules, text, message):
    with pytest.raises(ConfigError) as found:
        rules(text)
    assert len(found.value.problems) == 1
    assert message in found.value.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        'when = "ks{feature=mean_radius} > 0.2"',
        'when = "ks{feature=prediction} > 0.2"',
        "when = 'ks{feature=\"note.words\"} > 0.2'",
        'when = "accuracy{segment=large} < 0.7"',
        "when = 'accuracy{segment=\"venue=LSE\"} < 0.7'",
        "when = 'ks[\"1.4.0\"] > 0.2'",
    ],
)
def test_labels_that_there_can_be_are_taken(rules, text):
    assert len(rules(text)) == 1


def test_features_that_come_from_a_reference_are_not_refused(rules):
    head = HEAD.replace('features = ["mean_radius", "note"], ', "")
    assert len(rules('when = "ks{feature=anything} > 0.2"', head)) == 1
