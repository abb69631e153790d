"""Maximum drawdown: the deepest fall of what a signal earned, from its highest point so far; a share of that point.

Formula: with wealth ``W_t = Π (1 + return)`` from 1, ``max_t (1 - W_t / max_(s <= t) W_s)``; returns are position times
outcome (options `position`, `cost`). Rows must be in order of time. Undefined for weighted rows, or when a row loses
more than everything. Interval: not an error of what happened, which is certain, but where 95 % of the falls lie that
the same returns give in other orders: circular block bootstrap with blocks of ``n^(1/3)`` rows and a fixed seed,
widened to hold the number. Cost: O(n^(4/3) + resamples · n^(2/3)); `resamples = 0` leaves the interval out.

References
----------
Politis & Romano (1992), A circular block-resampling procedure for stationary data.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.5, -0.5, 0.1], predicted=[1.0, 1.0, 1.0])
>>> round(build(Options()).compute(rows).number, 6)
0.5
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
from watchkeeper.domain.intervals import LEVEL, Interval
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import TOO_FAR
from .positions import PositionOptions, earned
from .preconditions import SIGNALS, refusal, unweighted_refusal


@attrs.frozen
class Options(PositionOptions):
    """How positions are taken, and how often the order is resampled."""

    resamples: int = attrs.field(default=200, validator=attrs.validators.ge(0))
    """How many other orders the interval looks at; 0 leaves it out."""


class MaximumDrawdown:
    """The deepest fall of what a signal earned."""

    tasks = SIGNALS
    higher_is_better = False
    is_ordered = True

    def __init__(self, options: Options) -> None:
        self.options = options

    def compute(self, evaluation: Evaluation) -> Value:
        """The deepest fall from the highest point so far."""
        refused = refusal(evaluation, self.tasks) or unweighted_refusal(evaluation, "max_drawdown")
        if refused:
            return refused
        returns, samples = earned(evaluation, self.options), len(evaluation)
        if not np.isfinite(returns).all():
            return Value.undefined(TOO_FAR, samples=samples)
        worst = float(returns.min())
        if worst < -1:
            return Value.undefined(f"a row earned {worst:g}: nobody can lose more than everything, -1", samples=samples)
        with np.errstate(divide="ignore"):
            growth = np.log1p(returns)
        number = _deepest_fall(growth) + 0.0  # a path that never falls: 0, not -0
        return Value.of(number, samples=samples, interval=self._interval(growth, number))

    def _interval(self, growth: NDArray[np.float64], number: float) -> Interval | None:
        rows, resamples = len(growth), self.options.resamples
        if not resamples or rows < 2:
            return None
        length = max(round(rows ** (1 / 3)), 1)
        rng = np.random.default_rng(20_080_915)
        falls = _falls(_Blocks.of(growth, length), rng.integers(rows, size=(resamples, max(rows // length, 1))))
        low, high = np.quantile(-np.expm1(falls), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return min(float(low) + 0.0, number), max(float(high) + 0.0, number)


@attrs.frozen(eq=False)
class _Blocks:
    """What a path needs to know of the block that begins at each row, all (n,): a resample then costs its blocks."""

    total: NDArray[np.float64]
    """Growth over the block."""
    top: NDArray[np.float64]
    """Highest point, from the block's beginning."""
    bottom: NDArray[np.float64]
    """Lowest point."""
    fall: NDArray[np.float64]
    """Deepest fall within the block, at most 0."""

    @classmethod
    def of(cls, growth: NDArray[np.float64], length: int) -> _Blocks:
        """All blocks of this length, around the end; O(n length), row by row of the blocks, all blocks at once."""
        rows = len(growth)
        around = np.append(growth, growth[: length - 1])
        path, highest, fall = np.zeros(rows), np.zeros(rows), np.zeros(rows)
        top, bottom = np.full(rows, -np.inf), np.full(rows, np.inf)
        for step in range(length):
            path += around[step : step + rows]
            np.maximum(top, path, out=top)
            np.minimum(bottom, path, out=bottom)
            np.maximum(highest, path, out=highest)
            np.minimum(fall, path - highest, out=fall)
        return cls(path, top, bottom, fall)


def _falls(blocks: _Blocks, starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The deepest fall, of logarithms, on each path of blocks, (resamples,): at a block's bottom or within a block."""
    ends = np.cumsum(blocks.total[starts], axis=1)
    begins = np.concatenate([np.zeros((len(starts), 1)), ends[:, :-1]], axis=1)
    tops = np.maximum(np.maximum.accumulate(begins + blocks.top[starts], axis=1), 0.0)
    tops = np.concatenate([np.zeros((len(starts), 1)), tops[:, :-1]], axis=1)
    between = (begins + blocks.bottom[starts] - tops).min(axis=1)
    found: NDArray[np.float64] = np.minimum(between, blocks.fall[starts].min(axis=1))
    return found


def _deepest_fall(growth: NDArray[np.float64]) -> float:
    """From logarithms of growth; 1 when everything was lost."""
    path = np.cumsum(growth)
    highest = np.maximum(np.maximum.accumulate(path), 0.0)
    return -math.expm1(min(float((path - highest).min()), 0.0))


def build(options: Options) -> Metric:
    """Make the metric."""
    return MaximumDrawdown(options)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "The deepest fall of what a signal earned, from its highest point so far"
    yield Plugin(Kind.METRIC, "max_drawdown", build, Options, summary=summary)
