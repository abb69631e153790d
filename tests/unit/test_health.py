"""Health by thresholds: worse counts at once, better when it is beyond the recovery and the cooldown is over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.health import Health, Thresholds, Worse
from watchkeeper.domain.verdict import Status

ACCURACY = Thresholds(Worse.LOWER, warn=0.8, alert=0.7, recover=0.85, cooldown_us=10)


def after(numbers, thresholds=ACCURACY, step_us=100):
    """The status after each number, `step_us` apart."""
    health, found = None, []
    for at, number in enumerate(numbers):
        health = thresholds.after(health, number, at * step_us)
        found.append(health.status.value)
    return found


def test_a_worse_value_counts_at_once():
    assert after([0.9, 0.79, 0.69]) == ["OK", "WARN", "ALERT"]


def test_a_threshold_itself_is_not_beyond_it():
    assert after([0.8, 0.7]) == ["OK", "WARN"]


def test_a_value_between_the_threshold_and_the_recovery_changes_nothing():
    assert after([0.79, 0.84, 0.81, 0.85]) == ["WARN", "WARN", "WARN", "OK"]


def test_from_alert_it_must_come_back_as_far_as_from_warn():
    assert after([0.69, 0.74, 0.76, 0.86]) == ["ALERT", "ALERT", "WARN", "OK"]


def test_a_recovery_goes_from_alert_to_ok_at_once():
    assert after([0.69, 0.9]) == ["ALERT", "OK"]


def test_within_the_cooldown_nothing_gets_better():
    assert after([0.69, 0.9, 0.9, 0.9], step_us=4) == ["ALERT", "ALERT", "ALERT", "OK"]


def test_a_relapse_begins_the_cooldown_anew():
    assert after([0.69, 0.9, 0.69, 0.9, 0.9, 0.9], step_us=4)[-3:] == ["ALERT", "ALERT", "OK"]


def test_without_a_recovery_the_threshold_is_where_it_is_over():
    assert after([0.79, 0.8], Thresholds(Worse.LOWER, warn=0.8)) == ["WARN", "OK"]


def test_higher_can_be_worse():
    assert after([1.0, 2.5, 3.5, 0.5], Thresholds(Worse.HIGHER, warn=2.0, alert=3.0)) == ["OK", "WARN", "ALERT", "OK"]


def test_since_when_it_is_so_is_known():
    first = ACCURACY.after(None, 0.79, 0)
    assert ACCURACY.after(first, 0.78, 50) == Health(Status.WARN, since_us=0, bad_us=50)
    assert ACCURACY.after(first, 0.69, 50) == Health(Status.ALERT, since_us=50, bad_us=50)


@pytest.mark.parametrize(
    ("thresholds", "told"),
    [
        ({}, "there is neither warn nor alert"),
        ({"warn": 0.7, "alert": 0.8}, "alert = 0.8 is not lower than warn = 0.7"),
        ({"warn": 0.8, "recover": 0.7}, "recover = 0.7 is lower than 0.8, from where on it is bad"),
    ],
)
def test_thresholds_that_contradict_themselves_are_refused(thresholds, told):
    with pytest.raises(UsageError) as error:
        Thresholds(Worse.LOWER, **thresholds)
    assert told in str(error.value)


@given(st.lists(st.floats(0, 1), min_size=1), st.integers(1, 20))
def test_it_is_never_better_than_its_last_number(numbers, step_us):
    ranks = {"OK": 0, "WARN": 1, "ALERT": 2}
    for number, status in zip(numbers, after(numbers, step_us=step_us), strict=True):
        assert ranks[status] >= ranks[ACCURACY.status(number).value]


@given(st.lists(st.floats(0, 1), min_size=1))
def test_lower_and_higher_mirror_each_other(numbers):
    mirrored = Thresholds(Worse.HIGHER, warn=-0.8, alert=-0.7, recover=-0.85, cooldown_us=10)
    assert after(numbers) == after([-number for number in numbers], mirrored)
