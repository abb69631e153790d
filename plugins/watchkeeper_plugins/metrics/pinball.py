"""Pinball loss: how good predictions of a quantile are; the loss that is least at that quantile.

Formula: ``Σ w max(q e, (q - 1) e) / Σ w`` with e the truth minus the prediction and q the option `quantile`; at 1/2 it
is half the MAE. Undefined without rows. Interval: Student's t over the rows, on the log scale. Cost: O(n).

References
----------
Koenker & Bassett (1978), Econometrica 46:33.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("regression", truth=[10.0, 10.0], predicted=[8.0, 12.0])
>>> round(build(Options(quantile=0.9)).compute(rows).number, 3)
1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import NUMBERS, refusal


@attrs.frozen
class Options:
    """Which quantile is predicted."""

    quantile: float = attrs.field(default=0.5, validator=[attrs.validators.gt(0.0), attrs.validators.lt(1.0)])
    """Between 0 and 1; 0.5 is the median."""


class PinballLoss:
    """How good predictions of a quantile are."""

    tasks = NUMBERS
    higher_is_better = False
    limits = (0.0, math.inf)

    def __init__(self, quantile: float) -> None:
        self.quantile = quantile

    def compute(self, evaluation: Evaluation) -> Value:
        """Misses below and above, weighed by the quantile."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        above = evaluation.residuals
        return mean_value(np.maximum(above * (1 - self.quantile), -above * self.quantile), evaluation, is_loss=True)


def build(options: Options) -> Metric:
    """Make the metric."""
    return PinballLoss(options.quantile)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "pinball", build, Options, summary="How good predictions of a quantile are")
