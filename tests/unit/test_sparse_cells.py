"""P-values of distances between histograms where few rows are expected in a cell."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from watchkeeper.domain.comparison import Comparison, Counts
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories
from watchkeeper_plugins.drift import chi2, hellinger, jensen_shannon, psi
from watchkeeper_plugins.drift.binned_distances import filled

DETECTORS = {
    "chi2": chi2.build(chi2.Options()),
    "hellinger": hellinger.build(hellinger.Options()),
    "jensen_shannon": jensen_shannon.build(jensen_shannon.Options()),
    "psi": psi.build(psi.Options()),
}


def labels(rng: np.random.Generator, rows: int, kinds: int) -> Categories:
    share = 1.0 / np.arange(1, kinds + 1) ** 1.2
    return Categories.of(f"v{code:04}" for code in rng.choice(kinds, rows, p=share / share.sum()))


@pytest.mark.parametrize("rows", [(20, 40), (20, 500), (200, 500), (1000, 500)], ids=str)
@pytest.mark.parametrize("name", DETECTORS)
def test_many_rare_labels_are_no_drift(name, rows):
    rng = np.random.default_rng(7)
    found = [
        DETECTORS[name]
        .compare(Comparison(ReferenceColumn.fit("v", labels(rng, rows[0], 200)), labels(rng, rows[1], 200)))
        .p_value
        for _ in range(100)
    ]
    assert not [share for share in found if share is not None and share < 1e-4]


@pytest.mark.parametrize("name", DETECTORS)
def test_a_label_that_took_over_is_seen_among_many_rare_ones(name):
    rng = np.random.default_rng(7)
    now = Categories.of([*labels(rng, 250, 200).texts(), *["new"] * 250])
    found = DETECTORS[name].compare(Comparison(ReferenceColumn.fit("v", labels(rng, 1000, 200)), now))
    assert found.p_value is not None
    assert found.p_value < 1e-12


def test_sparse_labels_are_one_cell_as_by_scipy():
    counts = Counts(np.array([500, 300, 4, 3, 2, 0]), np.array([60, 35, 0, 1, 1, 60]))
    cells = filled(counts)
    assert sorted(zip(cells.reference.tolist(), cells.current.tolist(), strict=True)) == [(9, 62), (300, 35), (500, 60)]
    expected = stats.chi2_contingency([cells.reference, cells.current], correction=False)
    assert chi2.measured(counts).p_value == pytest.approx(expected.pvalue)
    assert chi2.measured(counts).statistic.number == pytest.approx(
        stats.chi2_contingency([counts.reference, counts.current], correction=False).statistic
    )


def test_sparse_bins_join_their_neighbours():
    cells = filled(Counts(np.full(10, 300), np.full(10, 4), is_ordered=True))
    assert cells.reference.tolist() == [600] * 5
    assert filled(Counts(np.full(5, 300), np.full(5, 4), is_ordered=True)).current.tolist() == [8, 12]


@pytest.mark.parametrize("name", DETECTORS)
def test_a_reference_too_short_for_its_cells_gives_no_p_value(name):
    found = DETECTORS[name].compare(Comparison(ReferenceColumn.fit("x", np.arange(8.0)), np.arange(100.0)))
    assert found.statistic.is_defined
    assert found.p_value is None


@pytest.mark.parametrize("name", DETECTORS)
def test_a_column_that_is_the_same_in_every_row_of_both_is_no_drift(name):
    found = DETECTORS[name].compare(Comparison(ReferenceColumn.fit("x", np.ones(8)), np.ones(3)))
    assert found.p_value == 1.0
