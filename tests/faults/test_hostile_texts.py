"""Hostile texts of rules and templates: none hangs, fills memory or reaches outside."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.alerting import parsed
from watchkeeper.alerting.measured import Measured
from watchkeeper.alerting.outcome import outcomes
from watchkeeper.alerting.rules import Rule
from watchkeeper.alerting.summaries import summary_of
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window

HERE = Path(__file__).parent
MOST_SECONDS = 0.1
MOST_BYTES = 50_000_000
LONGEST = 20_000
KNOWN = ("accuracy", "samples", "ks")
CONDITION = parsed("accuracy < 0.8 and samples >= 10")
RULE_WORDS = [
    *"()[]{}<>=!+-*/.,'\"|&%~^@#;:\\ \n\t\0",
    *"0123456789",
    "1e308",
    "accuracy",
    "samples",
    "ks",
    "nan",
    "and",
    "or",
]
RULE_WORDS += ["not", "abs", "max", "min", "anomaly", "method", "=", "false_alarms", "__class__", "p_value", "é", "１"]
TEMPLATE_WORDS = [
    *"()[]{}<>=!+-*/.,'\"|%~#: \n\0",
    *"019",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "accuracy",
    "model",
    "features",
]
TEMPLATE_WORDS += [
    "for",
    "one",
    "in",
    "endfor",
    "if",
    "elif",
    "else",
    "endif",
    "set",
    "loop",
    "percent",
    "upper",
    "truncate",
]
TEMPLATE_WORDS += [
    "top",
    "not",
    "and",
    "is",
    "defined",
    "__class__",
    "one.number",
    "range",
    "raw",
    "endraw",
    "{{ model }}",
]


@pytest.fixture(scope="module")
def told():
    command = [sys.executable, str(HERE / "hostile_reader.py"), str(HERE / "hostile_texts.jsonl")]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return json.loads(found.stdout)


def test_there_are_more_than_five_hundred_texts_of_both_kinds(told):
    kinds = [kind for kind, *_ in told["texts"]]
    assert len(kinds) >= 500
    assert min(kinds.count("rule"), kinds.count("template")) >= 200


def test_none_takes_a_tenth_of_a_second(told):
    assert [text for _, text, seconds, *_ in told["texts"] if seconds >= MOST_SECONDS] == []


def test_none_takes_fifty_megabytes(told):
    assert [text for _, text, _, peak, *_ in told["texts"] if peak >= MOST_BYTES] == []


def test_none_becomes_long(told):
    assert max(length for *_, length, _ in told["texts"]) <= LONGEST


def test_none_opens_a_file_starts_a_process_imports_or_connects(told):
    assert told["tried"] == []


def test_what_is_refused_and_what_is_harmless_are_both_among_them(told):
    refused = [is_refused for *_, is_refused in told["texts"]]
    assert refused.count(True) > 400
    assert refused.count(False) > 20


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(RULE_WORDS), max_size=60).map("".join) | st.text(max_size=200))
def test_any_condition_is_refused_or_asked(text):
    try:
        condition = parsed(text, KNOWN)
    except ConfigError:
        return
    for value in (0.5, 0.0, -1e308, None):
        assert condition.truth([value] * len(condition.series)) in (True, False, None)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(TEMPLATE_WORDS), max_size=40).map(" ".join) | st.text("{}%#|ab. '", max_size=100))
def test_any_text_is_refused_or_said(text):
    try:
        summary = summary_of(text, CONDITION)
    except ConfigError:
        return
    found = [Measurement(name, Value.of(0.5), "m", None, Window(0, 1)) for name in ("accuracy", "samples")]
    (outcome,) = outcomes(Rule(name="r", condition=CONDITION), "m", Measured(found))
    assert len(summary.of(outcome)) <= LONGEST
