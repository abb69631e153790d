"""Every detector's values against scipy's, on tied, unequal, tiny and large samples."""

from __future__ import annotations

import itertools
import math
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from watchkeeper.domain.comparison import Comparison, Counts
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories
from watchkeeper_plugins.drift import chi2, cramer_von_mises, energy, hellinger, jensen_shannon, ks, psi, wasserstein

Numbers = NDArray[np.float64]
_few = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=40)
_many = st.lists(st.integers(-400, 400).map(lambda number: number / 8), min_size=1, max_size=300)
_free = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=60)
columns = st.one_of(_few, _many, _free).map(lambda items: np.array(items, dtype=np.float64))
labels = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=80)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Numbers, Numbers]:
    """Seeded samples of any size, continuous or tied, one of them shifted and stretched."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = (draw(st.sampled_from([1, 2, 5, 30, 239, 240, 241, 1000, 4800, 9001])) for _ in "nm")
    first, second = (
        rng.normal(size=n),
        rng.normal(size=m) * draw(st.sampled_from([0.5, 1.0])) + draw(st.sampled_from([0.0, 0.1, 3.0])),
    )
    digits = draw(st.sampled_from([0, 1, 2, 12]))
    return np.round(first, digits), np.round(second, digits)


pairs = st.one_of(st.tuples(columns, columns), drawn())


def compared(reference: object, current: object) -> Comparison:
    return Comparison(ReferenceColumn.fit("x", reference), current)  # type: ignore[arg-type]


@given(pairs)
@settings(max_examples=600, deadline=None)
def test_the_ks_distance_is_scipys(pair: tuple[Numbers, Numbers]) -> None:
    found = ks.KolmogorovSmirnov().compare(compared(*pair))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy divides by zero in its p-value for one row
        expected = stats.ks_2samp(*pair, method="asymp").statistic
    assert found.statistic.number == pytest.approx(expected, abs=1e-12)


@given(st.tuples(columns, columns))
@settings(max_examples=400, deadline=None)
def test_the_ks_p_value_of_few_rows_is_scipys_exact_one(pair: tuple[Numbers, Numbers]) -> None:
    found = ks.KolmogorovSmirnov().compare(compared(*pair))
    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        expected = stats.ks_2samp(*pair, method="exact").pvalue
    if not complaints:
        assert found.p_value == pytest.approx(expected, abs=1e-10)


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 64))
@settings(max_examples=200, deadline=None)
def test_the_ks_p_value_is_the_share_of_all_orders_of_the_rows(n: int, m: int, steps: int) -> None:
    common = math.lcm(n, m)
    distance = min(steps, common) / common
    orders = [set(chosen) for chosen in itertools.combinations(range(n + m), n)]
    farther = sum(_distance(order, n, m) >= distance - 1e-12 for order in orders)
    assert ks.ks_p_value(distance, n, m) == pytest.approx(farther / len(orders), abs=1e-12)


@pytest.mark.parametrize(("n", "m"), [(1900, 2100), (1024, 4096), (1700, 1700), (30, 9000)])
@pytest.mark.parametrize("size", [0.4, 0.8, 1.2, 1.8])
def test_the_ks_p_value_below_an_effective_size_of_1000_is_exact(n: int, m: int, size: float) -> None:
    common = np.lcm(n, m)
    distance = round(size * np.sqrt((n + m) / (n * m)) * common) / common
    rows = np.arange(n) / n, np.arange(m) / m
    expected = stats.ks_2samp(*_at_distance(*rows, distance), method="exact")
    assert expected.statistic == pytest.approx(distance, abs=2 / min(n, m))
    assert ks.ks_p_value(expected.statistic, n, m) == pytest.approx(expected.pvalue, abs=1e-10)


@pytest.mark.parametrize("effective", [1000, 5000, 50_000])
def test_the_ks_p_value_beyond_is_within_its_stated_error_of_the_exact_law(effective: int) -> None:
    sizes = np.linspace(0.3, 3.0, 28)
    found = [ks.ks_p_value(size / np.sqrt(effective), 2 * effective, 2 * effective) for size in sizes]
    expected = stats.kstwo.sf(sizes / np.sqrt(effective), effective)
    assert np.abs(found - expected).max() < 0.025 / effective


def test_the_ks_p_value_where_lattice_paths_are_too_many_is_the_one_sample_law() -> None:
    assert ks.ks_p_value(0.05, 500, 1_000_000) == pytest.approx(stats.kstwo.sf(0.05, 500), abs=1e-12)


@given(pairs)
@settings(max_examples=400, deadline=None)
def test_the_wasserstein_distance_is_scipys(pair: tuple[Numbers, Numbers]) -> None:
    found = wasserstein.Wasserstein().compare(compared(*pair))
    assert found.statistic.number == pytest.approx(stats.wasserstein_distance(*pair), rel=1e-10, abs=1e-10)
    deviation = pair[0].std()
    if deviation > 1e-6 * np.abs(pair[0]).max():
        assert found.effect == pytest.approx(stats.wasserstein_distance(*pair) / deviation, rel=1e-8, abs=1e-10)


@given(pairs)
@settings(max_examples=300, deadline=None)
def test_the_energy_distance_is_scipys(pair: tuple[Numbers, Numbers]) -> None:
    found = energy.Energy().compare(compared(*pair))
    assert found.statistic.number == pytest.approx(stats.energy_distance(*pair), rel=1e-9, abs=1e-10)


@given(st.tuples(columns, columns))
@settings(max_examples=100, deadline=None)
def test_the_energy_effect_is_the_ratio_of_mean_differences(pair: tuple[Numbers, Numbers]) -> None:
    found = energy.Energy().compare(compared(*pair))
    between, own, other = (
        np.abs(np.subtract.outer(*sides)).mean()
        for sides in ((pair[0], pair[1]), (pair[0], pair[0]), (pair[1], pair[1]))
    )
    expected = (2 * between - own - other) / (2 * between) if between else 0.0
    assert found.effect == pytest.approx(expected, abs=1e-7)


@given(st.integers(0, 2**32 - 1), st.integers(10, 400), st.integers(11, 300), st.sampled_from([0.0, 0.2, 2.0]))
@settings(max_examples=200, deadline=None)
def test_cramer_von_mises_is_scipys_without_ties(seed: int, n: int, m: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=n), rng.normal(shift, size=m)
    found = cramer_von_mises.CramerVonMises().compare(compared(first, second))
    expected = stats.cramervonmises_2samp(first, second, method="asymptotic")
    assert found.statistic.number == pytest.approx(expected.statistic, abs=1e-10)
    # scipy ends its series at terms below 1e-7
    assert found.p_value == pytest.approx(expected.pvalue, abs=1e-7)


@pytest.mark.parametrize(("statistic", "chance"), [(0.34730, 0.1), (0.46136, 0.05), (0.74346, 0.01), (1.16786, 0.001)])
def test_the_law_of_cramer_von_mises_has_anderson_and_darlings_quantiles(statistic: float, chance: float) -> None:
    found = cramer_von_mises.limit_p_value(statistic, 10**7, 10**7)
    assert found == pytest.approx(chance, rel=1e-4)


def test_cramer_von_mises_has_no_p_value_when_one_value_is_frequent() -> None:
    column = np.repeat(np.arange(10.0), 10)
    found = cramer_von_mises.CramerVonMises().compare(compared(column, column))
    assert (found.statistic.number, found.p_value) == (0.0, None)


@given(labels, labels)
@settings(max_examples=300, deadline=None)
def test_chi_square_of_categories_is_scipys(before: list[str], now: list[str]) -> None:
    found = chi2.ChiSquare().compare(compared(Categories.of(before), Categories.of(now)))
    table = _table(before, now)
    expected = stats.chi2_contingency(table, correction=False)
    assert found.statistic.number == pytest.approx(expected.statistic, abs=1e-10)
    if expected.expected_freq.min() >= 5:  # where fewer are expected, cells are put together
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-10)
    if table.shape[1] > 1:
        assert found.effect == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-10)


@given(labels, labels)
@settings(max_examples=200, deadline=None)
def test_divergences_of_categories_are_scipys(before: list[str], now: list[str]) -> None:
    comparison = compared(Categories.of(before), Categories.of(now))
    p, q = (row / row.sum() for row in _table(before, now))
    found = jensen_shannon.JensenShannon().compare(comparison).statistic.number
    assert found == pytest.approx(jensenshannon(p, q, base=2), abs=1e-10)
    assert hellinger.Hellinger().compare(comparison).statistic.number == pytest.approx(
        np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2), abs=1e-10
    )


@given(st.integers(0, 2**32 - 1), st.integers(480, 3000), st.integers(10, 3000), st.sampled_from([8, 10, 240]))
@settings(max_examples=100, deadline=None)
def test_quantile_bins_are_the_references_inverted_quantiles(seed: int, n: int, m: int, bins: int) -> None:
    rng = np.random.default_rng(seed)
    before, now = rng.normal(size=n), rng.normal(0.3, 1.2, size=m)
    # in exact fractions: numpy's "inverted_cdf" takes the next value when n k / bins is a hair above a whole number
    edges = [np.sort(before)[math.ceil(Fraction(n * k, bins)) - 1] for k in range(1, bins)]
    borders = np.concatenate(([-np.inf], np.unique(edges), [np.inf]))
    expected = np.array(
        [[((side > a) & (side <= b)).sum() for a, b in itertools.pairwise(borders)] for side in (before, now)]
    )
    found = compared(before, now).counts(bins)
    assert np.array_equal([found.reference, found.current], expected[:, expected.sum(axis=0) > 0])


@given(drawn(), st.sampled_from([8, 10, 20, 240]))
@settings(max_examples=200, deadline=None)
def test_binned_divergences_follow_their_formulas(pair: tuple[Numbers, Numbers], bins: int) -> None:
    comparison = compared(*pair)
    counts = comparison.counts(bins)
    p, q = counts.shares
    assert counts.rows == (len(pair[0]), len(pair[1]))
    found = jensen_shannon.build(jensen_shannon.Options(bins)).compare(comparison).statistic.number
    assert found == pytest.approx(jensenshannon(p, q, base=2), abs=1e-10)
    expected = stats.chi2_contingency(np.array([counts.reference, counts.current]), correction=False)
    by_chi2 = chi2.build(chi2.Options(bins)).compare(comparison)
    assert by_chi2.statistic.number == pytest.approx(expected.statistic, rel=1e-10, abs=1e-10)
    if expected.expected_freq.min() >= 5:
        assert by_chi2.p_value == pytest.approx(expected.pvalue, abs=1e-10)


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), min_size=1, max_size=30))
@settings(max_examples=200, deadline=None)
def test_psi_is_the_sum_of_both_relative_entropies(rows: list[tuple[int, int]]) -> None:
    counts = Counts(*np.array(rows, dtype=np.int64).T)
    p, q = counts.shares
    assert psi.stability_index(counts, 0.5) == pytest.approx(stats.entropy(p, q) + stats.entropy(q, p), abs=1e-10)


@pytest.mark.parametrize("name", ["psi", "jensen_shannon", "hellinger"])
def test_p_values_of_divergences_are_uniform_without_drift(name: str) -> None:
    detector = {
        "psi": psi.PopulationStability(),
        "jensen_shannon": jensen_shannon.JensenShannon(),
        "hellinger": hellinger.Hellinger(),
    }[name]
    rng = np.random.default_rng(7)
    found = [detector.compare(compared(rng.normal(size=3000), rng.normal(size=2000))).p_value for _ in range(400)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert stats.kstest(np.array(found, dtype=np.float64), "uniform").pvalue > 0.001


def _distance(first_ranks: set[int], n: int, m: int) -> float:
    below, above, largest = 0, 0, 0.0
    for rank in range(n + m):
        below, above = below + (rank in first_ranks), above + (rank not in first_ranks)
        largest = max(largest, abs(below / n - above / m))
    return largest


def _table(before: list[str], now: list[str]) -> NDArray[np.int64]:
    names = sorted({*before, *now})
    return np.array([[side.count(name) for name in names] for side in (before, now)], dtype=np.int64)


def _at_distance(first: Numbers, second: Numbers, distance: float) -> tuple[Numbers, Numbers]:
    """Two even samples, the second moved so that their KS distance is about `distance`; no ties."""
    return first, second + distance + 1e-9
