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
from functools import partial

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.intervals import student
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .positions import Moments
from .sharpe_ratios import EarnedRatio, YearOptions

Options = YearOptions


def yearly(found: Moments, samples: int, periods: float) -> Value:
    """Mean over standard deviation of what was earned, scaled to a year of so many periods."""
    year = math.sqrt(periods)
    interval = student(found.ratio * year, found.error * year, math.inf)
    return Value.of(found.ratio * year, samples=samples, interval=interval)


def build(options: YearOptions) -> Metric:
    """Make the metric."""
    return EarnedRatio(options, partial(yearly, periods=options.periods_per_year))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "sharpe", build, Options, summary="What a signal earned for the risk it took, a year")
