"""Whatever a file holds: a configuration, or problems that name the file and a line in it; no other exception."""

import re
import tomllib
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchkeeper.config import LoadedConfig, load
from watchkeeper.config.positions import Positions
from watchkeeper.domain.errors import ConfigError
from watchkeeper.plugins import Plugins

VALID = """\
[project]
name = "desk"
storage = "sqlite:///watch"            # a folder
false_alarms = "1 per 30d"

[models.momentum]
task = "classification"
reference = "data/reference.parquet"
columns = { time = "ts", id = "id", prediction = "p", outcome = "y", features = ["ret1", "vol10"] }
window = "1h"
metrics = ["accuracy", "roc_auc"]
drift = [
  "ks",  # and
  { name = "psi" },
]
decision_threshold = 0.5
min_rows = 30

[ensembles.both]
members = ["momentum"]
strategy = "inverse_loss"

[rules."accuracy-fell"]
when = '''accuracy < 0.8 and
samples >= 500'''
for = "3 checks"
severity = "critical"
do = ["notify:ops"]

[notifiers.ops]
kind = "webhook"
url = "env:SLACK_URL"
headers.Accept = "text/plain"
"""
LINES = VALID.split("\n")
SPLINTERS = [
    "", "\n", '"', "'''", '"""', "[", "]", "[[", "]]", "{", "}", "=", ".", ",", "#", "\\", "\r", "\x00", "é", "…",
    "nan", "inf", "-1", "0", "1e999", "true", "1979-05-27", "[[1]]", "{ a = 1 }", '"env:"', '"file:"', '"env:X"',
    "[models.momentum]", "[[models.momentum.drift]]", "name = 5", "9" * 4400, "0x" + "f" * 4000, "notify:",
]  # fmt: skip


@cache
def installed():
    return Plugins()


@st.composite
def mutations(draw):
    """The valid text with a few cuts, insertions and swapped lines."""
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        kind = draw(st.sampled_from(["cut", "insert", "replace", "swap", "double"]))
        if kind == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 40)) :]
        elif kind == "insert":
            text = text[:at] + draw(st.sampled_from(SPLINTERS) | st.text(max_size=5)) + text[at:]
        elif kind == "replace":
            values = list(re.finditer(r'"[^"\n]*"|[0-9.]+', text))
            if values:
                value = draw(st.sampled_from(values))
                text = text[: value.start()] + draw(st.sampled_from(SPLINTERS)) + text[value.end() :]
        else:
            rows = text.split("\n")
            here, there = (draw(st.integers(0, len(rows) - 1)) for _ in range(2))
            if kind == "swap":
                rows[here], rows[there] = rows[there], rows[here]
            else:
                rows.insert(here, rows[there])
            text = "\n".join(rows)
    return text


def problems(file, environment=None):
    """What is wrong with a file, at least one line; nothing when it was read."""
    try:
        assert isinstance(load(file, installed(), environment), LoadedConfig)
    except ConfigError as refusal:
        return refusal.problems or ("",)
    return ()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("config") / "watchkeeper.toml"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=mutations())
def test_any_mutation_of_a_file_is_read_or_told_with_a_line_in_it(file, text):
    file.write_text(text, encoding="utf-8", newline="")

    for problem in problems(file):
        assert problem.startswith(f"{file}:")
        assert problem.isprintable()
        line = int(problem.removeprefix(f"{file}:").partition(":")[0])
        assert 1 <= line <= text.count("\n") + 1


@settings(max_examples=200, deadline=None)
@given(text=mutations())
def test_every_key_that_tomllib_reads_has_a_line(text):
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError):
        return
    positions = Positions.of(text)

    def paths(value, path=()):
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in inner:
            yield (*path, key)
            yield from paths(item, (*path, key))

    for path in paths(document):
        assert 1 <= positions.lines[path] <= positions.last


@settings(max_examples=100, deadline=None)
@given(
    name=st.text(st.characters(codec="utf-8"), max_size=30).map(lambda tail: "WATCHKEEPER_" + tail)
    | st.sampled_from(["WATCHKEEPER_MODELS__MOMENTUM__WINDOW", "WATCHKEEPER_MODELS__MOMENTUM__MIN_ROWS"]),
    value=st.text(max_size=30),
)
def test_any_variable_is_taken_or_told_by_its_name(file, name, value):
    file.write_text(VALID)

    told = problems(file, {name: value})

    assert len(told) <= 1
    assert all(problem.isprintable() for problem in told)
