"""Conditions: what they mean, and what is said about those that mean nothing."""

import re

import pytest

from watchkeeper.alerting.condition import Condition
from watchkeeper.alerting.parser import parsed
from watchkeeper.domain.errors import ConfigError

KNOWN = {"accuracy", "recall", "ks", "samples"}


def truth(text: str, **values: float | None) -> bool | None:
    condition = parsed(text)
    return condition.truth([values.get(series.name) for series in condition.series])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a < 1", True),
        ("a <= 0.5", True),
        ("a > 0.5", False),
        ("a >= .5", True),
        ("a == 0.5", True),
        ("a != 0.5", False),
        ("0.2 < a < 0.6", True),
        ("0.2 < a < 0.4", False),
        ("a < b < c", True),
        ("a + b * 2 == 4.5", True),
        ("(a + b) * 2 == 5", True),
        ("a - b - c == -4.5", True),
        ("c / b / a == 3", True),
        ("-a < 0 and +a > 0", True),
        ("abs(a - c) == 2.5", True),
        ("min(a, b, c) == 0.5 and max(a, b) == 2", True),
        ("not a > 1", True),
        ("not not a > 1", False),
        ("a > 1 or b > 1 and c > 5", False),
        ("(a > 1 or b > 1) and c > 2", True),
        ("a < 1e0 and c < 3.5E+1", True),
    ],
)
def test_a_condition_means_what_it_means_in_mathematics(text, expected):
    assert truth(text, a=0.5, b=2.0, c=3.0) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gone < 1", None),
        ("not gone < 1", None),
        ("a < 1 and gone < 1", None),
        ("a > 1 and gone < 1", False),
        ("gone < 1 and a > 1", False),
        ("a < 1 or gone < 1", True),
        ("gone < 1 or a < 1", True),
        ("a > 1 or gone < 1", None),
        ("gone < 1 or a > 1", None),
        ("gone + a > 1", None),
        ("-gone > 1", None),
        ("max(a, gone) > 0", None),
        ("0 < gone < 1", None),
        ("2 < a < gone", False),
    ],
)
def test_what_is_not_measured_is_neither_true_nor_false(text, expected):
    assert truth(text, a=0.5, gone=None) is expected


@pytest.mark.parametrize("text", ["a / zero > 1", "a / (a - a) < 1", "huge * huge > 1", "huge + huge - huge > 1"])
def test_a_division_by_zero_or_an_overflow_has_no_data(text):
    assert truth(text, a=0.5, zero=0.0, huge=1.7e308) is None


def test_labels_and_details_select_what_is_read():
    condition = parsed("""ks{feature=vol10, segment="NYSE Arca"} > 0.2 and ks["ret 1"].p_value < 1e-3 and ks > 0""")

    assert [str(series) for series in condition.series] == [
        "ks{feature=vol10, segment=NYSE Arca}",
        'ks["ret 1"].p_value',
        "ks",
    ]


def test_a_series_that_stands_twice_is_read_once():
    assert len(parsed("accuracy < 0.8 or accuracy > 1 and accuracy < 2").series) == 1


def test_comparisons_with_a_number_are_kept_as_thresholds():
    thresholds = parsed("0.5 < recall and accuracy < 0.8 and samples >= -1").thresholds

    assert [(threshold.series, str(threshold)) for threshold in thresholds] == [
        (0, "> 0.5"),
        (1, "< 0.8"),
        (2, ">= -1"),
    ]
    assert thresholds[1].holds(0.7)
    assert not thresholds[1].holds(0.8)
    assert not thresholds[1].holds(None)


def test_a_condition_shows_its_text():
    assert str(parsed("accuracy<0.8", KNOWN)) == "accuracy<0.8"
    assert isinstance(parsed("accuracy < 0.8"), Condition)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the condition is empty: expected something like 'accuracy < 0.8'"),
        ("  ", "the condition is empty"),
        ("acuracy < 1", "column 1: no measurement is called 'acuracy'; did you mean 'accuracy'?"),
        (
            "accuracy < 1 and zzz > 2",
            "column 18: no measurement is called 'zzz'; known are accuracy, ks, recall, samples",
        ),
        ("accuracy", "column 1: a number alone is neither true nor false: compare it, as in 'accuracy < 0.8'"),
        ("accuracy < 1 and recall", "column 18: a number alone is neither true nor false"),
        ("not 1", "column 5: a number alone is neither true nor false"),
        ("accuracy <", "column 11: expected a measurement or a number, found the end"),
        ("accuracy < and", "column 12: expected a measurement or a number, found 'and'"),
        ("1 < 2", "condition '1 < 2' names no measurement: expected something like 'accuracy < 0.8'"),
        ("accuracy && recall", "column 10: '&' means nothing here: write 'and' or 'or'"),
        ("!accuracy", "column 1: '!' means nothing here: write 'not' or '!='"),
        ("accuracy; recall", "column 9: ';' means nothing in a condition: expected a measurement, a number or one of"),
        ("accuracy = 1", "column 10: '=' was not expected: to compare write '=='"),
        ("(accuracy < 1", "column 14: expected ')' to close the parenthesis, found the end"),
        ("accuracy < 1 recall > 1", "column 14: 'recall' was not expected: join comparisons"),
        ("(accuracy < 1) + 1 > 2", "column 2: a comparison is no number: expected a measurement or a number here"),
        ("open(accuracy) > 1", "column 1: there is no function 'open': only abs, min, max"),
        ("abs(accuracy, recall) > 1", "column 1: abs takes one number, found 2"),
        ("max(accuracy > 1", "column 14: expected ')' to close max(, found '>'"),
        ("accuracy < 1e999", "column 12: 1e999 is larger than any number that can be measured"),
        ("accuracy < 08x", "column 12: this is not a number: expected something like 0.8, 500 or 1e-3"),
        ("accuracy < 'x", "column 12: the quote ' is never closed"),
        ("accuracy < 'x'", "column 12: expected a measurement or a number, found 'x'"),
        ("ks{1=2} > 1", "column 4: expected a label such as feature=vol10, found '1'"),
        ("ks{feature vol10} > 1", "column 12: expected '=' after the label 'feature', found 'vol10'"),
        ("ks{feature=} > 1", "column 12: expected a label's value such as \"vol10\", found '}'"),
        ("ks[vol10 > 1", "column 10: expected ']' after the labels, found '>'"),
        ("ks. > 1", "column 5: expected the name of a detail, such as p_value, found '>'"),
        ("(" * 33 + "accuracy < 1", "nested deeper than 32: split it into several rules"),
        ("not " * 33 + "accuracy < 1", "nested deeper than 32"),
        ("-" * 33 + "accuracy < 1", "nested deeper than 32"),
        (
            "accuracy < 1" + " " * 989,
            "a condition has at most 1000 characters, found 1001: split it into several rules",
        ),
    ],
)
def test_a_condition_that_means_nothing_is_refused_with_its_place(text, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        parsed(text, KNOWN)


def test_no_name_is_refused_when_the_measurements_are_not_known():
    assert parsed("my_own_metric > 3").series[0].name == "my_own_metric"


def test_an_unknown_name_says_so_when_nothing_at_all_is_measured():
    with pytest.raises(ConfigError, match="no measurement is called 'accuracy'; no measurement is known"):
        parsed("accuracy < 1", ())


def test_a_long_condition_is_shortened_in_the_message():
    with pytest.raises(ConfigError, match=r"condition 'accuracy < 1 and accuracy < 1[^']{40,50}\.\.\.', column 205"):
        parsed("accuracy < 1 and " * 12 + "!")
