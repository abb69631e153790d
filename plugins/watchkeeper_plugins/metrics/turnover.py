"""Turnover: how much of the position is traded from one row to the next.

Formula: ``Σ |position_t - position_(t-1)| / (n - 1)``; with positions of sign, 2 is a full turn from long to short.
Rows must be in order of time. Undefined with one row, or for weighted rows. Interval: Student's t with the error of
Newey & West (1987) over ``⌊4 (n/100)^(2/9)⌋`` lags, as changes depend on one another; not below 0. Cost: O(n lags).

References
----------
Newey & West (1987), Econometrica 55:703.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.0, 0.0, 0.0], predicted=[1.0, 2.0, -1.0])
>>> build(Options()).compute(rows).number
1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import student
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import TOO_FAR, power_of_two, scaled
from .positions import Position, positions
from .preconditions import SIGNALS, refusal, unweighted_refusal


@attrs.frozen
class Options:
    """How a prediction becomes a position."""

    position: Position = attrs.field(default=Position.SIGN, converter=Position)
    """`sign`: long 1 above 0 and short 1 below it; `proportional`: as large as the prediction."""


class Turnover:
    """How much of the position is traded from one row to the next."""

    tasks = SIGNALS
    higher_is_better = False
    is_ordered = True

    def __init__(self, position: Position) -> None:
        self.position = position

    def compute(self, evaluation: Evaluation) -> Value:
        """The mean size of the position's changes."""
        refused = refusal(evaluation, self.tasks) or unweighted_refusal(evaluation, "turnover")
        if refused:
            return refused
        samples = len(evaluation)
        if samples < 2:
            return Value.undefined("one row has no change of position", samples=samples)
        with np.errstate(over="ignore"):
            changes = np.abs(np.diff(positions(evaluation, self.position)))
        size = float(changes.max())
        if not math.isfinite(size):
            return Value.undefined(TOO_FAR, samples=samples)
        scale = power_of_two(size)
        changes = changes / scale
        mean = float(changes.mean())
        found = student(mean, _dependent_error(changes - mean), len(changes) - 1)
        interval = None if found is None else (max(found[0], 0.0), found[1])
        return Value.of(mean * scale, samples=samples, interval=scaled(interval, scale))


def _dependent_error(apart: NDArray[np.float64]) -> float:
    """The standard error of the mean of a series whose neighbours depend on one another (Newey & West)."""
    rows = len(apart)
    lags = min(math.floor(4 * (rows / 100) ** (2 / 9)), rows - 1)
    total = float(np.square(apart).sum())
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float((apart[lag:] * apart[:-lag]).sum())
    return math.sqrt(max(total, 0.0)) / rows


def build(options: Options) -> Metric:
    """Make the metric."""
    return Turnover(options.position)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How much of the position is traded from one row to the next"
    yield Plugin(Kind.METRIC, "turnover", build, Options, summary=summary)
