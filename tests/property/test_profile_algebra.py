"""Profiles add up: whatever the order, the cuts and the numbers, to the bit; and their distances have bounds."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from watchkeeper.domain import tally
from watchkeeper.domain.bounds import energy_bounds, ks_bounds, wasserstein_bounds
from watchkeeper.domain.cells import BIN_COUNTS, LabelCells, NumberCells, ordered_numbers
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.profile import NumberProfile, merge, profile, profile_from_record
from watchkeeper.domain.records import packed, unpacked
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories
from watchkeeper_plugins.drift import cramer_von_mises

Numbers = NDArray[np.float64]
_any_float = st.one_of(st.floats(), st.integers(-3, 3).map(float), st.floats(-10, 10))
_sane_float = st.one_of(st.integers(-20, 20).map(float), st.floats(-1e3, 1e3, allow_subnormal=False))
anything = st.lists(_any_float, max_size=80).map(lambda items: np.array(items, dtype=np.float64))
some = st.lists(_sane_float, min_size=1, max_size=80).map(lambda items: np.array(items, dtype=np.float64))
texts = st.lists(st.one_of(st.none(), st.sampled_from("abcdé"), st.text(max_size=3)), max_size=60)


def cells_of(column: Numbers) -> NumberCells:
    return NumberCells.of(ordered_numbers(column))


def counted(column: Numbers, cells: NumberCells) -> NumberProfile:
    found = profile(column, cells)
    assert isinstance(found, NumberProfile)
    return found


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Numbers, Numbers]:
    """Reference and window of the shapes that hurt: ties, tails, spikes, gaps, jumps, few rows."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, m = (draw(st.sampled_from([1, 3, 100, 239, 240, 241, 480, 2400, 5000])) for _ in "nm")
    makers = {
        "normal": lambda size: rng.normal(size=size),
        "moved": lambda size: rng.normal(0.2, 1.1, size),
        "tails": lambda size: rng.standard_t(1.5, size),
        "spike": lambda size: np.where(rng.random(size) < 0.3, 0.0, rng.normal(size=size)),
        "few": lambda size: rng.integers(0, 4, size).astype(float),
        "counts": lambda size: rng.poisson(50, size).astype(float),
        "far": lambda size: 1e6 + rng.normal(size=size),
        "gap": lambda size: rng.choice([-1.0, 1.0], size) * (5 + rng.random(size)),
    }
    return makers[draw(st.sampled_from(sorted(makers)))](n), makers[draw(st.sampled_from(sorted(makers)))](m)


@given(anything, anything, anything)
@settings(max_examples=500, deadline=None)
def test_a_profile_of_all_rows_is_the_merge_of_its_parts(reference: Numbers, first: Numbers, second: Numbers) -> None:
    cells = cells_of(reference)
    whole = counted(np.concatenate((first, second)), cells)
    assert merge(counted(first, cells), counted(second, cells)) == whole


@given(drawn(), st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_merging_in_any_order_gives_the_same_bytes(pair: tuple[Numbers, Numbers], seed: int) -> None:
    cells = cells_of(pair[0])
    parts = [counted(part, cells) for part in np.array_split(pair[1], 7)]
    shuffled = [parts[at] for at in np.random.default_rng(seed).permutation(7)]
    tree = merge(reduce(merge, shuffled[:3]), reduce(merge, shuffled[3:]))
    assert packed(reduce(merge, parts).to_record()) == packed(tree.to_record())
    assert packed(tree.to_record()) == packed(profile(pair[1], cells).to_record())


@given(anything, anything, st.integers(1, 9))
@settings(max_examples=200, deadline=None)
def test_the_chunk_size_does_not_change_a_profile(reference: Numbers, column: Numbers, rows: int) -> None:
    cells = cells_of(reference)
    expected = counted(column, cells)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tally, "CHUNK_ROWS", rows)
        patched.setattr(tally, "_CHUNKS_IN_INT64", 2)
        assert counted(column, cells) == expected


@given(anything, anything)
@settings(max_examples=200, deadline=None)
def test_every_row_is_counted_in_its_cell(reference: Numbers, column: Numbers) -> None:
    cells = cells_of(reference)
    borders = [*cells.edges, np.inf]
    lefts = [-np.inf, *cells.edges]
    found = counted(column, cells)
    for at in np.flatnonzero(found.counts):
        inside = (column > lefts[at]) & (column <= borders[at]) if at else column == -np.inf
        assert found.counts[at] == inside.sum()
    assert (found.missing, found.rows) == (np.isnan(column).sum(), len(column))


@given(some, some)
@settings(max_examples=200, deadline=None)
def test_float32_columns_are_counted_as_their_float64_values(reference: Numbers, column: Numbers) -> None:
    single = column.astype(np.float32)
    cells = cells_of(reference)
    assert profile(single, cells) == profile(single.astype(np.float64), cells)


@given(some, some)
@settings(max_examples=300, deadline=None)
def test_mean_and_deviation_are_those_of_the_rows(reference: Numbers, column: Numbers) -> None:
    cells = cells_of(reference)
    found = counted(column, cells)
    exact = [Fraction(number) for number in column.tolist()]
    mean = sum(exact) / len(exact)
    variance = sum((number - mean) ** 2 for number in exact) / len(exact)
    reach = max(abs(float(number) - cells.centre) for number in exact) + cells.scale
    assert found.mean(cells).number == pytest.approx(float(mean), abs=reach * 2.0**-28)
    assert found.deviation(cells).number == pytest.approx(math.sqrt(variance), abs=reach * 2.0**-14)
    assert (found.minimum, found.maximum) == (column.min(), column.max())


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e3, -1e9]), st.sampled_from([1e-3, 1.0, 1e6]))
@settings(max_examples=50, deadline=None)
def test_the_deviation_of_ordinary_columns_is_numpys(seed: int, offset: float, spread: float) -> None:
    column = np.random.default_rng(seed).normal(offset, spread, 3000)
    cells = cells_of(column)
    found = counted(column, cells)
    assert found.mean(cells).number == pytest.approx(column.mean(), abs=1e-10 * spread + 1e-15 * abs(offset))
    assert found.deviation(cells).number == pytest.approx(column.std(), rel=1e-9, abs=1e-16 * abs(offset))


@given(anything, anything)
@settings(max_examples=100, deadline=None)
def test_a_profile_survives_its_bytes(reference: Numbers, column: Numbers) -> None:
    found = counted(column, cells_of(reference))
    assert profile_from_record(unpacked(packed(found.to_record()))) == found


@given(drawn(), st.sampled_from(BIN_COUNTS))
@settings(max_examples=200, deadline=None)
def test_quantile_bins_of_profiles_are_those_of_the_rows(pair: tuple[Numbers, Numbers], bins: int) -> None:
    reference = ReferenceColumn.fit("x", pair[0])
    by_rows = Comparison(reference, pair[1]).counts(bins)
    by_profile = Comparison(reference.binned(), profile(pair[1], cells_of(pair[0]))).counts(bins)
    assert np.array_equal(by_rows.reference, by_profile.reference)
    assert np.array_equal(by_rows.current, by_profile.current)


@given(drawn())
@settings(max_examples=600, deadline=None)
def test_the_ks_distance_is_within_one_cell_of_the_largest_gap_at_an_edge(pair: tuple[Numbers, Numbers]) -> None:
    before, now = pair
    cells = cells_of(before)
    lower, upper = ks_bounds(cells, counted(before, cells), counted(now, cells))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy divides by zero in its p-value for one row
        distance = stats.ks_2samp(before, now, method="asymp").statistic
    assert lower - 1e-12 <= distance <= upper + 1e-12
    assert upper <= lower + math.ceil(len(before) / 240) / len(before) + 1e-12
    if len(before) % 240 == 0:
        assert upper <= lower + 1 / 240 + 1e-12


@given(some, some)
@settings(max_examples=400, deadline=None)
def test_bounds_hold_for_any_rows(before: Numbers, now: Numbers) -> None:
    _check_bounds(before, now)


@given(drawn())
@settings(max_examples=400, deadline=None)
def test_bounds_hold_for_the_shapes_that_hurt(pair: tuple[Numbers, Numbers]) -> None:
    _check_bounds(*pair)


def _check_bounds(before: Numbers, now: Numbers) -> None:
    cells = cells_of(before)
    profiles = counted(before, cells), counted(now, cells)
    slack = 1e-9 * (cells.scale + np.abs(np.concatenate((before, now)) - cells.centre).max())
    lower, upper = wasserstein_bounds(cells, *profiles)
    assert lower - slack <= stats.wasserstein_distance(before, now) <= upper + slack
    lower, upper = energy_bounds(cells, *profiles)
    assert lower - math.sqrt(slack) <= stats.energy_distance(before, now) <= upper + math.sqrt(slack)
    _, (lower, upper) = cramer_von_mises.profile_statistic(cells, *profiles)
    exact = cramer_von_mises.CramerVonMises().compare(Comparison(ReferenceColumn.fit("x", before), now))
    assert exact.statistic.number is not None
    assert lower * (1 - 1e-9) - 1e-9 <= exact.statistic.number <= upper * (1 + 1e-9) + 1e-9


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5, 5.0, 100.0])
def test_bounds_are_narrow_for_ordinary_columns(shift: float) -> None:
    rng = np.random.default_rng(3)
    before, now = rng.normal(size=50_000), rng.normal(shift, 1.0, 30_000)
    cells = cells_of(before)
    lower, upper = wasserstein_bounds(cells, counted(before, cells), counted(now, cells))
    exact = stats.wasserstein_distance(before, now)
    assert lower == pytest.approx(exact, rel=0.02)
    assert upper - lower < 0.03


@given(texts, texts, texts)
@settings(max_examples=200, deadline=None)
def test_profiles_of_labels_add_up(
    reference: list[str | None], first: list[str | None], second: list[str | None]
) -> None:
    cells = LabelCells(tuple(sorted({label for label in reference if label is not None})))
    parts = [profile(Categories.of(part), cells) for part in (first, second)]
    whole = profile(Categories.of(first + second), cells)
    assert merge(*parts) == merge(*reversed(parts)) == whole
    assert profile_from_record(unpacked(packed(whole.to_record()))) == whole
    assert whole.rows == len(first) + len(second)


@given(st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_many_unseen_labels_are_kept_alike_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = LabelCells(("known",))
    parts = [profile(Categories.of([f"id-{row}" for row in rng.integers(0, 4000, 900)]), cells) for _ in range(6)]
    forwards, backwards = reduce(merge, parts), reduce(merge, reversed(parts))
    assert forwards == backwards
    assert len(forwards.unseen) == 1000
    assert forwards.unseen_counts.sum() == forwards.unseen_rows == 5400
    assert len(forwards.unseen_counts) == pytest.approx(4000 * (1 - math.exp(-5400 / 4000)), rel=0.15)
