"""Durations, window sizes, budgets and counts of checks: what is read, what is refused and in which words."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.domain import spans
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.spans import Checks, Duration, FalseAlarmBudget, WindowSize, parse_persistence


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000), ("2w", 1_209_600), ("1 h", 3600), ("1500ms", 1.5)],
)
def test_a_duration_is_read_as_microseconds(text, seconds):
    assert Duration.parse(text).us == round(seconds * 1_000_000)


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "0h", "1.5h", "1y", "1h30m", " 1h", "1h\n", "٣h", "1e3s"])
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(UsageError) as refusal:
        Duration.parse(text)
    assert str(refusal.value) == f'"{text}" is not a length of time such as "90s", "15m", "1h", "30d" or "2w"'


def test_a_duration_of_centuries_is_refused_with_the_limit():
    with pytest.raises(UsageError) as refusal:
        Duration.parse("999999999w")
    assert str(refusal.value) == '"999999999w" is too long: expected at most 36500d'


def test_a_duration_made_in_code_is_positive():
    with pytest.raises(UsageError) as refusal:
        Duration(0)
    assert str(refusal.value) == "a length of time of 0 microseconds: expected more than 0 and at most 36500d"


@given(st.integers(1, 36_500 * 86_400_000_000))
def test_any_duration_survives_being_written_and_read(us):
    assert Duration.parse(str(Duration(us))).us == us


def test_a_window_is_a_length_of_time_or_a_number_of_rows():
    assert WindowSize.parse("1h") == WindowSize(duration=Duration(3_600_000_000))
    assert WindowSize.parse("500 rows") == WindowSize(rows=500)
    assert WindowSize.parse("1 row").rows == 1


@pytest.mark.parametrize("text", ["500", "0 rows", "rows", "1h rows", "500 rowz", "-5 rows"])
def test_what_is_no_window_is_refused_with_both_forms(text):
    with pytest.raises(UsageError) as refusal:
        WindowSize.parse(text)
    assert (
        str(refusal.value) == f'"{text}" is not a length of time such as "1h", or a number of rows such as "500 rows"'
    )


def test_a_window_made_in_code_is_one_of_the_two():
    with pytest.raises(UsageError) as both:
        WindowSize(Duration(1), 1)
    with pytest.raises(UsageError) as neither:
        WindowSize()
    with pytest.raises(UsageError) as empty:
        WindowSize(rows=0)
    assert "expected one of the two" in str(both.value)
    assert "expected one of the two" in str(neither.value)
    assert str(empty.value) == "a window of 0 rows: expected at least 1"


@given(st.one_of(st.builds(WindowSize, rows=st.integers(1, 10**18 - 1)), st.just(WindowSize(Duration(60_000_000)))))
def test_any_window_survives_being_written_and_read(size):
    assert WindowSize.parse(str(size)) == size


def test_a_budget_is_alarms_in_a_length_of_time():
    assert FalseAlarmBudget.parse("1 per 30d") == FalseAlarmBudget(1.0, 30 * 86_400_000_000)
    assert FalseAlarmBudget.parse("0.5 per 1w") == FalseAlarmBudget(0.5, 7 * 86_400_000_000)
    assert str(FalseAlarmBudget.parse("1 per 30d")) == "1 per 30d"


@pytest.mark.parametrize("text", ["1", "1 a 30d", "one per 30d", "1 per month", "-1 per 30d", "1e3 per 1d"])
def test_what_is_no_budget_is_refused_with_examples(text):
    with pytest.raises(UsageError) as refusal:
        FalseAlarmBudget.parse(text)
    assert (
        str(refusal.value)
        == f'"{text}" is not a number of alarms in a length of time such as "1 per 30d" or "0.5 per 1w"'
    )


def test_a_budget_of_no_alarms_is_refused():
    with pytest.raises(UsageError) as refusal:
        FalseAlarmBudget.parse("0 per 30d")
    assert (
        str(refusal.value) == "a budget of 0.0 false alarms: expected more than 0, such as 0.1 for one in ten periods"
    )


@given(st.decimals("0.000000001", 999_999_999, places=9), st.integers(1, 36_500))
def test_any_budget_survives_being_written_and_read(alarms, days):
    budget = FalseAlarmBudget(round(float(alarms), 9), days * 86_400_000_000)
    assert FalseAlarmBudget.parse(str(budget)) == budget


def test_persistence_is_checks_or_time():
    assert parse_persistence("3 checks") == Checks(3)
    assert parse_persistence("1 check") == Checks(1)
    assert parse_persistence("15m") == Duration(900_000_000)
    assert str(Checks(1)) == "1 check"
    assert str(Checks(3)) == "3 checks"


def test_what_is_neither_checks_nor_time_is_refused_with_both_forms():
    with pytest.raises(UsageError) as refusal:
        parse_persistence("3")
    assert str(refusal.value) == '"3" is not a number of checks such as "3 checks", or a length of time such as "15m"'
    with pytest.raises(UsageError) as checks:
        Checks.parse("15m")
    assert str(checks.value) == '"15m" is not a number of checks such as "3 checks"'
    with pytest.raises(UsageError) as none:
        Checks(0)
    assert str(none.value) == "0 checks: expected at least 1"


def test_the_examples_in_the_documentation_run():
    assert doctest.testmod(spans).failed == 0
