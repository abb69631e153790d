"""The built-in metrics give scikit-learn's numbers to 1e-12."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn import datasets
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper_plugins.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    brier,
    calibration_error,
    f1,
    kappa,
    log_loss,
    mae,
    mcc,
    precision,
    recall,
    rmse,
    roc_auc,
    specificity,
)

EXACT = 1e-12
AVERAGES = ("macro", "micro", "weighted")
SHARES = {"precision": (precision, sk.precision_score), "recall": (recall, sk.recall_score), "f1": (f1, sk.f1_score)}


def random_binary(rows, weighted, *, ties=False):
    rng = np.random.default_rng(rows)
    scores = np.round(rng.random(rows), 2) if ties else rng.random(rows)
    truth = (rng.random(rows) < 0.2 + 0.6 * scores).astype(np.int64)
    weights = rng.random(rows) * 3 if weighted else None
    return Evaluation("classification", truth, scores > 0.6, scores, ("no", "yes"), weights)


def breast_cancer(weighted):
    features, truth = datasets.load_breast_cancer(return_X_y=True)
    features = features / features.std(axis=0)
    model = LogisticRegression(C=0.01).fit(features[::3], truth[::3])
    weights = np.linspace(0.1, 2.0, len(truth)) if weighted else None
    scores = model.predict_proba(features)[:, 1]
    return Evaluation("classification", truth, model.predict(features), scores, ("malignant", "benign"), weights)


def digits(weighted):
    features, truth = datasets.load_digits(return_X_y=True)
    model = GaussianNB(var_smoothing=0.01).fit(features[::4], truth[::4])
    weights = np.linspace(0.1, 2.0, len(truth)) if weighted else None
    names = tuple("0123456789")
    return Evaluation("classification", truth, model.predict(features), model.predict_proba(features), names, weights)


def diabetes(weighted):
    features, truth = datasets.load_diabetes(return_X_y=True)
    model = Ridge(alpha=0.1).fit(features[::2], truth[::2])
    weights = np.linspace(0.1, 2.0, len(truth)) if weighted else None
    return Evaluation("regression", truth, model.predict(features), weights=weights)


BINARY = {
    "random": lambda weighted: random_binary(997, weighted),
    "ties": lambda weighted: random_binary(640, weighted, ties=True),
    "breast cancer": breast_cancer,
}
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
binary = pytest.mark.parametrize("data", BINARY.values(), ids=BINARY.keys())


def close(value, expected):
    assert value.number == pytest.approx(expected, abs=EXACT, rel=EXACT), value.reason


@weighted
@binary
@pytest.mark.parametrize("name", SHARES)
def test_precision_recall_and_f1_of_two_classes_equal_scikit_learn(name, data, weighted):
    rows = data(weighted)
    ours, theirs = SHARES[name]
    expected = theirs(rows.truth, rows.predicted, sample_weight=rows.weights)
    close(ours.build(ours.Options(average="binary")).compute(rows), expected)
    close(ours.build(ours.Options()).compute(rows), expected)


@weighted
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("data", [digits, BINARY["random"]], ids=["digits", "two classes"])
@pytest.mark.parametrize("name", SHARES)
def test_averages_over_classes_equal_scikit_learn(name, data, average, weighted):
    rows = data(weighted)
    ours, theirs = SHARES[name]
    expected = theirs(rows.truth, rows.predicted, sample_weight=rows.weights, average=average)
    close(ours.build(ours.Options(average=average)).compute(rows), expected)


@weighted
@pytest.mark.parametrize("data", [*BINARY.values(), digits], ids=[*BINARY.keys(), "digits"])
def test_accuracy_log_loss_and_brier_equal_scikit_learn(data, weighted):
    rows = data(weighted)
    close(
        accuracy.build(NoOptions()).compute(rows),
        sk.accuracy_score(rows.truth, rows.predicted, sample_weight=rows.weights),
    )
    close(log_loss.build(NoOptions()).compute(rows), sk.log_loss(rows.truth, rows.scores, sample_weight=rows.weights))
    close(
        brier.build(NoOptions()).compute(rows),
        sk.brier_score_loss(rows.truth, rows.scores, sample_weight=rows.weights),
    )


@weighted
@binary
def test_roc_auc_of_two_classes_equals_scikit_learn(data, weighted):
    rows = data(weighted)
    expected = sk.roc_auc_score(rows.truth, rows.scores, sample_weight=rows.weights)
    close(roc_auc.build(NoOptions()).compute(rows), expected)


@weighted
def test_roc_auc_of_many_classes_equals_scikit_learn_one_against_the_rest(weighted):
    rows = digits(weighted)
    expected = sk.roc_auc_score(rows.truth, rows.scores, sample_weight=rows.weights, multi_class="ovr")
    close(roc_auc.build(NoOptions()).compute(rows), expected)


def test_roc_auc_of_scores_below_zero_equals_scikit_learn():
    rows = random_binary(500, weighted=False)
    shifted = Evaluation("classification", rows.truth, rows.predicted, rows.scores - 0.5, rows.classes)
    close(roc_auc.build(NoOptions()).compute(shifted), sk.roc_auc_score(rows.truth, rows.scores))


def test_minus_zero_and_zero_are_the_same_score():
    rows = Evaluation("classification", [0, 1, 0, 1], [0, 0, 0, 0], [0.0, -0.0, -0.0, 0.0], ("no", "yes"))
    close(roc_auc.build(NoOptions()).compute(rows), 0.5)


@weighted
@pytest.mark.parametrize("data", [*BINARY.values(), digits], ids=[*BINARY.keys(), "digits"])
def test_balanced_accuracy_mcc_and_kappa_equal_scikit_learn(data, weighted):
    rows = data(weighted)
    for ours, theirs in (
        (balanced_accuracy, sk.balanced_accuracy_score),
        (mcc, sk.matthews_corrcoef),
        (kappa, sk.cohen_kappa_score),
    ):
        expected = theirs(rows.truth, rows.predicted, sample_weight=rows.weights)
        close(ours.build(NoOptions()).compute(rows), expected)


@weighted
@binary
def test_specificity_equals_the_recall_of_the_first_class(data, weighted):
    rows = data(weighted)
    expected = sk.recall_score(rows.truth, rows.predicted, pos_label=0, sample_weight=rows.weights)
    close(specificity.build(specificity.Options()).compute(rows), expected)


@weighted
@pytest.mark.parametrize("average", AVERAGES)
def test_specificity_of_many_classes_equals_scikit_learn_s_multilabel_table(average, weighted):
    rows = digits(weighted)
    tables = sk.multilabel_confusion_matrix(rows.truth, rows.predicted, sample_weight=rows.weights)
    right, false = tables[:, 0, 0], tables[:, 0, 1]
    support = tables[:, 1].sum(axis=1)
    expected = {
        "macro": (right / (right + false)).mean(),
        "micro": right.sum() / (right + false).sum(),
        "weighted": np.average(right / (right + false), weights=support),
    }[average]
    close(specificity.build(specificity.Options(average=average)).compute(rows), expected)


@weighted
@pytest.mark.parametrize("data", [*BINARY.values(), digits], ids=[*BINARY.keys(), "digits"])
def test_average_precision_equals_scikit_learn(data, weighted):
    rows = data(weighted)
    truth = rows.truth if rows.is_binary else np.eye(10)[rows.truth]
    expected = sk.average_precision_score(truth, rows.scores, sample_weight=rows.weights)
    close(average_precision.build(NoOptions()).compute(rows), expected)


@binary
def test_calibration_error_equals_the_bins_of_scikit_learn(data):
    rows = data(weighted=False)
    true, said = calibration_curve(rows.truth, rows.scores, n_bins=10)
    counts = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], rows.scores), minlength=10)
    expected = np.abs(true - said) @ counts[counts > 0] / len(rows)
    close(calibration_error.build(calibration_error.Options()).compute(rows), expected)


@weighted
def test_mae_and_rmse_equal_scikit_learn(weighted):
    rows = diabetes(weighted)
    close(
        mae.build(NoOptions()).compute(rows),
        sk.mean_absolute_error(rows.truth, rows.predicted, sample_weight=rows.weights),
    )
    close(
        rmse.build(NoOptions()).compute(rows),
        sk.root_mean_squared_error(rows.truth, rows.predicted, sample_weight=rows.weights),
    )


def test_f1_with_a_class_that_was_never_predicted_counts_zero_as_in_scikit_learn():
    rows = Evaluation("classification", [0, 0, 1, 2], [0, 0, 1, 1], classes=("a", "b", "c"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sk.f1_score(rows.truth, rows.predicted, average="macro")
    close(f1.build(f1.Options(average="macro")).compute(rows), expected)


def test_rmse_of_huge_and_tiny_residuals_keeps_its_digits():
    for size in (1e200, 1e-200):
        rows = Evaluation("regression", [0.0, 0.0], [3 * size, 4 * size])
        assert rmse.build(NoOptions()).compute(rows).number == pytest.approx(size * 12.5**0.5, rel=EXACT)
