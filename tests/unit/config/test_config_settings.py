"""Each effective value with its origin, secrets covered."""

import pytest

from watchkeeper.config import Config, LoadedConfig, NotifierConfig, PluginUse, ProjectConfig, settings
from watchkeeper.config.settings import plain

TEXT = """\
[project]
name = "desk"
storage = "postgresql://u:T0P@db/watch"

[models.spx]
task = "classification"
reference = "data/reference.csv"
columns = { time = "ts", prediction = "p", features = ["a", "b"] }
window = "60m"
metrics = ["accuracy"]
drift = [
  "ks", { name = "psi", bins = 20 }, "broken"]

[ensembles.desk]
members = ["spx"]
[rules.fell]
when = "accuracy < 0.8"
do = ["notify:ops"]

[notifiers.ops]
kind = "webhook"
url = "env:HOOK_URL"
pin = "T0P-pin"
headers = { Authorization = "env:TOKEN", Accept = "x" }
"""


@pytest.fixture
def by_key(read, plugins):
    loaded = read(
        TEXT, {"WATCHKEEPER_MODELS__SPX__MIN_ROWS": "5", "WATCHKEEPER_NOTIFIERS__OPS__CERTIFICATE": "T0P.pem"}
    )
    return {each.key: (each.value, each.origin) for each in settings(loaded, plugins)}


@pytest.mark.parametrize(
    ("key", "value", "origin"),
    [
        ("project.name", "desk", "watchkeeper.toml:2"),
        ("project.storage", "postgresql://u:***@db/watch", "watchkeeper.toml:3"),
        ("project.false_alarms", "1 per 30d", "default"),
        ("models.spx.task", "classification", "watchkeeper.toml:6"),
        ("models.spx.columns.features", ["a", "b"], "watchkeeper.toml:8"),
        ("models.spx.columns.id", None, "default"),
        ("models.spx.window", "1h", "watchkeeper.toml:9"),
        ("models.spx.min_rows", 5, "WATCHKEEPER_MODELS__SPX__MIN_ROWS"),
        ("models.spx.metrics[0]", "accuracy", "watchkeeper.toml:10"),
        ("models.spx.drift[0]", "ks", "watchkeeper.toml:12"),
        ("models.spx.drift[1].bins", 20, "watchkeeper.toml:12"),
        ("models.spx.drift[1].method", "quantile", "default"),
        ("models.spx.drift[2]", "broken", "watchkeeper.toml:12"),
        ("ensembles.desk.members", ["spx"], "watchkeeper.toml:15"),
        ("ensembles.desk.strategy", "inverse_loss", "default"),
        ("ensembles.desk.window", "250 rows", "default"),
        ("rules.fell.for", "1 check", "default"),
        ("rules.fell.severity", "warning", "default"),
        ("rules.fell.do", ["notify:ops"], "watchkeeper.toml:18"),
        ("notifiers.ops.kind", "webhook", "watchkeeper.toml:21"),
        ("notifiers.ops.url", "env:HOOK_URL", "watchkeeper.toml:22"),
        ("notifiers.ops.pin", "***", "watchkeeper.toml:23"),
        ("notifiers.ops.headers", {"Authorization": "env:TOKEN", "Accept": "x"}, "watchkeeper.toml:24"),
        ("notifiers.ops.certificate", "***", "WATCHKEEPER_NOTIFIERS__OPS__CERTIFICATE"),
        ("notifiers.ops.timeout_seconds", 10.0, "default"),
        ("notifiers.ops.note", "computed from the others", "default"),
    ],
)
def test_a_setting_tells_its_value_and_its_origin(by_key, key, value, origin):
    assert by_key[key] == (value, origin)


def test_no_setting_shows_a_secret(by_key):
    assert "T0P" not in str(by_key)


def test_the_defaults_of_lists_of_plugins_are_shown_one_by_one(read, plugins):
    text = '[project]\nname = "d"\n[models.m]\ntask = "regression"\nwindow = "1h"\n'
    loaded = read(text + 'columns = { time = "t", prediction = "p" }\n')

    found = {each.key: (each.value, each.origin) for each in settings(loaded, plugins)}

    assert found["models.m.metrics[0]"] == ("mae", "default")
    assert found["models.m.metrics[1]"] == ("rmse", "default")
    assert found["models.m.drift[1].bins"] == (10, "default")


def test_options_that_must_be_given_and_are_not_are_shown_as_not_set(plugins):
    notifier = NotifierConfig(plugin=PluginUse("webhook"))
    loaded = LoadedConfig(Config(project=ProjectConfig(name="d"), notifiers={"n": notifier}))

    found = {each.key: (each.value, each.origin) for each in settings(loaded, plugins)}

    assert found["notifiers.n.url"] == (None, "default")


def test_plugins_with_options_are_written_as_tables():
    assert plain((PluginUse("ks"), PluginUse("psi", {"bins": 5}))) == ["ks", {"name": "psi", "bins": 5}]


def test_an_empty_list_is_shown_as_one(read, plugins):
    text = '[project]\nname = "d"\n[models.m]\ntask = "regression"\nwindow = "1h"\nmetrics = []\n'
    loaded = read(text + 'columns = { time = "t", prediction = "p" }\n')

    assert ("models.m.metrics", []) in [(each.key, each.value) for each in settings(loaded, plugins)]
