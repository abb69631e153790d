"""Weights however large, small or unlike: a number with finite bounds, or undefined with a reason, never a crash."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.plugins import Plugins

ROWS = 50
TRUTH = np.repeat([0, 1], ROWS)
SOME_WRONG = np.where(np.arange(2 * ROWS) % 7 == 0, 1 - TRUTH, TRUTH)
SCORES = np.random.default_rng(3).permutation(np.linspace(0.01, 0.99, 2 * ROWS))
METRICS = [
    name for name in Plugins().names(Kind.METRIC) if Task.CLASSIFICATION in Plugins().build(Kind.METRIC, name, {}).tasks
]


def measured(metric: str, weights: np.ndarray, predicted: np.ndarray = SOME_WRONG):
    evaluation = Evaluation(Task.CLASSIFICATION, TRUTH, predicted, SCORES, ("no", "yes"), weights)
    return Plugins().build(Kind.METRIC, metric, {}).compute(evaluation)


@pytest.mark.parametrize("predicted", [SOME_WRONG, TRUTH], ids=["some wrong", "all right"])
@pytest.mark.parametrize("smallest", [1e-60, 1e-170, 5e-324])
@pytest.mark.parametrize("metric", METRICS)
def test_a_class_of_next_to_no_weight_gives_finite_bounds_or_a_reason(metric, smallest, predicted):
    found = measured(metric, np.repeat([1.0, smallest], ROWS), predicted)
    assert found.number is None or np.isfinite(found.number)
    assert found.number is not None or found.reason
    assert found.interval is None or np.isfinite(found.interval).all()


@pytest.mark.parametrize("unit", [2.0**-1000, 2.0**-500, 2.0**700])
@pytest.mark.parametrize(
    "metric",
    ["precision", "recall", "f1", "roc_auc", "log_loss", "mcc", "calibration_error", "calibration_error_debiased"],
)
def test_the_unit_of_weights_does_not_matter_however_extreme_it_is(metric, unit):
    weights = np.random.default_rng(5).uniform(0.5, 2.0, 2 * ROWS)
    assert measured(metric, weights * unit) == measured(metric, weights)


def test_weights_that_are_no_part_of_the_largest_count_as_none_and_the_callers_stay_as_they_were():
    weights = np.repeat([1.0, 1e-170], ROWS)
    evaluation = Evaluation(Task.CLASSIFICATION, TRUTH, SOME_WRONG, SCORES, ("no", "yes"), weights)
    assert evaluation.weights.tolist() == [1.0] * ROWS + [0.0] * ROWS
    assert weights[-1] == 1e-170
