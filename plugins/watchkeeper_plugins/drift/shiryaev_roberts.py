"""Shiryaev-Roberts at a stated rate: the mean of errors has risen, whatever their distribution."""

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

from .signalled_changes import signalled_in_blocks

_RISES = np.array([0.1, 0.25, 0.5, 1.0])
"""The rises that are bet on, in sds of a wrong-or-right answer."""
_BOLDEST = 0.9
_AT_ONCE = 256
"""So few that a product of their ratios is within float64."""


@attrs.frozen
class Options:
    """Settings; a mean that is not given is learnt from the first values."""

    updates_per_alarm: int = attrs.field(default=20_000, validator=attrs.validators.ge(100))
    """At most one false alarm in so many values, on average."""
    mean: float | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(attrs.validators.and_(attrs.validators.gt(0.0), attrs.validators.lt(1.0))),
    )
    """The mean of the errors before a change, such as the reference's error rate."""
    warm_up: int = attrs.field(default=1000, validator=attrs.validators.ge(30))
    """How many values the mean is learnt from; a standard error is added to it, which costs some delay."""


@attrs.define
class Stream:
    """One stream of errors; O(n), four bets."""

    options: Options
    count: int = 0
    total: float = 0.0
    sums: NDArray[np.float64] = attrs.field(factory=lambda: np.zeros(len(_RISES)))

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where a change was signalled."""
        return signalled_in_blocks(values, self._taken, at_once=_AT_ONCE, limits=(0.0, 1.0))

    def to_record(self) -> dict[str, Any]:
        """Everything it knows."""
        return {"count": self.count, "total": self.total, "sums": self.sums.tolist()}

    def _taken(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """How many values were learnt from or used, and whether the last of them was a change."""
        if self.options.mean is None and self.count < self.options.warm_up:
            return self._learn(values), False
        used, is_change = self._until_change(values)
        if is_change:
            self.count, self.total, self.sums = 0, 0.0, np.zeros(len(_RISES))
        return used, is_change

    def _learn(self, values: NDArray[np.float64]) -> int:
        used = values[: self.options.warm_up - self.count]
        self.count += len(used)
        self.total = float(np.cumsum(np.concatenate(([self.total], used)))[-1])
        return len(used)

    def _limit(self) -> float:
        if self.options.mean is not None:
            return self.options.mean
        mean = (self.total + 0.5) / (self.count + 1.0)  # never 0 or 1
        return min(mean + math.sqrt(mean * (1.0 - mean) / self.count), 1.0 - 1e-9)

    def _until_change(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        limit = self._limit()
        deviation = math.sqrt(limit * (1.0 - limit))
        stakes = np.minimum(_RISES / deviation, _BOLDEST / limit)[:, None]
        logs = np.cumsum(np.log1p(stakes * (values - limit)), axis=1)
        before = np.hstack((np.zeros((len(stakes), 1)), logs[:, :-1]))
        sums = np.exp(logs) * (self.sums[:, None] + np.cumsum(np.exp(-before), axis=1))
        changes = np.flatnonzero(sums.mean(axis=0) >= self.options.updates_per_alarm)
        used = int(changes[0]) + 1 if len(changes) else len(values)
        self.sums = sums[:, used - 1]
        return used, bool(len(changes))


@attrs.frozen
class ShiryaevRoberts:
    """Adds up all times at which a rise could have begun: ``S = (S + 1) (1 + stake (value - mean))``, over four stakes.

    While the values' mean, given the past, is at most `mean`, S minus the number of values does not grow on average,
    so that the mean time to a false alarm is at least `updates_per_alarm`: for any distribution on 0 to 1.

    Examples
    --------
    >>> errors = np.concatenate((np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 200), np.tile([0.0, 1.0], 100)))
    >>> ShiryaevRoberts(Options(mean=0.2)).begin().update_many(errors).tolist()
    [1037, 1079, 1121, 1163]

    References
    ----------
    Shin, Ramdas, Rinaldo, E-detectors: a nonparametric framework for sequential change detection (2022).
    """

    options: Options = Options()
    values: StreamValues = StreamValues.ERRORS

    def begin(self, record: Mapping[str, Any] | None = None) -> Stream:
        """A new stream, or one that goes on."""
        if record is None:
            return Stream(self.options)
        return Stream(self.options, int(record["count"]), float(record["total"]), np.array(record["sums"]))


def build(options: Options) -> ShiryaevRoberts:
    """The detector with these settings."""
    return ShiryaevRoberts(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    summary = "Shiryaev-Roberts over a stream of errors, at a stated rate for any distribution"
    yield Plugin(Kind.DRIFT, "shiryaev_roberts", build, Options, summary=summary)
