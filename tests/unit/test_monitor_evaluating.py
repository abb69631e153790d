"""From stored columns to aligned truths and predictions."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.model import Task
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import PredictionForm, class_codes, evaluation_of, judging_of
from watchkeeper.monitor.records import Records


def records(prediction, outcome, known=None):
    rows = len(prediction)
    known = np.ones(rows, dtype=bool) if known is None else np.array(known)
    return Records(Window(0, 1, rows), prediction, outcome, known, Table({}))


def test_floats_within_zero_and_one_are_probabilities_of_the_second_class():
    judging = judging_of(Task.CLASSIFICATION, np.array([0.2, 0.9]), np.array([0, 1]), 0.5)
    assert judging.form is PredictionForm.PROBABILITY
    found = evaluation_of(records(np.array([0.4, 0.7, 0.6]), np.array([0.0, 1.0, 0.0])), judging)
    assert found.truth.tolist() == [0, 1, 0]
    assert found.predicted.tolist() == [0, 1, 1]
    assert found.scores.tolist() == [0.4, 0.7, 0.6]


def test_the_decision_threshold_moves_the_line():
    judging = judging_of(Task.CLASSIFICATION, np.array([0.2, 0.9]), np.array([0, 1]), 0.8)
    assert evaluation_of(records(np.array([0.7]), np.array([1.0])), judging).predicted.tolist() == [0]


def test_labels_may_be_text_and_new_ones_join_the_classes():
    judging = judging_of(Task.CLASSIFICATION, Categories.of(["up", "down"]), Categories.of(["up", "down"]), 0.5)
    found = evaluation_of(records(Categories.of(["up", "flat"]), Categories.of(["down", "up"])), judging)
    assert found.classes == ("down", "flat", "up")
    assert found.truth.tolist() == [0, 2]
    assert found.predicted.tolist() == [2, 1]


def test_whole_numbers_as_labels_are_in_the_order_of_numbers():
    judging = judging_of(Task.CLASSIFICATION, np.array([10, 9]), np.array([9.0, 10.0]), 0.5)
    assert judging.classes == ("9", "10")


def test_rows_without_outcome_or_with_a_broken_prediction_are_left_out():
    judging = judging_of(Task.REGRESSION, np.array([1.0]), None, 0.5)
    found = evaluation_of(
        records(np.array([1.0, np.nan, np.inf, 4.0]), np.array([1.0, 2.0, 3.0, 5.0]), [True, True, True, False]),
        judging,
    )
    assert found.truth.tolist() == [1.0]


def test_no_outcome_at_all_is_an_empty_evaluation():
    judging = judging_of(Task.REGRESSION, np.array([1.0]), None, 0.5)
    assert len(evaluation_of(Records(Window(0, 1), np.ones(3), None, np.zeros(3, dtype=bool), Table({})), judging)) == 0


def test_probabilities_of_three_classes_are_refused_with_what_to_do():
    with pytest.raises(DataError, match="two classes, found 3: 0, 1, 2; give the predicted label"):
        judging_of(Task.CLASSIFICATION, np.array([0.2, 0.9]), np.array([0, 1, 2]), 0.5)


def test_a_probability_outside_its_range_is_refused():
    judging = judging_of(Task.CLASSIFICATION, np.array([0.2, 0.9]), np.array([0, 1]), 0.5)
    with pytest.raises(DataError, match=r"a prediction must be a probability from 0 to 1, found 0\.5 to 3\.0"):
        evaluation_of(records(np.array([0.5, 3.0]), np.array([0.0, 1.0])), judging)


def test_an_outcome_of_no_known_class_is_refused():
    judging = judging_of(Task.CLASSIFICATION, np.array([0.2, 0.9]), np.array([0, 1]), 0.5)
    with pytest.raises(DataError, match="outcome '7' is none of the reference's classes 0, 1"):
        evaluation_of(records(np.array([0.5]), np.array([7.0])), judging)


def test_a_prediction_of_no_known_class_is_called_a_prediction():
    told = judging_of(
        Task.CLASSIFICATION, Categories.of(["a", "b"]), Categories.of(["a", "b"]), 0.5, {"a": "p_a", "b": "p_b"}
    )
    rows = attrs.evolve(
        records(Categories.of(["cat"]), Categories.of(["a"])),
        features=Table({"p_a": np.array([0.5]), "p_b": np.array([0.5])}),
    )
    with pytest.raises(DataError, match="prediction 'cat' is none of the reference's classes a, b"):
        evaluation_of(rows, told)


def test_text_where_numbers_belong_is_refused():
    judging = judging_of(Task.REGRESSION, np.array([1.0]), None, 0.5)
    with pytest.raises(DataError, match="the outcome must be a number"):
        evaluation_of(records(np.array([0.5]), Categories.of(["up"])), judging)


@pytest.mark.parametrize(
    ("column", "classes"),
    [
        ([0, 1, 1.0], ("0", "1")),
        ([0.5, 1, 1e300, -0.0], ("0", "0.5", "1", "1e+300")),
        ([1, 2], ("01", "1", "2", "high")),
        ([True, False], ("0", "1")),
        ([3, 1], ("0", "1")),
    ],
)
def test_numbers_are_the_same_classes_with_few_and_with_many(column, classes):
    """Few classes are compared one by one, many are looked up: neither way may tell another class."""
    many = (*classes, *(f"class {number}" for number in range(20)))
    told = []
    for known in (classes, many):
        try:
            told.append(class_codes(np.array(column), known).tolist())
        except DataError as error:
            told.append(str(error).partition(" is none")[0])
    assert told[0] == told[1]
