"""MAE: how far predictions are from the truth on average.

Formula: ``Σ w |predicted - truth| / Σ w``, in the unit of the truth. Undefined without rows. Interval: Student's t
over the rows, on the log scale. Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> build(NoOptions()).compute(Evaluation("regression", truth=[1.0, 2.0], predicted=[1.5, 1.0])).number
0.75
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import NUMBERS, refusal


class MeanAbsoluteError:
    """How far predictions are from the truth on average."""

    tasks = NUMBERS
    higher_is_better = False
    limits = (0.0, math.inf)

    def compute(self, evaluation: Evaluation) -> Value:
        """The mean of the residuals' sizes."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        return mean_value(np.abs(evaluation.residuals), evaluation, is_loss=True)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return MeanAbsoluteError()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "mae", build, NoOptions, summary="Mean distance of predictions from the truth")
