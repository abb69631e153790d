"""A file with any mistakes is refused with sentences; nothing that was left out of it breaks the look at the rest."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchkeeper.app.mistakes import alerting_mistakes, loaded_whole
from watchkeeper.config.reading import read
from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins import Plugins

LINES = """\
[project]
name = "desk"
fallback = "ops"
[models.momentum]
task = "classification"
columns = { time = "ts", prediction = "p", features = ["ret1"], segments = ["venue"] }
window = "1h"
metrics = ["accuracy"]
drift = ["ks"]
[rules.fell]
when = "accuracy < 0.8 and samples > 5"
recover = "accuracy > 0.9"
each = ["segment"]
models = ["momentum"]
escalation = "night"
labels = { team = "quant" }
do = ["notify:ops"]
summary = "{model}: {accuracy}"
[rules.structured]
metric = "ks"
feature = "ret1"
above = 0.2
[escalations.night]
severities = ["critical"]
steps = [{ wait = "5m", notify = ["ops"] }]
[inhibitions.a]
source = ["rule=fell"]
target = ["team=quant"]
equal = ["model", "segment"]
[maintenance.m]
begins = "0 2 * * *"
lasts = "1h"
matchers = ["severity!=critical"]
[limits.ops]
per_minute = 3
[grouping]
by = ["model", "team"]
wait = "30s"
[notifiers.ops]
kind = "console"
""".splitlines()
VALUES = ("1", '"x"', "[]", "{}", '["x"]', "true", '"1h"', "0.5", '[{ wait = "1h" }]', "1979-05-27")
PLUGINS = Plugins()
changes = st.tuples(
    st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "misspell", "value", "other"]), st.sampled_from(VALUES)
)


def changed(text, how, value):
    key, sign, _ = text.partition(" = ")
    if how == "drop":
        return ""
    if how == "misspell":
        return text[:2] + text[3:] if len(text) > 3 else text
    if how == "other":
        return f"zzz{sign}{value}" if sign else "[zzz.y]"
    return f"{key} = {value}" if sign else text


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(changes, min_size=1, max_size=6, unique_by=lambda change: change[0]))
def test_any_mistakes_are_told_in_sentences(tmp_path, made):
    lines = list(LINES)
    for at, how, value in made:
        lines[at] = changed(lines[at], how, value)
    text = "\n".join(lines)
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    file = tmp_path / "watchkeeper.toml"
    file.write_text(text, encoding="utf-8")
    found = read(str(file), PLUGINS, {})
    more = () if found.loaded is None else alerting_mistakes(found.loaded)
    if not (found.problems or more):
        loaded_whole(str(file), PLUGINS, {})
        return
    with pytest.raises(ConfigError) as told:
        loaded_whole(str(file), PLUGINS, {})
    assert told.value.problems == (*found.problems, *more)
    assert all(line.startswith(f"{file}:") and "\n" not in line for line in told.value.problems)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(LINES) - 1))
def test_a_misspelt_key_makes_no_other_mistake(tmp_path, at):
    key, sign, value = LINES[at].partition(" = ")
    if not sign or len(key) < 4:
        return
    lines = [*LINES[:at], f"{key[:2]}{key[3:]}{sign}{value}", *LINES[at + 1 :]]
    file = tmp_path / "watchkeeper.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        loaded_whole(str(file), PLUGINS, {})
    others = [line for line in told.value.problems if "unknown key" not in line and " has no " not in line]
    assert others == [] or "there is no condition" in others[0]
