"""What is said of a reference that is too short for the budget to be a promise."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Table
from watchkeeper.domain.verdict import Status
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.alarms.fitting import AlarmTerms, fitted_alarms
from watchkeeper.monitor.alarms.promise import promise_finding

HOUR_US = 3_600_000_000
ROWS = 50
NO_RISK = "the reference has no outcomes"


def fitted(hours: int, rho: float, sd: float) -> DriftAlarms:
    """Two features: the level of one wanders, that of the other does not."""
    rng = np.random.default_rng(3)
    level = np.zeros(hours)
    for at in range(1, hours):
        level[at] = rho * level[at - 1] + np.sqrt(1.0 - rho * rho) * sd * rng.normal()
    table = Table(
        {"calm": rng.normal(size=hours * ROWS), "slow": rng.normal(size=hours * ROWS) + level.repeat(ROWS)},
    )
    times = (np.arange(hours)[:, None] * HOUR_US + np.arange(ROWS) * (HOUR_US // ROWS)).ravel()
    references = {name: ReferenceColumn.fit(name, table[name]) for name in table}
    terms = AlarmTerms(WindowSize.parse("1h"), FalseAlarmBudget.parse("1 per 30d"))
    found = fitted_alarms(references, table, times, terms)
    assert isinstance(found, DriftAlarms), found
    return found


@pytest.fixture(scope="module")
def calm() -> DriftAlarms:
    return fitted(120, 0.0, 0.0)


def test_a_calm_reference_of_a_hundred_blocks_is_enough_and_nothing_is_said(calm):
    assert promise_finding(calm, NO_RISK) is None


def test_fewer_blocks_are_told_with_how_many_are_needed_and_judge_nothing(calm):
    found = promise_finding(attrs.evolve(calm, reference_blocks=60), NO_RISK)
    assert found is not None
    assert (found.status, found.is_judged) == (Status.OK, False)
    assert found.sentence == (
        "the budget of false alarms is promised from 100 blocks of reference on (a block is a window, or an even part "
        "of one); this one has 60: until it is longer alarms may come more often"
    )


def test_where_a_level_wanders_for_long_more_blocks_are_needed_and_the_column_is_named():
    found = promise_finding(fitted(120, 0.98, 1.0), NO_RISK)
    assert found is not None
    assert 'from 200 blocks of reference on where levels wander for as long as that of "slow" does (' in found.sentence
    assert "; this one has 120: " in found.sentence
    assert promise_finding(fitted(220, 0.98, 1.0), NO_RISK) is None


def test_a_reference_too_short_for_blocks_says_that_thresholds_judge_instead():
    found = promise_finding("the reference has 100 rows, at least 240 are needed to learn what is usual", NO_RISK)
    assert found is not None
    assert found.sentence == (
        "no evidence of drift is gathered, and single windows are held against thresholds: the reference has 100 rows, "
        "at least 240 are needed to learn what is usual"
    )


def test_nothing_is_said_where_nothing_is_watched():
    assert promise_finding(None, NO_RISK) is None
