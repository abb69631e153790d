"""Symmetric MAPE: how far predictions are from the truth, as a share of the size of both; from 0 to 2.

Formula: ``Σ w 2 |predicted - truth| / (|predicted| + |truth|) / Σ w``. A row where both are 0 is exactly right and
counts 0. Undefined without rows. Interval: Student's t over the rows, on the log scale, not above 2. Cost: O(n).

References
----------
Makridakis (1993), International Journal of Forecasting 9:527.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> build(NoOptions()).compute(Evaluation("regression", truth=[1.0, 0.0], predicted=[3.0, 0.0])).number
0.5
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import NUMBERS, refusal


class SymmetricPercentageError:
    """How far predictions are from the truth, as a share of the size of both."""

    tasks = NUMBERS
    higher_is_better = False
    limits = (0.0, 2.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The mean of the residuals' sizes as shares of the mean size."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        # halves: so that neither the difference nor the sum of two huge numbers leaves float64
        truth, predicted = evaluation.truth / 2, evaluation.predicted / 2
        sizes = np.abs(truth) + np.abs(predicted)
        shares = np.zeros(len(evaluation))
        np.divide(np.abs(predicted - truth), sizes, out=shares, where=sizes > 0)
        value = mean_value(2.0 * shares, evaluation, is_loss=True)
        if value.interval is None:
            return value
        return attrs.evolve(value, interval=(value.interval[0], min(value.interval[1], 2.0)))


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return SymmetricPercentageError()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Mean distance from the truth as a share of the size of both, 0 to 2"
    yield Plugin(Kind.METRIC, "smape", build, NoOptions, summary=summary)
