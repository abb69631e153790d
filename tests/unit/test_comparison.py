"""A comparison: what it shares, and what it says when there is nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain import comparison as module
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.profile import profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column, ColumnKind
from watchkeeper_plugins.drift.chi2 import ChiSquare
from watchkeeper_plugins.drift.ks import KolmogorovSmirnov
from watchkeeper_plugins.drift.psi import PopulationStability
from watchkeeper_plugins.drift.wasserstein import Wasserstein

NUMERIC = frozenset({ColumnKind.NUMERIC})
NUMBERS = np.random.default_rng(2).normal(size=300)
LABELS = Categories.of(["a", "b", "b"])
TIMES = np.array(["2008-09-15"], dtype="datetime64[us]")


@pytest.mark.parametrize(
    ("reference", "current", "reason"),
    [
        (LABELS, LABELS, "x holds categories, this detector compares numbers"),
        (TIMES, TIMES, "x holds times, this detector compares numbers"),
        (NUMBERS, LABELS, "the reference of x holds numbers, the window does not"),
        (NUMBERS[:0], NUMBERS, "no reference values: there are no rows"),
        (np.full(3, np.nan), NUMBERS, "no reference values: all 3 rows are missing"),
        (np.array([np.inf, -np.inf]), NUMBERS, "no finite reference values: all 2 are infinite"),
        (NUMBERS, NUMBERS[:0], "no values in the window: there are no rows"),
        (NUMBERS, np.full(4, np.nan), "no values in the window: all 4 rows are missing"),
    ],
)
def test_what_cannot_be_compared_says_why(reference: Column, current: Column, reason: str) -> None:
    comparison = Comparison(ReferenceColumn.fit("x", reference), current)
    assert comparison.obstacle(NUMERIC) == reason
    assert KolmogorovSmirnov().compare(comparison).statistic.reason == reason
    assert Comparison(ReferenceColumn.fit("x", NUMBERS), NUMBERS).obstacle(NUMERIC) is None


@pytest.mark.parametrize("is_exact", [True, False], ids=["exact", "profiles"])
def test_infinite_values_leave_a_mean_distance_undefined_and_are_counted(is_exact: bool) -> None:  # noqa: FBT001 - a parameter of the test
    reference = ReferenceColumn.fit("x", np.append(NUMBERS, np.inf))
    comparison = Comparison(reference if is_exact else reference.binned(), np.array([1.0, -np.inf, np.inf, np.nan]))
    assert Wasserstein().compare(comparison).statistic.reason == (
        "infinite values (1 in the reference, 2 in the window) are infinitely far apart"
    )
    assert KolmogorovSmirnov().compare(comparison).statistic.is_defined


def test_a_foreign_profile_is_refused() -> None:
    mine, theirs = ReferenceColumn.fit("x", NUMBERS), ReferenceColumn.fit("x", NUMBERS + 1)
    assert theirs.cells is not None
    with pytest.raises(DataError, match=r"the profile of x was counted in the cells of another reference \(\w{12}…\)"):
        Comparison(mine, profile(NUMBERS, theirs.cells))


def test_the_window_is_sorted_once_for_all_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    sorted_columns = []
    plain = module.ordered_numbers
    monkeypatch.setattr(module, "ordered_numbers", lambda column: sorted_columns.append(column) or plain(column))
    comparison = Comparison(ReferenceColumn.fit("x", NUMBERS), NUMBERS + 0.1)
    for detector in (KolmogorovSmirnov(), PopulationStability(), Wasserstein(), ChiSquare()):
        detector.compare(comparison)
    assert len(sorted_columns) == 1
    assert comparison.counts(10) is comparison.counts(10)


def test_a_constant_that_moved_has_drifted() -> None:
    comparison = Comparison(ReferenceColumn.fit("x", np.full(500, 5.0)), np.full(400, 3.0))
    assert KolmogorovSmirnov().compare(comparison).statistic.number == 1.0
    assert PopulationStability().compare(comparison).statistic.number == pytest.approx(
        (1 - 0.5 / 500) * np.log(500 / 0.5) + (1 - 0.5 / 400) * np.log(400 / 0.5)
    )
    distance = Wasserstein().compare(comparison)
    assert (distance.statistic.number, distance.effect) == (2.0, None)


def test_text_is_compared_with_categories() -> None:
    reference = ReferenceColumn.fit("venue", LABELS)
    texts = np.array(["b", "c", None], dtype=object)
    counts = Comparison(reference, texts).categories
    assert (counts.reference.tolist(), counts.current.tolist()) == ([1, 2, 0], [0, 1, 1])


def test_questions_that_make_no_sense_are_refused() -> None:
    numbers = ReferenceColumn.fit("x", NUMBERS)
    labels = Comparison(ReferenceColumn.fit("venue", LABELS), LABELS)
    binned = Comparison(numbers.binned(), NUMBERS)
    times = Comparison(ReferenceColumn.fit("t", TIMES), TIMES)
    with pytest.raises(UsageError, match=r"the comparison of x has no sorted values: .*ask `is_exact` first"):
        _ = binned.values
    with pytest.raises(UsageError, match="the reference of x is in binned form, which holds no values"):
        _ = binned.merged
    with pytest.raises(UsageError, match=r"7 bins cannot be summed from 240 quantile cells: .* the nearest is 6"):
        binned.counts(7)
    with pytest.raises(UsageError, match="x holds numeric, not categories"):
        _ = binned.categories
    with pytest.raises(UsageError, match="venue holds categories, expected numbers"):
        _ = labels.number_profiles
    with pytest.raises(UsageError, match="t holds time, which has no cells to count in"):
        _ = times.profile
    with pytest.raises(UsageError, match="t holds time, which has no quantile bins"):
        times.counts(10)
    assert times.rows == 1


def test_a_profile_of_the_wrong_kind_of_column_is_refused() -> None:
    numbers, labels = (ReferenceColumn.fit("x", column) for column in (NUMBERS, LABELS))
    assert numbers.cells is not None
    assert labels.cells is not None
    with pytest.raises(DataError, match="the reference counts numbers, the column holds categories"):
        profile(LABELS, numbers.cells)
    with pytest.raises(DataError, match="the reference counts numbers, the column holds dtype datetime64"):
        profile(TIMES, numbers.cells)
    with pytest.raises(DataError, match="the reference counts labels, the column holds dtype float64"):
        profile(NUMBERS, labels.cells)
