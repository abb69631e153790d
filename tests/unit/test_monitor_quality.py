"""Quality shares: what is missing, infinite, out of range, never seen before."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.value import Value
from watchkeeper.monitor.quality import duplicate_share, most_outside, most_unseen, overall_score, quality_of


def test_shares_are_counted_over_the_right_rows():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0, 3.0, 4.0]))
    column = np.array([np.nan, np.inf, 0.5, 2.0, 9.0])
    found = quality_of(column, reference)
    assert found["missing_share"].number == pytest.approx(1 / 5)
    assert found["infinite_share"].number == pytest.approx(1 / 5)
    assert found["out_of_range_share"].number == pytest.approx(2 / 3)


def test_unseen_categories_are_a_share_of_those_present():
    reference = ReferenceColumn.fit("venue", Categories.of(["X", "Y", "X"]))
    found = quality_of(Categories.of(["X", None, "Z", "Z"]), reference)
    assert found["unseen_share"].number == pytest.approx(2 / 3)
    assert found["missing_share"].number == pytest.approx(1 / 4)


def test_an_empty_column_has_undefined_shares_and_no_zeros():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0]))
    found = quality_of(np.empty(0), reference)
    assert all(value.number is None for value in found.values())
    assert found["missing_share"].reason == "there are no values to take a share of"


def test_a_reference_without_numbers_has_no_range():
    reference = ReferenceColumn.fit("vol", np.array([np.nan, np.nan]))
    found = quality_of(np.array([1.0, 2.0]), reference)
    assert "no range" in (found["out_of_range_share"].reason or "")


def test_the_callers_array_is_not_written_to():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0]))
    column = np.array([1.0, np.nan])
    column.flags.writeable = False
    quality_of(column, reference)


def test_a_column_that_stopped_varying_is_told_and_scores_nothing():
    reference = ReferenceColumn.fit("vol", np.arange(100.0))
    found = quality_of(np.full(50, 7.0), reference)
    assert found["constant"].number == 1.0
    assert found["quality_score"].number == 0.0
    assert quality_of(np.arange(50.0), reference)["constant"].number == 0.0


def test_a_column_that_never_varied_may_stay_constant():
    assert quality_of(np.ones(50), ReferenceColumn.fit("vol", np.ones(100)))["quality_score"].number == 100.0


def test_the_score_is_what_is_left_of_a_hundred():
    reference = ReferenceColumn.fit("vol", np.arange(100.0))
    column = np.concatenate([np.arange(6.0), [np.nan, np.nan, np.inf, 200.0]])
    assert quality_of(column, reference)["quality_score"].number == pytest.approx(100 * 0.8 * 0.9 * (1 - 0.1 / 7))


def test_what_was_missing_in_the_reference_too_costs_nothing():
    reference = ReferenceColumn.fit("vol", np.array([1.0, 2.0, np.nan, np.nan] * 10))
    assert quality_of(np.array([1.0, 2.0, np.nan, np.nan] * 5), reference)["quality_score"].number == 100.0


def test_repeated_rows_are_counted_with_missing_values_equal():
    table = Table(
        {"vol": np.array([1.0, 1.0, np.nan, np.nan, 2.0]), "venue": Categories.of(["X", "X", None, None, "X"])}
    )
    assert duplicate_share(table).number == pytest.approx(2 / 5)
    assert duplicate_share(Table({})).reason == "there are no rows to compare"


def test_the_overall_score_is_the_mean_of_those_that_are_defined():
    assert overall_score([Value.of(100.0), Value.of(50.0), Value.undefined("no")]).number == 75.0
    assert overall_score([]).reason == "no feature has a quality score"


def test_a_flag_that_is_rare_in_the_reference_may_be_absent_from_a_window():
    rng = np.random.default_rng(4)
    for column in ((rng.random(50_000) < 0.005).astype(float), (rng.random(50_000) < 0.005) * rng.random(50_000)):
        reference = ReferenceColumn.fit("flag", column)
        assert quality_of(np.zeros(500), reference)["constant"].number == 0.0
        assert quality_of(np.zeros(5000), reference)["constant"].number == 1.0
    venue = ReferenceColumn.fit("venue", Categories.of(["A"] * 995 + ["B"] * 5))
    assert quality_of(Categories.of(["A"] * 500), venue)["constant"].number == 0.0
    assert quality_of(Categories.of(["A"] * 5000), venue)["constant"].number == 1.0


def test_as_many_unseen_labels_are_allowed_as_the_reference_lets_expect():
    share = 1.0 / np.arange(1, 2001) ** 1.1
    rng = np.random.default_rng(4)
    codes = rng.choice(2000, 24_000 + 300 * 100, p=share / share.sum())
    reference = ReferenceColumn.fit("ticker", Categories.of(map(str, codes[:24_000])))
    known = set(codes[:24_000].tolist())
    unseen = np.array([code not in known for code in codes[24_000:].tolist()]).reshape(300, 100).mean(axis=1)
    assert (unseen > 0.01).sum() > 0  # what the fixed limit told of
    assert not (unseen > most_unseen(reference, 100, 1e-4)).any()
    assert most_unseen(reference, 100, 1e-4) < 0.2


@pytest.mark.parametrize("rows", [50, 500, 5000])
def test_the_allowance_of_unseen_labels_is_a_bound_on_chance(rows):
    reference = ReferenceColumn.fit("venue", Categories.of(["A"] * 990 + [f"v{at}" for at in range(10)]))
    limit = most_unseen(reference, rows, 0.01)
    drawn = np.random.default_rng(4).binomial(rows, 0.01, 10_000) / rows
    assert (drawn > limit).mean() <= 0.01
    assert limit < 0.15


@pytest.mark.parametrize(("known", "rows"), [(5, 8), (12, 12), (30, 40), (400, 100)])
def test_the_allowance_of_values_out_of_range_is_a_bound_on_chance(known, rows):
    """Rows of the reference and of the window are drawn alike, however they are distributed."""
    rng = np.random.default_rng(6)
    limit = most_outside(ReferenceColumn.fit("x", np.arange(float(known))), rows, 0.02)
    drawn = rng.random((20_000, known + rows))
    low, high = drawn[:, :known].min(axis=1), drawn[:, :known].max(axis=1)
    outside = (drawn[:, known:] < low[:, None]) | (drawn[:, known:] > high[:, None])
    assert (outside.mean(axis=1) > limit).mean() <= 0.02
    assert (limit > 0.5) == (known < 30)


def test_without_a_range_nothing_is_outside_of_it():
    assert most_outside(ReferenceColumn.fit("x", np.array([1.0])), 10) == 1.0
    assert most_outside(ReferenceColumn.fit("name", Categories.of(["a", "b"])), 10) == 1.0


def test_labels_that_nothing_is_known_of_have_no_limit():
    assert most_unseen(ReferenceColumn.fit("vol", np.arange(9.0)), 10) == 1.0
    assert most_unseen(ReferenceColumn.fit("name", Categories.of(["a", "b"])), 10) == 1.0
