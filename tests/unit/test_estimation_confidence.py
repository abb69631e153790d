"""Confidence-based estimation, against closed forms and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.ranking import Ranking
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.estimation.confidence import Calibration, ConfidenceOutlook, expected_evaluation
from watchkeeper.monitor.estimation.isotonic import RisingCurve
from watchkeeper_plugins.metrics import accuracy, brier, f1, kappa, log_loss, mcc, roc_auc

CLASSES = ("no", "yes")
NO_METRICS = {}


def binary(rows, *, seed=0, scale=1.0, threshold=0.5):
    """Rows whose true probability is the score on the logit scale times `scale`."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0.0, 2.0, rows)
    scores = 1.0 / (1.0 + np.exp(-logit))
    truth = (rng.random(rows) < 1.0 / (1.0 + np.exp(-scale * logit))).astype(np.int64)
    return Evaluation("classification", truth, (scores >= threshold).astype(np.int64), scores, CLASSES)


def multiclass(rows, *, seed=0, sharpness=1.0):
    """Rows of three classes; with another sharpness than 1 the probabilities are too sure, or not sure enough."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 1.5, (rows, 3))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((rows, 1)) > np.cumsum(true, axis=1)).sum(axis=1)
    given = np.exp(sharpness * logits)
    given /= given.sum(axis=1, keepdims=True)
    return Evaluation("classification", truth, given.argmax(axis=1), given, ("a", "b", "c"))


def number(module, evaluation):
    options = getattr(module, "Options", None) or module.NoOptions
    return module.build(options()).compute(evaluation).number


@pytest.mark.parametrize(("rows", "grid"), [(1, 0), (7, 0), (400, 0), (400, 12), (5000, 0)])
def test_the_rising_curve_is_scikit_learns_isotonic_regression(rows, grid):
    rng = np.random.default_rng(rows + grid)
    scores = rng.random(rows)
    if grid:
        scores = np.round(scores * grid) / grid
    is_positive = rng.random(rows) < scores**2
    expected = IsotonicRegression(out_of_bounds="clip").fit(scores, is_positive)
    asked = np.concatenate([scores, rng.uniform(-0.5, 1.5, 200)])
    np.testing.assert_allclose(RisingCurve.of(scores, is_positive)(asked), expected.predict(asked), atol=1e-12)


def test_one_miss_above_many_hits_pools_them_all_without_a_pass_for_each():
    scores = np.arange(200_000.0)
    is_positive = scores >= 100_000.0
    is_positive[-1] = False
    curve = RisingCurve.of(scores, is_positive)
    np.testing.assert_allclose(curve(np.array([5.0, 150_000.0])), [0.0, 99_999 / 100_000])


def test_the_confusion_matrix_is_the_expected_one():
    rows = binary(500)
    chance = rows.scores
    counts = expected_evaluation(rows, np.column_stack([1.0 - chance, chance])).confusion
    said = rows.predicted == 1
    by_hand = [
        [(1.0 - chance[~said]).sum(), (1.0 - chance[said]).sum()],
        [chance[~said].sum(), chance[said].sum()],
    ]
    np.testing.assert_allclose(counts, by_hand, rtol=1e-12)


def test_metrics_of_counts_and_of_order_have_their_closed_forms():
    rows = binary(500)
    chance, said = rows.scores, rows.predicted == 1
    expected = expected_evaluation(rows, np.column_stack([1.0 - chance, chance]))
    right = np.where(said, chance, 1.0 - chance)
    assert number(accuracy, expected) == pytest.approx(right.mean(), rel=1e-12)
    hits = chance[said].sum()
    assert number(f1, expected) == pytest.approx(2.0 * hits / (said.sum() + chance.sum()), rel=1e-12)
    assert number(brier, expected) == pytest.approx((chance * (1.0 - chance)).mean(), rel=1e-12)
    entropy = -(chance * np.log(chance) + (1.0 - chance) * np.log(1.0 - chance))
    assert number(log_loss, expected) == pytest.approx(entropy.mean(), rel=1e-12)
    truth, twice = np.repeat([1, 0], 500), np.tile(chance, 2)
    area = roc_auc_score(truth, twice, sample_weight=np.concatenate([chance, 1.0 - chance]))
    assert number(roc_auc, expected) == pytest.approx(area, rel=1e-10)


def test_scores_that_are_calibrated_are_kept():
    outlook = ConfidenceOutlook.fit(binary(4000), NO_METRICS)
    assert outlook.calibration.curves is None


def test_scores_that_are_too_sure_are_calibrated_and_the_estimate_is_right():
    outlook = ConfidenceOutlook.fit(binary(20_000, scale=0.5), NO_METRICS)
    assert outlook.calibration.curves is not None
    later = binary(20_000, seed=1, scale=0.5)
    expected = outlook.of_answers(later.predicted, later.scores)
    for module in (accuracy, f1, roc_auc, log_loss, brier, mcc, kappa):
        assert number(module, expected) == pytest.approx(number(module, later), abs=0.02), module.__name__


def test_a_change_of_the_rows_is_seen():
    outlook = ConfidenceOutlook.fit(binary(20_000, scale=0.5), NO_METRICS)
    later = binary(40_000, seed=1, scale=0.5)
    hard = np.abs(later.scores - 0.5) < 0.3
    unsure = Evaluation("classification", later.truth[hard], later.predicted[hard], later.scores[hard], CLASSES)
    estimate = number(accuracy, outlook.of_answers(unsure.predicted, unsure.scores))
    assert estimate == pytest.approx(number(accuracy, unsure), abs=0.015)
    assert estimate < number(accuracy, outlook.realised) - 0.05


def test_scores_that_are_no_probabilities_can_be_read_too():
    rows = binary(5000)
    margins = np.log(rows.scores / (1.0 - rows.scores))
    outlook = ConfidenceOutlook.fit(Evaluation("classification", rows.truth, rows.predicted, margins, CLASSES), {})
    assert outlook.calibration.curves is not None
    assert number(accuracy, outlook.of_answers(rows.predicted, margins)) == pytest.approx(
        number(accuracy, rows), abs=0.01
    )


@pytest.mark.parametrize("sharpness", [1.0, 2.0], ids=["calibrated", "too sure"])
def test_several_classes_are_estimated_as_two_are(sharpness):
    outlook = ConfidenceOutlook.fit(multiclass(20_000, sharpness=sharpness), NO_METRICS)
    later = multiclass(20_000, seed=1, sharpness=sharpness)
    expected = outlook.of_answers(later.predicted, later.scores)
    assert expected.total_weight == pytest.approx(20_000)
    for module in (accuracy, f1, roc_auc, log_loss):
        assert number(module, expected) == pytest.approx(number(module, later), abs=0.02), module.__name__


def test_a_row_to_which_no_curve_gives_anything_gets_the_references_shares():
    truth = np.repeat([0, 1, 2], [10, 20, 30])
    scores = np.eye(3)[truth]
    reference = Evaluation("classification", truth, truth, scores, ("a", "b", "c"))
    nobody = Evaluation("classification", [0], [0], np.zeros((1, 3)), ("a", "b", "c"))
    np.testing.assert_allclose(Calibration.of(reference)(nobody), [[1 / 6, 2 / 6, 3 / 6]])


def test_rows_without_a_usable_prediction_are_left_out():
    outlook = ConfidenceOutlook.fit(binary(1000), NO_METRICS)
    expected = outlook.expected(np.array([0.1, np.nan, 0.9, np.inf]), Table({}))
    assert expected.total_weight == pytest.approx(2.0)


def test_predictions_of_another_kind_are_told():
    outlook = ConfidenceOutlook.fit(binary(1000), NO_METRICS)
    with pytest.raises(DataError, match=r"must be a probability from 0 to 1, found -0\.5 to 0\.9"):
        outlook.expected(np.array([-0.5, 0.9]), Table({}))
    with pytest.raises(DataError, match="must be numbers as in the reference, found text"):
        outlook.expected(Categories.of(["yes"]), Table({}))


def test_a_metric_of_a_path_is_refused():
    class Path:
        is_ordered = True

    outlook = ConfidenceOutlook.fit(binary(1000), {"path": Path(), "plain": accuracy.build(accuracy.NoOptions())})
    assert dict(outlook.refusals) == {"path": "it follows rows through time, and expected rows are no path"}


def test_the_decision_threshold_is_the_models():
    rows = binary(5000, threshold=0.8)
    outlook = ConfidenceOutlook.fit(rows, NO_METRICS, 0.8)
    expected = outlook.expected(rows.scores, Table({}))
    assert number(accuracy, expected) == pytest.approx(number(accuracy, rows), abs=0.02)


@pytest.mark.parametrize("ties", [False, True], ids=["distinct scores", "ties"])
def test_the_ranking_of_expected_rows_is_that_of_the_rows_themselves(ties):
    rng = np.random.default_rng(8)
    scores = rng.integers(0, 9, 200) / 8.0 if ties else rng.random(200)
    chance = rng.random(200)
    rows = Evaluation("classification", np.zeros(200, dtype=int), (scores > 0.5).astype(int), scores, ("no", "yes"))
    expected = expected_evaluation(rows, np.column_stack([1.0 - chance, chance]))
    (found,) = expected.rankings
    truth = np.repeat([0, 1], 200)
    plain = Ranking.of(np.tile(scores, 2), truth == 1, np.concatenate([1.0 - chance, chance]))
    for part in ("positives", "negatives", "positives_squared", "negatives_squared"):
        assert getattr(found, part) == pytest.approx(getattr(plain, part), abs=1e-12)
    assert found.first.tolist() == plain.first.tolist()
    assert np.array_equal(np.tile(scores, 2)[found.order], np.tile(scores, 2)[plain.order])
    assert sorted(found.order.tolist()) == list(range(400))
