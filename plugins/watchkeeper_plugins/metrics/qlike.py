"""QLIKE: how good volatility forecasts are; too low costs more than too high.

Formula: ``Σ w (h - ln h - 1) / Σ w`` with h the true over the predicted variance; 0 is perfect. It ranks forecasts
rightly though the truth is only a noisy proxy, such as a day's squared return. With the option ``unit =
"volatility"`` both are squared first. Undefined when a truth or a prediction is not above 0. Interval: Student's t
over the rows, on the log scale. Cost: O(n).

References
----------
Patton (2011), Volatility forecast comparison using imperfect volatility proxies, Journal of Econometrics 160:246.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("regression", truth=[1.0, 2.0], predicted=[1.0, 1.0])
>>> round(build(Options()).compute(rows).number, 4)
0.1534
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import NUMBERS, refusal, weightless_dropped


class Unit(StrEnum):
    """What truth and prediction are."""

    VARIANCE = "variance"
    VOLATILITY = "volatility"
    """Standard deviation: the root of the variance."""


@attrs.frozen
class Options:
    """What truth and prediction are."""

    unit: Unit = attrs.field(default=Unit.VARIANCE, converter=Unit)
    """`variance`, or `volatility` for its root."""


class Qlike:
    """How good volatility forecasts are."""

    tasks = NUMBERS
    higher_is_better = False

    def __init__(self, unit: Unit) -> None:
        self.power = 2.0 if unit is Unit.VOLATILITY else 1.0

    def compute(self, evaluation: Evaluation) -> Value:
        """Patton's normalised loss, averaged."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        rows = weightless_dropped(evaluation)
        for name, values in (("truth", rows.truth), ("prediction", rows.predicted)):
            count = int(np.count_nonzero(values <= 0))
            if count:
                reason = f"the {name} is not above 0 in {count} of {len(rows)} rows, and a variance is"
                return Value.undefined(reason, samples=len(rows))
        # expm1 keeps the digits of h - ln h - 1 where h is near 1
        log_ratio = self.power * (np.log(rows.truth) - np.log(rows.predicted))
        with np.errstate(over="ignore"):
            return mean_value(np.maximum(np.expm1(log_ratio) - log_ratio, 0.0), rows, is_loss=True)


def build(options: Options) -> Metric:
    """Make the metric."""
    return Qlike(options.unit)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "qlike", build, Options, summary="How good volatility forecasts are (QLIKE)")
