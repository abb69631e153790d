"""An evaluation refuses what does not fit together, in words, and computes each shared statistic once."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.ranking import Ranking

NAMES = ("no", "yes")
REFUSED = {
    "lengths": (
        {"truth": [0, 1], "predicted": [0]},
        r"predicted must be one column of 2 rows like truth, found \(1,\)",
    ),
    "a table as truth": (
        {"truth": [[0], [1]], "predicted": [0, 1]},
        r"truth must be one column of rows, found shape \(2, 1\)",
    ),
    "a single number": ({"truth": 1, "predicted": 1}, r"truth must be one column of rows, found shape \(\)"),
    "unknown code": ({"truth": [0, 2], "predicted": [0, 1]}, "truth holds code 2, expected 0 to 1 for 2 classes"),
    "code below 0": ({"truth": [0, 1], "predicted": [0, -1]}, "predicted holds code -1, expected 0 to 1 for 2 classes"),
    "floats as codes": ({"truth": [0.0, 1.0], "predicted": [0, 1]}, "truth of a classification must be integer codes"),
    "text as codes": ({"truth": ["a", "b"], "predicted": [0, 1]}, "truth of a classification must be integer codes"),
    "NaN in scores": (
        {"truth": [0, 1], "predicted": [0, 1], "scores": [0.1, float("nan")]},
        "scores holds 1 numbers that are missing or infinite; count such rows and leave them out",
    ),
    "shape of scores": (
        {"truth": [0, 1], "predicted": [0, 1], "scores": [[0.1, 0.2, 0.7]] * 2},
        r"scores of 2 rows and 2 classes must have shape \(2,\) or \(2, 2\), found \(2, 3\)",
    ),
    "one column for three": (
        {"truth": [0, 1], "predicted": [0, 2], "scores": [0.1, 0.2], "classes": ("a", "b", "c")},
        r"must have shape \(2, 3\), found \(2,\)",
    ),
    "weights below 0": (
        {"truth": [0, 1], "predicted": [0, 1], "weights": [1.0, -0.5]},
        "weights must be at least 0, found -0.5; 0 leaves a row out",
    ),
    "length of weights": (
        {"truth": [0, 1], "predicted": [0, 1], "weights": [1.0]},
        "weights must be one column of 2 rows",
    ),
}


def sample():
    rng = np.random.default_rng(4)
    truth, scores = rng.integers(0, 2, 50), rng.random(50)
    return Evaluation("classification", truth, scores > 0.5, scores, NAMES)


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_fit_together_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        Evaluation("classification", **{"classes": NAMES, **given})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, np.inf], "truth holds 1 numbers that are missing or infinite"),
        (["1", "2"], "truth must be numbers, found <U1; convert the column"),
        ([1j, 2j], "truth must be numbers, found complex128"),
        ([None, 1.0], "truth must be numbers, found object"),
    ],
)
def test_numbers_that_are_none_are_refused(values, message):
    with pytest.raises(DataError, match=message):
        Evaluation("regression", values, [1.0, 2.0])


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint16, np.int64, np.float32, np.float64])
def test_any_kind_of_number_is_taken_as_float64(kind):
    rows = Evaluation("score", np.array([0, 1], dtype=kind), np.array([1, 1], dtype=kind))
    assert rows.truth.dtype == rows.predicted.dtype == np.float64
    assert rows.residuals.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint8, np.int32])
def test_any_kind_of_whole_number_is_taken_as_a_code(kind):
    rows = Evaluation("classification", np.array([0, 1], dtype=kind), np.array([1, 1], dtype=kind), classes=NAMES)
    assert rows.truth.dtype == np.int64
    assert rows.confusion.tolist() == [[0, 1], [0, 1]]


def test_the_task_may_be_given_as_text():
    assert Evaluation("score", [1.0], [1.0]).task is Task.SCORE


def test_a_statistic_is_computed_once():
    rows = sample()
    assert rows.confusion is rows.confusion
    assert rows.rankings is rows.rankings
    assert rows.confusion_squared is rows.confusion


def test_a_shared_statistic_cannot_be_written_into():
    rows, numbers = sample(), Evaluation("regression", [1.0], [2.0])
    for statistic in (rows.confusion, rows.truth_probabilities, numbers.residuals):
        with pytest.raises(ValueError, match="read-only"):
            statistic[...] = 0


def test_the_arrays_of_the_caller_stay_as_they_are():
    truth, scores = np.array([0, 1]), np.array([0.2, 0.7])
    rows = Evaluation("classification", truth, truth, scores, NAMES)
    assert rows.truth_probabilities.tolist() == [0.8, 0.7]
    assert scores.tolist() == [0.2, 0.7]
    assert truth.flags.writeable
    assert scores.flags.writeable


@pytest.mark.parametrize("rows", [3, 16_384, 40_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_confusion_equals_scikit_learn_over_many_stretches(rows, weighted):
    rng = np.random.default_rng(rows)
    truth, predicted = rng.integers(0, 4, rows), rng.integers(0, 4, rows)
    weights = rng.random(rows) if weighted else None
    found = Evaluation("classification", truth, predicted, classes="abcd", weights=weights)
    expected = confusion_matrix(truth, predicted, labels=range(4), sample_weight=weights)
    np.testing.assert_allclose(found.confusion, expected, rtol=1e-12)


def test_effective_rows_of_unequal_weights_are_fewer():
    rows = Evaluation("score", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], weights=[1.0, 1.0, 0.0])
    assert rows.effective_rows == pytest.approx(2.0)
    assert Evaluation("score", [1.0, 2.0], [1.0, 2.0]).effective_rows == 2.0
    assert Evaluation("score", [1.0], [1.0], weights=[0.0]).effective_rows == 0.0


@pytest.mark.parametrize("statistic", ["confusion", "rankings", "truth_probabilities"])
def test_statistics_of_classes_refuse_numbers(statistic):
    with pytest.raises(DataError, match="need classes, and a regression has numbers"):
        getattr(Evaluation("regression", [1.0], [1.0], scores=[1.0]), statistic)


def test_residuals_refuse_classes():
    with pytest.raises(DataError, match="residuals need numbers, and a classification has classes"):
        _ = sample().residuals


@pytest.mark.parametrize("statistic", ["rankings", "truth_probabilities"])
def test_statistics_of_scores_refuse_a_model_without(statistic):
    with pytest.raises(DataError, match="need scores, found none"):
        getattr(Evaluation("classification", [0], [0], classes=NAMES), statistic)


def test_two_columns_of_scores_mean_the_same_as_one():
    one = sample()
    both = Evaluation("classification", one.truth, one.predicted, np.c_[1 - one.scores, one.scores], NAMES)
    assert both.truth_probabilities == pytest.approx(one.truth_probabilities)
    assert both.rankings[0].positives.tolist() == one.rankings[0].positives.tolist()


def test_probabilities_of_float32_models_are_taken():
    table = np.random.default_rng(2).dirichlet(np.ones(100), 50).astype(np.float32)
    rows = Evaluation("classification", table.argmax(axis=1), table.argmax(axis=1), table, map(str, range(100)))
    assert rows.score_problem is None


def test_a_ranking_without_places_cannot_be_told_by_row():
    ranking = Ranking.of_counts(np.array([0.1, 0.2]), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"sorted without the rows' places: make it with Ranking\.of"):
        ranking.by_row(ranking.positives)
