"""Drift thresholds from the reference's own windows, and the share of false alarms that they leave."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats
from scipy.special import chdtrc, ndtri

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.table import Categories, ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.monitor.calibration import Allowance, _score_limit, calibrated_edges, edges_of, edges_of_tests
from watchkeeper_plugins.drift import chi2

DAY_US = 86_400_000_000
MONTHLY = FalseAlarmBudget.parse("1 per 30d")


class MeanShift:
    columns = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison):
        reference = comparison.reference.mean.number
        return Drift(Value.of(abs(float(np.mean(comparison.current)) - reference)))


class Broken:
    columns = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison):
        raise ZeroDivisionError("by zero")


def threshold(detector, column, share, rows=50):
    return edge(detector, column, Allowance(share, 1), rows).threshold


def edge(detector, column, allowance, rows=50):
    return calibrated_edges({"x": detector}, "vol", column, rows_per_window=rows, allowance=allowance)["x"]


def test_the_budget_is_shared_over_windows_and_tests():
    hourly = Allowance.of(MONTHLY, DAY_US / 24, tests=20)
    assert hourly.per_test == pytest.approx(1 / (720 * 20))


def test_however_generous_the_budget_five_percent_of_windows_is_the_most():
    yearly_windows = Allowance.of(FalseAlarmBudget.parse("9 per 1d"), 365 * DAY_US, tests=4)
    assert yearly_windows.per_test == pytest.approx(0.05 / 4)


def test_a_reference_without_times_counts_one_window_in_the_period():
    assert Allowance.of(FalseAlarmBudget.parse("0.01 per 30d"), None, tests=2).per_test == pytest.approx(0.005)


def test_the_threshold_is_the_students_tail_of_the_log_distances():
    column = np.random.default_rng(5).normal(size=2000)
    found = threshold(MeanShift(), column, 0.01)
    windows = column.reshape(40, 50)
    distances = [abs(windows[at].mean() - np.delete(windows, at, axis=0).mean()) for at in range(40)]
    logs = np.log(distances)
    expected = np.exp(logs.mean() + stats.t.ppf(0.99, 39) * logs.std(ddof=1) * np.sqrt(1 + 1 / 40))
    assert found.number == pytest.approx(expected, rel=1e-9)
    assert found.samples == 40


def test_ordinary_windows_exceed_it_no_more_often_than_was_granted():
    rng = np.random.default_rng(11)
    exceeded = trials = 0
    for _ in range(40):
        reference = rng.normal(size=4000)
        limit = threshold(MeanShift(), reference, 0.02).number
        fitted = ReferenceColumn.fit("vol", reference)
        for _ in range(50):
            distance = MeanShift().compare(Comparison(fitted, rng.normal(size=50))).statistic.number
            exceeded += distance > limit
            trials += 1
    assert exceeded / trials < 0.02 + 3 * np.sqrt(0.02 * 0.98 / trials)


def test_a_short_reference_gives_no_threshold_and_says_why():
    found = threshold(MeanShift(), np.arange(350.0), 0.01)
    assert found.reason == "the reference holds 7 windows of 50 rows, at least 8 are needed"


def test_a_detector_that_fails_on_the_reference_gives_no_threshold():
    found = threshold(Broken(), np.arange(1000.0), 0.01)
    assert found.reason == "the detector failed on the reference: ZeroDivisionError: by zero"


def test_a_constant_distance_is_its_own_threshold():
    assert threshold(MeanShift(), np.ones(1000), 0.01).number == pytest.approx(1e-12)


def test_a_statistic_that_nothing_could_push_over_its_threshold_is_undefined():
    class Bounded(MeanShift):
        def compare(self, comparison):
            return Drift(Value.of(min(super().compare(comparison).statistic.number, 1.0)))

    wandering = np.repeat(np.random.default_rng(2).normal(scale=3.0, size=20), 50)
    found = threshold(Bounded(), wandering, 1e-6)
    assert "not even a window wholly beyond the reference (1) would stand out" in found.reason
    edge_told = float(re.search(r"chance may bring ([^:]+):", found.reason).group(1))
    usual_told = float(re.search(r"it is up to (\S+) in the 20 windows", found.reason).group(1))
    assert usual_told <= 1.0 <= edge_told


@pytest.mark.parametrize("windows", [20, 40, 200])
def test_a_column_of_two_labels_is_held_against_a_limit_of_its_p_value(windows):
    """The distances of its windows are near 0 by chance, and their logarithms would tell of an endless tail."""
    rng = np.random.default_rng(3)

    def labels(rows, share):
        return Categories((rng.random(rows) < share).astype(np.int32), ("LSE", "NYSE"))

    column = labels(windows * 100, 0.5)
    reference = ReferenceColumn.fit("venue", column)
    detector = chi2.build(chi2.Options())
    allowance = Allowance(3.3e-4, 7)
    found = edges_of({"chi2": detector}, {"venue": column}, {"venue": reference}, 100, allowance)["chi2", "venue"]
    usual, moved = (detector.compare(Comparison(reference, labels(600, share))).p_value for share in (0.5, 0.95))
    assert found.p_limit <= allowance.per_test
    assert moved < found.p_limit < usual


def test_only_a_short_reference_falls_back_on_p_values():
    allowance = Allowance(0.01, 1)
    short = edge(MeanShift(), np.arange(100.0), allowance)
    broken = edge(Broken(), np.arange(1000.0), allowance)
    assert short.p_limit == 0.01
    assert broken.p_limit is None


def test_a_broken_detector_leaves_the_others_theirs_and_each_window_is_sorted_once_for_all():
    seen = []

    class Watching(MeanShift):
        def compare(self, comparison):
            seen.append(comparison)
            return super().compare(comparison)

    detectors = {"first": Watching(), "broken": Broken(), "second": Watching()}
    found = calibrated_edges(
        detectors, "vol", np.random.default_rng(3).normal(size=1000), rows_per_window=50, allowance=Allowance(0.01, 3)
    )
    assert found["first"].threshold == found["second"].threshold
    assert found["first"].threshold.is_defined
    assert "ZeroDivisionError" in found["broken"].threshold.reason
    assert len(set(map(id, seen))) * 2 == len(seen)


def chi2_p(positives: np.ndarray, rows: float, reference_positives: np.ndarray, reference_rows: float) -> np.ndarray:
    """Of two binary labels (Pearson)."""
    total = rows + reference_rows
    both = positives + reference_positives
    cross = positives * (reference_rows - reference_positives) - (rows - positives) * reference_positives
    return np.asarray(chdtrc(1, cross**2 * total / (rows * reference_rows * both * (total - both))))


@pytest.mark.parametrize(("rho", "months_with_alarms"), [(0.0, 6), (0.8, 8)], ids=["independent", "wandering"])
def test_a_share_of_labels_that_wanders_is_not_told_as_drift_month_after_month(rho, months_with_alarms):
    rng = np.random.default_rng(3)
    level = 0.046 * rng.standard_normal((1000, 40)) * (rho > 0.0)
    for at in range(1, 1000):
        level[at] = rho * level[at - 1] + np.sqrt(1.0 - rho * rho) * level[at]
    counts = rng.binomial(500, np.clip(0.3 + level[80:], 0.01, 0.99)).astype(float)
    usual, month = counts[:200], counts[200:]
    alarms = 0
    for at in range(40):
        total = usual[:, at].sum()
        own = chi2_p(usual[:, at], 500.0, total - usual[:, at], 199 * 500.0)
        limit = _score_limit(ndtri(own / 2.0) ** 2, 0.05 / 720)
        alarms += bool((chi2_p(month[:, at], 500.0, total, 200 * 500.0) < limit).any())
    assert alarms <= months_with_alarms


def test_a_limit_that_no_window_could_be_below_is_none_and_says_why():
    rng = np.random.default_rng(4)
    column = (rng.random(800) < np.repeat(rng.random(8), 100)).astype(np.float64)
    detector = chi2.build(chi2.Options())
    found = edges_of_tests({"chi2": detector}, "outcome", column, 100, Allowance(1e-5, 2))["chi2", "outcome"]
    assert found.p_limit is None
    assert "the p-values of 8 windows do not tell how rarely chance leads farther" in found.threshold.reason
