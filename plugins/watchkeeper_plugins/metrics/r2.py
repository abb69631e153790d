"""R²: the share of the truth's variance that the predictions explain; 1 is perfect, below 0 is worse than the mean.

Formula: ``1 - Σ w (predicted - truth)² / Σ w (truth - mean)²``. Undefined with one row, or when the truth is constant.
Interval: delta method for the ratio of the two sums, Student's t on the log scale, so that it stays below 1.
Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> build(NoOptions()).compute(Evaluation("regression", truth=[1.0, 3.0], predicted=[1.5, 2.5])).number
0.75
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import log_student, weighted_mean
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import TOO_FAR, power_of_two
from .preconditions import NUMBERS, refusal, weightless_dropped


class ExplainedShare:
    """The share of the truth's variance that the predictions explain."""

    tasks = NUMBERS
    higher_is_better = True
    limits = (-math.inf, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """One minus the residuals' share of the variance."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        rows = weightless_dropped(evaluation)
        samples = len(rows)
        if samples < 2:
            return Value.undefined("one row has no variance to explain", samples=samples)
        scale = power_of_two(float(np.abs(rows.truth).max()))
        truth, predicted = rows.truth / scale, rows.predicted / scale
        apart = truth - weighted_mean(truth, rows.weights)[0]
        if float(np.abs(apart).max()) <= 1e-14 * float(np.abs(truth).max()):
            return Value.undefined("the truth is constant, so that there is no variance to explain", samples=samples)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(predicted - truth)
            left, total = weighted_mean(squares, rows.weights)[0], weighted_mean(np.square(apart), rows.weights)[0]
        if not math.isfinite(left):
            return Value.undefined(TOO_FAR, samples=samples)
        ratio = left / total
        # how each row moves the logarithm of the ratio
        moved = squares / left - np.square(apart) / total if left > 0 else np.zeros(samples)
        _, error, freedom = weighted_mean(moved, rows.weights)
        around = log_student(ratio, error * ratio, freedom)
        interval = None if around is None else (1 - around[1], 1 - around[0])
        return Value.of(1 - ratio, samples=samples, interval=interval)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return ExplainedShare()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Share of the truth's variance that the predictions explain; 1 is perfect"
    yield Plugin(Kind.METRIC, "r2", build, NoOptions, summary=summary)
