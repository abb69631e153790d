"""Deflated Sharpe ratio: how sure it is that a signal has skill, after how many were tried to find it.

Formula: the probabilistic Sharpe ratio against the best ratio that `trials` signals without skill would show,
``√V ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e)))`` with γ Euler's constant, N the trials and V the variance of their
ratios. The option `trials_variance` is V, of ratios a year; without it V is that of ratios without skill, 1 / (n - 1) a
period. Undefined with one row, or when every row earned the same. Interval: that of the Sharpe ratio, carried through.
Cost: O(n).

References
----------
Bailey & López de Prado (2014), The deflated Sharpe ratio, Journal of Portfolio Management 40(5):94.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.01, -0.02, 0.03, 0.01], predicted=[1.0, -2.0, 3.0, -1.0])
>>> build(Options(trials=10)).compute(rows).number < build(Options(trials=1)).compute(rows).number
True
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from statistics import NormalDist

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .positions import Moments
from .probabilistic_sharpe import surpassed
from .sharpe_ratios import EarnedRatio, YearOptions


@attrs.frozen
class Options(YearOptions):
    """How positions are taken, and how many signals were tried."""

    trials: int = attrs.field(default=1, validator=[attrs.validators.ge(1), attrs.validators.le(10**12)])
    """How many signals were tried before this one was chosen; 1 gives the probabilistic Sharpe ratio against 0."""
    trials_variance: float | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0.0))
    )
    """Variance of the trials' Sharpe ratios a year; none: what trials without skill would have."""


def surpassing_trials(found: Moments, samples: int, options: Options) -> Value:
    """The probability of surpassing the best of so many trials without skill."""
    variance = options.trials_variance
    each = 1 / (found.rows - 1) if variance is None else variance / options.periods_per_year
    return surpassed(found, samples, best_without_skill(options.trials, each))


def best_without_skill(trials: int, variance: float) -> float:
    """The expected largest of `trials` ratios that have mean 0 and this variance; 0 for one."""
    if trials == 1:
        return 0.0
    highest, beyond = (-NormalDist().inv_cdf(share) for share in (1 / trials, 1 / (trials * math.e)))
    return math.sqrt(variance) * ((1 - np.euler_gamma) * highest + np.euler_gamma * beyond)


def build(options: Options) -> Metric:
    """Make the metric."""
    return EarnedRatio(options, partial(surpassing_trials, options=options))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How sure it is that a signal has skill, after how many were tried"
    yield Plugin(Kind.METRIC, "deflated_sharpe", build, Options, summary=summary)
