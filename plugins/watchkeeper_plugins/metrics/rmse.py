"""RMSE: the root of the mean squared residual; large misses count more.

Formula: ``√(Σ w (predicted - truth)² / Σ w)``, in the unit of the truth. Undefined without rows. Interval: Student's t
over the squared residuals on the log scale (delta method), then the root. Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> build(NoOptions()).compute(Evaluation("regression", truth=[0.0, 0.0], predicted=[1.0, 7.0])).number
5.0
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

from .means import TOO_FAR, power_of_two, scaled
from .preconditions import NUMBERS, refusal


class RootMeanSquaredError:
    """The root of the mean squared residual."""

    tasks = NUMBERS
    higher_is_better = False
    limits = (0.0, math.inf)

    def compute(self, evaluation: Evaluation) -> Value:
        """Residuals squared, averaged, rooted."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        size = float(np.abs(evaluation.residuals).max())
        if not math.isfinite(size):
            return Value.undefined(TOO_FAR, samples=len(evaluation))
        scale = power_of_two(size)
        squares = np.square(evaluation.residuals if scale == 1.0 else evaluation.residuals / scale)
        mean, error, freedom = weighted_mean(squares, evaluation.weights)
        found = log_student(mean, error, freedom)
        roots = None if found is None else (math.sqrt(found[0]), math.sqrt(found[1]))
        return Value.of(math.sqrt(mean) * scale, samples=len(evaluation), interval=scaled(roots, scale))


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return RootMeanSquaredError()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "rmse", build, NoOptions, summary="Root of the mean squared distance from the truth")
