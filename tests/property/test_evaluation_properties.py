"""What holds of shared statistics and metrics whatever the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.ranking import Ranking
from watchkeeper_plugins.metrics import (
    accuracy,
    average_precision,
    brier,
    f1,
    kappa,
    log_loss,
    mae,
    mcc,
    r2,
    rank_ic,
    rmse,
    roc_auc,
)

FINITE = st.floats(0.0, 1e300, allow_subnormal=True)
LABELLED = st.lists(st.tuples(FINITE, st.booleans()), min_size=1, max_size=60)
CODES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=60)
PAIRS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 3)), min_size=3, max_size=40)


def of(module, **options):
    return module.build(module.Options(**options) if hasattr(module, "Options") else NoOptions())


def columns(rows):
    return [np.array(column) for column in zip(*rows, strict=True)]


@given(LABELLED)
def test_the_fast_ranking_is_the_slow_one(rows):
    scores, labels = columns(rows)
    fast = Ranking.of_counts(scores.astype(float), labels.astype(np.int64))
    slow = Ranking.of(scores.astype(float), labels)
    np.testing.assert_array_equal(fast.positives, slow.positives)
    np.testing.assert_array_equal(fast.negatives, slow.negatives)


@given(LABELLED, st.integers(1, 7))
def test_a_ranking_in_stretches_adds_up_to_the_whole(rows, length):
    scores, labels = columns(rows)
    ranking = Ranking.of(scores.astype(float), labels)
    parts = list(ranking.stretches(length))
    for name in ("positives_below", "negatives_below"):
        counts = getattr(ranking, name.removesuffix("_below"))
        found = np.concatenate([getattr(part, name) for part in parts])
        np.testing.assert_allclose(found, np.cumsum(counts) - counts / 2)


@given(LABELLED)
def test_roc_auc_is_the_mann_whitney_statistic(rows):
    scores, labels = columns(rows)
    value = of(roc_auc).compute(Evaluation("classification", labels, labels, scores.astype(float), ("no", "yes")))
    if labels.all() or not labels.any():
        assert value.number is None
        return
    statistic = stats.mannwhitneyu(scores[labels], scores[~labels], method="asymptotic").statistic
    assert value.number == pytest.approx(statistic / labels.sum() / (~labels).sum(), abs=1e-12)


@given(CODES)
def test_the_counts_of_two_windows_add_up_to_those_of_both(rows):
    truth, predicted, _ = columns(rows)
    whole = Evaluation("classification", truth, predicted, classes="abc").confusion
    middle = len(truth) // 2
    parts = [
        Evaluation("classification", truth[part], predicted[part], classes="abc").confusion
        for part in (slice(middle), slice(middle, None))
    ]
    np.testing.assert_array_equal(parts[0] + parts[1], whole)


@settings(deadline=None)
@given(CODES)
@pytest.mark.parametrize(
    "metric", [of(accuracy), of(f1, average="weighted"), of(mcc), of(kappa)], ids=["accuracy", "f1", "mcc", "kappa"]
)
def test_a_weight_counts_like_that_many_rows_of_classes(metric, rows):
    truth, predicted, weights = columns(rows)
    weighted = metric.compute(Evaluation("classification", truth, predicted, classes="abc", weights=weights))
    repeated = [np.repeat(column, weights) for column in (truth, predicted)]
    plain = metric.compute(Evaluation("classification", *repeated, classes="abc"))
    assert weighted.number == (None if plain.number is None else pytest.approx(plain.number, abs=1e-9))


@settings(deadline=None)
@given(LABELLED, st.randoms(use_true_random=False))
@pytest.mark.parametrize("module", [roc_auc, average_precision, brier, log_loss])
def test_a_weight_counts_like_that_many_rows_of_scores(module, rows, random):
    scores, labels = columns(rows)
    scores = scores / max(scores.max(), 1.0)
    weights = np.array([random.randint(0, 3) for _ in rows])
    names = ("no", "yes")
    weighted = of(module).compute(Evaluation("classification", labels, labels, scores, names, weights))
    repeated = [np.repeat(column, weights) for column in (labels, labels, scores)]
    plain = of(module).compute(Evaluation("classification", *repeated, names))
    assert weighted.number == (None if plain.number is None else pytest.approx(plain.number, abs=1e-9))


@settings(deadline=None)
@given(PAIRS)
@pytest.mark.parametrize("module", [mae, rmse, r2, rank_ic])
def test_a_weight_counts_like_that_many_rows_of_numbers(module, rows):
    truth, predicted, weights = columns(rows)
    weighted = of(module).compute(Evaluation("regression", truth, predicted, weights=weights))
    repeated = [np.repeat(column, weights) for column in (truth, predicted)]
    plain = of(module).compute(Evaluation("regression", *repeated))
    assert weighted.number == (None if plain.number is None else pytest.approx(plain.number, rel=1e-9, abs=1e-9))


@given(PAIRS, st.floats(0.01, 100.0))
def test_errors_scale_with_the_unit_and_r2_does_not(rows, unit):
    truth, predicted, _ = (column.astype(float) for column in columns(rows))
    plain = Evaluation("regression", truth, predicted)
    other = Evaluation("regression", truth * unit, predicted * unit)
    for module, factor in ((mae, unit), (rmse, unit), (r2, 1.0)):
        before, after = of(module).compute(plain).number, of(module).compute(other).number
        assert after == (None if before is None else pytest.approx(before * factor, rel=1e-9, abs=1e-9))


@given(PAIRS)
def test_rank_ic_is_the_same_after_any_growing_change_of_the_signal(rows):
    truth, predicted, _ = columns(rows)
    before = of(rank_ic).compute(Evaluation("score", truth, predicted)).number
    after = of(rank_ic).compute(Evaluation("score", truth, np.exp(predicted / 3.0))).number
    assert after == (None if before is None else pytest.approx(before, abs=1e-12))
