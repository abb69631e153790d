"""The checks that every metric must pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value

_ROWS = 60
_CLOSE = 1e-9


def sample_evaluation(task: Task, rows: int = _ROWS, *, classes: int = 2, seed: int = 0) -> Evaluation:
    """An ordinary window for testing metrics: a model that is right more often than not, numbers above 0."""
    rng = np.random.default_rng(seed)
    if task is not Task.CLASSIFICATION:
        truth = rng.lognormal(0.0, 0.5, rows)
        return Evaluation(task, truth, truth * rng.lognormal(0.0, 0.3, rows))
    codes = np.arange(rows) % classes
    table = rng.dirichlet(np.ones(classes), rows) + np.eye(classes)[codes]
    table /= table.sum(axis=1, keepdims=True)
    names = tuple("abcdefghij"[:classes])
    return Evaluation(task, codes, table.argmax(axis=1), table[:, 1] if classes == 2 else table, names)


class MetricContract:
    """Subclass it in your tests and give a fixture ``subject``: the metric, as `build` returns it."""

    def test_it_names_its_tasks_and_its_good_direction(self, subject: Metric) -> None:
        assert isinstance(subject, Metric), f"a metric has tasks, higher_is_better and compute(), found {subject!r}"
        assert isinstance(subject.tasks, frozenset), f"tasks is a frozenset, found {type(subject.tasks).__name__}"
        assert subject.tasks, "tasks names at least one task, found none"
        assert subject.tasks <= set(Task), f"tasks holds members of Task, found {set(subject.tasks) - set(Task)}"
        assert isinstance(subject.higher_is_better, bool), f"higher_is_better is a bool: {subject.higher_is_better!r}"

    def test_an_ordinary_window_gives_a_number(self, subject: Metric) -> None:
        found = [_computed(subject, evaluation) for evaluation in _ordinary(subject)]
        reasons = "; ".join(value.reason or "" for value in found)
        assert any(value.is_defined for value in found), f"no ordinary window gave a number: {reasons}"

    def test_the_cells_of_a_table_are_values_with_labels(self, subject: Metric) -> None:
        cells = getattr(subject, "cells", None)
        if cells is None:
            return
        for evaluation in _ordinary(subject):
            for labels, value in cells(evaluation):
                assert isinstance(value, Value), f"each cell is a Value, found {type(value).__name__}"
                told = [type(text).__name__ for pair in labels.items() for text in pair]
                assert set(told) == {"str"}, f"the labels of a cell are texts by name, found {labels!r}"

    def test_the_numbers_beside_its_own_are_finite_and_have_names(self, subject: Metric) -> None:
        details = getattr(subject, "details", None)
        if details is None:
            return
        for evaluation in _ordinary(subject):
            for key, number in details(evaluation).items():
                assert isinstance(key, str), f"details are numbers by name, found the name {key!r}"
                assert math.isfinite(number), f"details are finite numbers, found {number} as {key}"

    def test_why_it_cannot_be_estimated_is_in_words(self, subject: Metric) -> None:
        refusal = getattr(subject, "estimate_refusal", "no reason to refuse")
        assert isinstance(refusal, str), f"estimate_refusal is a reason in words, found {refusal!r}"
        assert refusal, "estimate_refusal is a reason in words, found none: leave it out where there is no reason"

    def test_a_task_it_is_not_made_for_is_undefined(self, subject: Metric) -> None:
        for task in set(Task) - subject.tasks:
            value = _computed(subject, sample_evaluation(task))
            assert not value.is_defined, f"{task} is not in tasks, yet compute gave {value.number}"

    def test_an_empty_window_is_undefined(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            value = _computed(subject, _rows(evaluation, slice(0)))
            assert not value.is_defined, f"an empty window is undefined, found {value.number}"

    def test_a_window_without_weight_is_undefined(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            value = _computed(subject, attrs.evolve(evaluation, weights=np.zeros(len(evaluation))))
            assert not value.is_defined, f"rows that all weigh 0 are as none, found {value.number}"

    def test_one_row_gives_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            for row in range(3):
                _computed(subject, _rows(evaluation, slice(row, row + 1)))

    def test_one_class_gives_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            if evaluation.task is Task.CLASSIFICATION:
                for code in range(len(evaluation.classes)):
                    _computed(subject, _rows(evaluation, evaluation.truth == code))
                    _computed(subject, _rows(evaluation, evaluation.predicted == code))

    def test_rows_that_are_all_equal_give_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            _computed(subject, _rows(evaluation, np.zeros(_ROWS, dtype=np.intp)))

    def test_numbers_that_are_all_zero_give_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            if evaluation.task is not Task.CLASSIFICATION:
                zero = np.zeros(_ROWS)
                for truth, predicted in ((zero, zero), (evaluation.truth, zero), (zero, evaluation.predicted)):
                    _computed(subject, Evaluation(evaluation.task, truth, predicted))

    def test_huge_and_tiny_numbers_give_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            for size in (1e300, 1e-300, -1e300):
                if evaluation.task is Task.CLASSIFICATION:
                    scores = None if evaluation.scores is None else evaluation.scores * size
                    _computed(subject, attrs.evolve(evaluation, scores=scores))
                else:
                    _computed(
                        subject, Evaluation(evaluation.task, evaluation.truth * size, evaluation.predicted * size)
                    )

    def test_numbers_of_any_type_are_the_same_numbers(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            plain = _whole(evaluation)
            expected = _computed(subject, plain)
            for dtype in (np.float32, np.int64, np.int32, np.int8):
                found = _computed(subject, _as_type(plain, np.dtype(dtype)))
                _assert_close(found, expected, f"the same rows as {np.dtype(dtype)} give the same value")

    def test_truths_and_predictions_of_yes_and_no_give_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            yes = evaluation.truth > np.median(evaluation.truth)
            guess = evaluation.predicted > np.median(evaluation.predicted)
            scores = evaluation.scores if evaluation.is_binary else None
            classes = ("no", "yes") if evaluation.task is Task.CLASSIFICATION else ()
            _computed(subject, Evaluation(evaluation.task, yes, guess, scores, classes))

    def test_a_class_that_no_row_has_gives_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            if evaluation.task is Task.CLASSIFICATION:
                scores = evaluation.scores
                if scores is not None:
                    table = np.stack([1.0 - scores, scores], axis=1) if scores.ndim == 1 else scores
                    scores = np.concatenate([table, np.zeros((len(evaluation), 1))], axis=1)
                _computed(subject, attrs.evolve(evaluation, scores=scores, classes=(*evaluation.classes, "never")))

    def test_weights_far_apart_give_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            weights = np.where(np.arange(len(evaluation)) % 2, 1e-200, 1e200)
            _computed(subject, attrs.evolve(evaluation, weights=weights))

    def test_a_model_without_scores_gives_a_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            _computed(subject, attrs.evolve(evaluation, scores=None))

    def test_equal_weights_change_nothing(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            plain = _computed(subject, evaluation)
            weighted = _computed(subject, attrs.evolve(evaluation, weights=np.full(len(evaluation), 2.5)))
            if weighted.is_defined:
                _assert_close(weighted, plain, "weights that are all 2.5 change nothing")

    def test_a_weight_of_zero_leaves_a_row_out(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            kept = np.arange(len(evaluation)) % 4 != 0
            weights = np.where(kept, 1.0, 0.0)
            weighted = _computed(subject, attrs.evolve(evaluation, weights=weights))
            if weighted.is_defined:
                _assert_close(weighted, _computed(subject, _rows(evaluation, kept)), "a weight of 0 leaves a row out")

    def test_the_same_window_gives_the_same_value(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            first, again = _computed(subject, evaluation), _computed(subject, evaluation)
            fresh = _computed(subject, attrs.evolve(evaluation))
            assert first == again == fresh, f"the same rows gave {first}, {again} and {fresh}"

    def test_the_order_of_rows_does_not_matter_unless_it_says_so(self, subject: Metric) -> None:
        if getattr(subject, "is_ordered", False):
            return
        order = np.random.default_rng(1).permutation(_ROWS)
        for evaluation in _ordinary(subject):
            plain, mixed = _computed(subject, evaluation), _computed(subject, _rows(evaluation, order))
            _assert_close(mixed, plain, "rows in another order give the same value (or set is_ordered = True)")

    def test_it_does_not_write_into_the_arrays(self, subject: Metric) -> None:
        for evaluation in _ordinary(subject):
            given = (evaluation.truth, evaluation.predicted, evaluation.scores)
            arrays = [array for array in given if array is not None]
            copies = [array.copy() for array in arrays]
            _computed(subject, evaluation)
            for array in arrays:
                array.flags.writeable = False
            _computed(subject, attrs.evolve(evaluation))
            for array, copy in zip(arrays, copies, strict=True):
                assert np.array_equal(array, copy), "compute wrote into the evaluation's arrays"


def _ordinary(subject: Metric) -> Iterator[Evaluation]:
    """Fresh ordinary windows of each task that the metric is made for; two, three and five classes."""
    for task in sorted(subject.tasks):
        if task is not Task.CLASSIFICATION:
            yield sample_evaluation(task)
            continue
        for classes in (2, 3, 5):
            yield sample_evaluation(task, classes=classes)


def _whole(evaluation: Evaluation) -> Evaluation:
    """The window in whole numbers from 1 to 100, which every type holds."""
    if evaluation.task is Task.CLASSIFICATION:
        return evaluation
    truth, predicted = (np.clip(np.round(column * 20), 1, 100) for column in (evaluation.truth, evaluation.predicted))
    return Evaluation(evaluation.task, truth, predicted)


def _as_type(evaluation: Evaluation, dtype: np.dtype[Any]) -> Evaluation:
    """Truths and predictions of that type; codes have whole ones."""
    if evaluation.task is Task.CLASSIFICATION and dtype.kind == "f":
        return evaluation
    columns = evaluation.truth.astype(dtype), evaluation.predicted.astype(dtype)
    return Evaluation(evaluation.task, *columns, evaluation.scores, evaluation.classes)


def _rows(evaluation: Evaluation, which: slice | NDArray[Any]) -> Evaluation:
    """Only these rows, or these rows in this order."""
    return Evaluation(
        evaluation.task,
        evaluation.truth[which],
        evaluation.predicted[which],
        None if evaluation.scores is None else evaluation.scores[which],
        evaluation.classes,
        None if evaluation.weights is None else evaluation.weights[which],
    )


def _computed(subject: Metric, evaluation: Evaluation) -> Value:
    """The value, checked for what holds of every value."""
    value = subject.compute(evaluation)
    assert isinstance(value, Value), f"compute() returns a Value, found {type(value).__name__}"
    if value.number is None:
        assert value.reason, "an undefined value says why, found no reason"
        return value
    assert isinstance(value.number, float), f"a value's number is a float, found {type(value.number).__name__}"
    assert math.isfinite(value.number), f"a value's number is finite, found {value.number}"
    low, high = getattr(subject, "limits", (-math.inf, math.inf))
    assert low - _CLOSE <= value.number <= high + _CLOSE, f"the limits {low} to {high} hold, found {value.number}"
    assert value.samples > 0, f"a number comes from rows, found samples {value.samples}"
    if value.interval is not None:
        low, high = value.interval
        assert math.isfinite(low), f"an interval is finite, found {value.interval}"
        assert math.isfinite(high), f"an interval is finite, found {value.interval}"
        assert low <= value.number <= high, f"the interval {value.interval} does not contain {value.number}"
    return value


def _assert_close(found: Value, expected: Value, claim: str) -> None:
    if found.number is None or expected.number is None:
        assert found.number == expected.number, f"{claim}: found {found}, expected {expected}"
        return
    gap = abs(found.number - expected.number)
    assert gap <= _CLOSE * max(1.0, abs(expected.number)), f"{claim}: found {found.number}, expected {expected.number}"
