"""Segments, health and storage in watchkeeper.toml: what they become, and what each mistake is told."""

import pytest

from watchkeeper.config import load
from watchkeeper.config.settings import settings
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.health import Worse
from watchkeeper.plugins import Plugins

START = """\
[project]
name = "desk"
{project}
[models.m]
task = "classification"
columns = {{ time = "ts", prediction = "p"{columns} }}
window = "24h"
{model}
"""


def config(tmp_path, *, project="", columns="", model="", environment=None):
    file = tmp_path / "watchkeeper.toml"
    file.write_text(START.format(project=project, columns=columns, model=model), encoding="utf-8")
    return load(file, Plugins(), environment)


def refused(tmp_path, **parts):
    with pytest.raises(ConfigError) as error:
        config(tmp_path, **parts)
    return str(error.value)


def test_segments_are_columns_and_conditions(tmp_path):
    columns = ', segments = ["venue", { name = "large", where = "size > 1000" }]'
    found = config(tmp_path, columns=columns).config.models["m"].columns.segments
    assert [(one.name, one.columns) for one in found] == [("venue", ("venue",)), ("large", ("size",))]


@pytest.mark.parametrize(
    ("segments", "told"),
    [
        ("[5]", "segments[0] is 5; expected a column's name, or a table with a name and a condition"),
        ('[{ name = "a" }]', 'has no "where"; expected a column\'s name'),
        ('[{ nam = "a", where = "b > 1" }]', 'unknown key "nam"'),
        (
            '[{ name = "a", where = "b >" }]',
            "segments[0].where: condition 'b >', column 4: expected a column or a number",
        ),
        ('["a", { name = "a", where = "b > 1" }]', 'holds "a" twice; expected each item once'),
    ],
)
def test_a_segment_that_means_nothing_is_told(tmp_path, segments, told):
    assert told in refused(tmp_path, columns=f", segments = {segments}")


def test_health_is_read_and_its_direction_told_by_its_numbers(tmp_path):
    accuracy = '{ warn = 0.8, alert = 0.7, recover = 0.82, cooldown = "1h" }'
    text = f"health = {{ accuracy = {accuracy}, mae = {{ warn = 1, alert = 2 }} }}"
    health = config(tmp_path, model=text).config.models["m"].health
    assert health["accuracy"].told is Worse.LOWER
    assert health["mae"].told is Worse.HIGHER
    assert health["accuracy"].thresholds(Worse.LOWER).cooldown_us == 3_600_000_000


@pytest.mark.parametrize(
    ("health", "told"),
    [
        ("{}", "models.m.health.accuracy: has neither warn nor alert; expected at least one of them"),
        ("{ warn = 0.8, recover = 0.7, alert = 0.6 }", "recover = 0.7 is lower than 0.8, from where on it is bad"),
        ('{ warn = 0.8, alert = 0.7, worse = "higher" }', "alert = 0.7 is not higher than warn = 0.8"),
        ('{ warn = 0.8, worse = "lover" }', 'did you mean "lower"?'),
        ('{ warn = 0.8, colldown = "1h" }', 'did you mean "cooldown"?'),
    ],
)
def test_thresholds_that_make_no_sense_are_told(tmp_path, health, told):
    assert told in refused(tmp_path, model=f"health = {{ accuracy = {health} }}")


def test_what_storage_sets_is_what_its_plugin_is_built_with(tmp_path):
    project = '[storage]\nflush = "50ms"\nbusy = "2m"\ncheckpoint_bytes = 1_000_000\n'
    loaded = config(tmp_path, project=project)
    options = loaded.storage().plugin_options
    assert {name: options[name] for name in options if name != "url"} == {
        "busy_seconds": 120.0,
        "checkpoint_bytes": 1_000_000,
    }
    assert loaded.config.storage.flush.us == 50_000
    assert loaded.mistakes_at_use(Plugins()) == ()


def test_what_means_nothing_to_the_back_end_is_told_with_its_line(tmp_path):
    found = config(tmp_path, project="[storage]\nconnections = 3\n").mistakes_at_use(Plugins())
    assert len(found) == 1
    assert found[0].endswith("watchkeeper.toml:4: storage.connections means nothing to the sqlite store; leave it out")


def test_lifetimes_and_segments_are_shown_as_they_are_set(tmp_path):
    columns = ', segments = ["venue", { name = "large", where = "size > 1000" }]'
    loaded = config(tmp_path, project="[retention]\nkeep_days = { predictions = 365 }\n", columns=columns)
    shown = {one.key: one.value for one in settings(loaded, Plugins())}
    assert shown["retention.keep_days.predictions"] == 365.0
    assert shown["models.m.columns.segments"] == ["venue", {"name": "large", "where": "size > 1000"}]


def test_a_variable_sets_a_lifetime_and_a_threshold(tmp_path):
    environment = {
        "WATCHKEEPER_RETENTION__KEEP_DAYS__PREDICTIONS": "30",
        "WATCHKEEPER_MODELS__M__HEALTH__ACCURACY__WARN": "0.9",
    }
    found = config(
        tmp_path,
        project="[retention]\nkeep_days = { predictions = 365 }\n",
        model="health = { accuracy = { warn = 0.8, alert = 0.7 } }",
        environment=environment,
    ).config
    assert found.retention.keep_days["predictions"] == 30.0
    assert found.models["m"].health["accuracy"].warn == 0.9
