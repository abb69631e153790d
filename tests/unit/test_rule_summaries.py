"""A rule's own words: filled with what was found, refused when nothing could fill them, and never in the way."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.alerting import Alerting, Rule, parsed
from watchkeeper.alerting.measured import Measured
from watchkeeper.alerting.outcome import outcomes
from watchkeeper.alerting.summaries import summary_of
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.testing.clock import FakeClock
from watchkeeper.testing.memory import MemoryStorage

CONDITION = parsed("accuracy < 0.8 and samples >= 10")


def measurements(accuracy=0.6123):
    value = Value.undefined("no outcomes") if accuracy is None else Value.of(accuracy)
    return [
        Measurement("accuracy", value, "momentum", "1.4.0", Window(0, 1), {"segment": "NYSE"}),
        Measurement("samples", Value.of(512), "momentum", "1.4.0", Window(0, 1)),
    ]


def said(text, accuracy=0.6123, **settings):
    rule = Rule(name="r", condition=CONDITION, each=("segment",), severity="critical", **settings)
    (outcome,) = outcomes(rule, "momentum", Measured(measurements(accuracy)))
    return summary_of(text, CONDITION, ("segment",)).of(outcome)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy of {model} {version} is {accuracy:.1%}", "accuracy of momentum 1.4.0 is 61.2%"),
        ("{accuracy} {accuracy:.2f} {accuracy:.1e} {samples:d}", "0.6123 0.61 6.1e-01 512"),
        ("{rule} {severity} at {segment}", "r critical at NYSE"),
        ("{found}", "accuracy{segment=NYSE} 0.6123 < 0.8, samples 512 >= 10"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_places_are_filled(text, expected):
    assert said(text) == expected


def test_what_is_not_known_is_a_question_mark():
    assert said("{accuracy:.2f} of {samples}", None, no_data="alert") == "? of 512"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{acuracy}", "summary '{acuracy}', column 1: nothing is called 'acuracy' here; did you mean 'accuracy'?"),
        ("a {zzz}", "column 3: nothing is called 'zzz' here; expected one of accuracy, found, model, rule, samples, "),
        ("{}", "nothing is called '' here"),
        ("{model.__class__}", "nothing is called 'model.__class__' here"),
        ("{accuracy[0]}", "nothing is called 'accuracy[0]' here"),
        ("{accuracy!r}", "nothing is called 'accuracy!r' here"),
        ("{accuracy:>99999999}", "'>99999999' is no form of a number; expected one such as .2f, .3g, .1% or d"),
        ("{accuracy:.999f}", "'.999f' is no form of a number"),
        ("{accuracy", "column 1: a single '{'; expected a name in braces, such as {model}"),
        ("accuracy}", "column 9: a single '}'; expected a name in braces"),
        ("x" * 501, "a summary has at most 500 characters, found 501"),
    ],
)
def test_a_text_that_nothing_could_fill_is_refused_with_its_place(text, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        summary_of(text, CONDITION)


@given(st.text(alphabet=st.sampled_from([*"{}:.%dfge accuracy!r[0]_1>"]), max_size=200))
def test_any_text_is_refused_or_filled(text):
    try:
        summary = summary_of(text, CONDITION)
    except ConfigError:
        return
    (outcome,) = outcomes(Rule(name="r", condition=CONDITION), "m", Measured(measurements()))
    assert len(summary.of(outcome)) < 5_000


def test_the_alert_speaks_in_the_rules_words_and_its_end_in_ours():
    summary = summary_of("{model} is at {accuracy:.0%}", CONDITION)
    rule = Rule(name="r", condition=CONDITION, summary=summary.of)
    alerting = Alerting(MemoryStorage(), FakeClock(), [rule])

    assert alerting.evaluate("momentum", measurements())[0].summary == "momentum is at 61%"
    assert alerting.evaluate("momentum", measurements(0.9))[0].summary.startswith("momentum: accuracy")
