"""MAPE: how far predictions are from the truth, as a share of the truth.

Formula: ``Σ w |predicted - truth| / |truth| / Σ w``; 1 is 100 percent, as in scikit-learn. Undefined when a truth is 0,
where there is no share to take (scikit-learn divides by float64's epsilon there). Interval: Student's t over the rows,
on the log scale. Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> build(NoOptions()).compute(Evaluation("regression", truth=[2.0, 4.0], predicted=[1.0, 5.0])).number
0.375
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
from .preconditions import NUMBERS, refusal, weightless_dropped


class MeanAbsolutePercentageError:
    """How far predictions are from the truth, as a share of the truth."""

    tasks = NUMBERS
    higher_is_better = False
    limits = (0.0, math.inf)

    def compute(self, evaluation: Evaluation) -> Value:
        """The mean of the residuals' sizes as shares of the truth."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        rows = weightless_dropped(evaluation)
        zeros = len(rows) - int(np.count_nonzero(rows.truth))
        if zeros:
            reason = (
                f"the truth is 0 in {zeros} of {len(rows)} rows, where an error has no percentage: use smape or mae"
            )
            return Value.undefined(reason, samples=len(rows))
        with np.errstate(over="ignore"):
            return mean_value(np.abs(rows.residuals / rows.truth), rows, is_loss=True)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return MeanAbsolutePercentageError()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Mean distance from the truth as a share of the truth; 1 is 100 percent"
    yield Plugin(Kind.METRIC, "mape", build, NoOptions, summary=summary)
