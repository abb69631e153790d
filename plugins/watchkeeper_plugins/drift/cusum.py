"""CUSUM at a stated rate: the mean of a stream has moved, with a threshold that follows from the rate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import StreamValues
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.hookspecs import hookimpl

from .signalled_changes import LARGEST, signalled_in_blocks

_AT_ONCE = 4096
_OVERSHOOT = 1.166
"""How far a sum of normal steps lies beyond its border on both ends together, in sds (Siegmund 1985)."""


@attrs.frozen
class Options:
    """Settings; a mean and deviation that are not given are learnt from the first values."""

    updates_per_alarm: int = attrs.field(default=20_000, validator=attrs.validators.ge(100))
    """At most one false alarm in so many values, on average, while independent normal values do not change."""
    change: float = attrs.field(default=0.5, validator=attrs.validators.gt(0.0))
    """The change of the mean that is to be found soonest, in sds."""
    mean: float | None = None
    """Of the values before a change."""
    deviation: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0.0)))
    """The sd of the values before a change."""
    warm_up: int = attrs.field(default=1000, validator=attrs.validators.ge(30))
    """How many values the mean and deviation are learnt from."""


@attrs.define
class Stream:
    """One stream of numbers; O(n), prefix sums and running minima."""

    options: Options
    threshold: float
    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    up: float = 0.0
    down: float = 0.0

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where a change was signalled."""
        return signalled_in_blocks(values, self._taken, at_once=_AT_ONCE, limits=(-LARGEST, LARGEST))

    def to_record(self) -> dict[str, Any]:
        """Everything it knows."""
        return {name: getattr(self, name) for name in ("count", "total", "squares", "up", "down")}

    @property
    def _is_learning(self) -> bool:
        is_given = self.options.mean is not None and self.options.deviation is not None
        return not is_given and self.count < self.options.warm_up

    def _taken(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """How many values were learnt from or used, and whether the last of them was a change."""
        if self._is_learning:
            return self._learn(values), False
        used, is_change = self._until_change(values)
        if is_change:
            self.count, self.total, self.squares, self.up, self.down = 0, 0.0, 0.0, 0.0, 0.0
        return used, is_change

    def _learn(self, values: NDArray[np.float64]) -> int:
        used = values[: self.options.warm_up - self.count]
        self.count += len(used)
        self.total = float(np.cumsum(np.concatenate(([self.total], used)))[-1])
        self.squares = float(np.cumsum(np.concatenate(([self.squares], used * used)))[-1])
        return len(used)

    def _usual(self) -> tuple[float, float]:
        learnt = self.total / max(self.count, 1)
        mean = learnt if self.options.mean is None else self.options.mean
        if self.options.deviation is not None:
            return mean, self.options.deviation
        spread = math.sqrt(max(self.squares / self.count - learnt * learnt, 0.0))
        return mean, spread or 1.0

    def _until_change(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        mean, deviation = self._usual()
        with np.errstate(over="ignore"):
            standard = np.clip((values - mean) / deviation, -LARGEST, LARGEST)
        half = 0.5 * self.options.change
        up, down = _page(standard - half, self.up), _page(-standard - half, self.down)
        changes = np.flatnonzero(np.maximum(up, down) >= self.threshold)
        used = int(changes[0]) + 1 if len(changes) else len(values)
        self.up, self.down = float(up[used - 1]), float(down[used - 1])
        return used, bool(len(changes))


def _page(steps: NDArray[np.float64], start: float) -> NDArray[np.float64]:
    """(n,) ``S = max(0, S + step)`` from `start`: the walk above its lowest point, or above 0."""
    walk = np.cumsum(np.concatenate(([start], steps)))
    above: NDArray[np.float64] = (walk - np.minimum(np.minimum.accumulate(walk), 0.0))[1:]
    return above


def threshold_for(updates: float, change: float) -> float:
    """The threshold at which both sides together alarm once in so many independent normal values, in sds.

    The mean time to a false alarm of one side is ``(exp(b) - 1 - b) / (2 k²)`` with ``b = 2 k (h + 1.166)`` and k half
    the change (Siegmund 1985), within a few percent; solved for h by bisection.

    Examples
    --------
    >>> round(threshold_for(20_000, 0.5), 2)
    15.87
    """
    half = 0.5 * change

    def time_between(threshold: float) -> float:
        border = 2.0 * half * (threshold + _OVERSHOOT)
        return (math.exp(border) - 1.0 - border) / (2.0 * half * half) / 2.0

    low, high = 0.0, 1.0
    while time_between(high) < updates:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if time_between(middle) < updates else (low, middle)
    return high


@attrs.frozen
class Cusum:
    """Two cumulative sums of standardised values, upwards and downwards, each restarted at 0 (Page 1954).

    Examples
    --------
    >>> detector = Cusum(Options(mean=0.0, deviation=1.0))
    >>> detector.begin().update_many(np.concatenate((np.zeros(500), np.ones(100)))).tolist()
    [521, 543, 565, 587]

    References
    ----------
    Page, Continuous inspection schemes, Biometrika 41 (1954). Siegmund, Sequential Analysis (1985), section 2.6.
    """

    options: Options = Options()
    values: StreamValues = StreamValues.NUMBERS

    def begin(self, record: Mapping[str, Any] | None = None) -> Stream:
        """A new stream, or one that goes on."""
        threshold = threshold_for(self.options.updates_per_alarm, self.options.change)
        return Stream(self.options, threshold, **(record or {}))


def build(options: Options) -> Cusum:
    """The detector with these settings."""
    return Cusum(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "cusum", build, Options, summary="CUSUM over a stream of numbers, at a stated rate")
