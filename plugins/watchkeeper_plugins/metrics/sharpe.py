"""Sharpe ratio: what a signal earned for the risk it took, a year.

Formula: ``mean / sd · √periods_per_year`` of position times outcome (options `position`, `cost`), sd with n - 1.
Undefined with one row, or when every row earned the same. Interval: normal with the error
``√((1 - skew SR + (kurtosis - 1)/4 SR²) / (n - 1))``, valid for skewed and heavy-tailed returns that are independent.
Cost: O(n).

References
----------
Sharpe (1966), Journal of Business 39:119. Lo (2002), Financial Analysts Journal 58:36. Mertens (2002), Comments on
variance of the IID estimator in Lo (2002).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.01, -0.02, 0.03], predicted=[1.0, -2.0, 3.0])
>>> round(build(Options(periods_per_year=1)).compute(rows).number, 6)
2.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import student
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .positions import PositionOptions, earned, moments
from .preconditions import SIGNALS, refusal, weightless_dropped


@attrs.frozen
class Options(PositionOptions):
    """How positions are taken, and how many periods a year has."""

    periods_per_year: float = attrs.field(default=252.0, validator=attrs.validators.gt(0.0))
    """How many rows make a year: 252 trading days, 12 months; 1 gives the ratio of one period."""


class SharpeRatio:
    """What a signal earned for the risk it took."""

    tasks = SIGNALS
    higher_is_better = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.is_ordered = options.cost > 0

    def compute(self, evaluation: Evaluation) -> Value:
        """Mean over standard deviation of what was earned."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        rows = weightless_dropped(evaluation)
        found = moments(earned(rows, self.options), rows.weights)
        if isinstance(found, str):
            return Value.undefined(found, samples=len(rows))
        year = math.sqrt(self.options.periods_per_year)
        interval = student(found.ratio * year, found.error * year, math.inf)
        return Value.of(found.ratio * year, samples=len(rows), interval=interval)


def build(options: Options) -> Metric:
    """Make the metric."""
    return SharpeRatio(options)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "sharpe", build, Options, summary="What a signal earned for the risk it took, a year")
