"""Probabilistic Sharpe ratio: how sure it is that the true Sharpe ratio is above a benchmark.

Formula: ``Φ((SR - benchmark) √(n - 1) / √(1 - skew SR + (kurtosis - 1)/4 SR²))`` with ratios of one period; the option
`benchmark` is given a year. Undefined with one row, or when every row earned the same. Interval: that of the Sharpe
ratio, carried through the formula. Cost: O(n).

References
----------
Bailey & López de Prado (2012), The Sharpe ratio efficient frontier, Journal of Risk 15(2):3.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.01, -0.02, 0.03, 0.01], predicted=[1.0, -2.0, 3.0, -1.0])
>>> round(build(Options()).compute(rows).number, 3)
0.855
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from statistics import NormalDist

import attrs

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.intervals import QUANTILE
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .positions import Moments
from .sharpe_ratios import EarnedRatio, YearOptions


@attrs.frozen
class Options(YearOptions):
    """How positions are taken, and what is to be surpassed."""

    benchmark: float = 0.0
    """The Sharpe ratio to surpass, a year."""


def surpassed(found: Moments, samples: int, benchmark: float) -> Value:
    """How sure it is that the true ratio of one period is above the benchmark."""
    if found.error == 0:
        return Value.undefined("the ratio's error is 0, so that nothing is uncertain", samples=samples)
    steps = (found.ratio - benchmark) / found.error
    low, number, high = (NormalDist().cdf(steps + shift) for shift in (-QUANTILE, 0.0, QUANTILE))
    return Value.of(number, samples=samples, interval=(low, high))


def build(options: Options) -> Metric:
    """Make the metric: the probability, by the ratio's error."""
    benchmark = options.benchmark / math.sqrt(options.periods_per_year)
    return EarnedRatio(options, partial(surpassed, benchmark=benchmark))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How sure it is that the true Sharpe ratio is above a benchmark"
    yield Plugin(Kind.METRIC, "probabilistic_sharpe", build, Options, summary=summary)
