"""Page-Hinkley: the running sum of deviations from the running mean has risen, or fallen, too far from its extreme."""

from __future__ import annotations

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


@attrs.frozen
class Options:
    """Settings."""

    warm_up: int = attrs.field(default=30, validator=attrs.validators.ge(1))
    """Values before a change can be signalled."""
    slack: float = attrs.field(default=0.005, validator=attrs.validators.ge(0.0))
    """A deviation of this size is none."""
    threshold: float = attrs.field(default=50.0, validator=attrs.validators.gt(0.0))
    """How far the sum may be from its extreme, in units of the values."""
    forgetting: float = attrs.field(
        default=0.9999, validator=attrs.validators.and_(attrs.validators.gt(0.0), attrs.validators.le(1.0))
    )
    """How much of the sum is kept at each value."""


@attrs.define
class Stream:
    """One stream of numbers; O(n), one recursive filter and running extremes."""

    options: Options
    count: int = 0
    total: float = 0.0
    rise: float = 0.0
    """The sum of deviations above the mean and the slack."""
    fall: float = 0.0
    """The sum of deviations below the mean and the slack."""
    lowest: float = 0.0
    """The smallest `rise` so far."""
    highest: float = 0.0
    """The largest `fall` so far."""

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where a change was signalled."""
        return signalled_in_blocks(values, self._until_change, at_once=_AT_ONCE, limits=(-LARGEST, LARGEST))

    def to_record(self) -> dict[str, Any]:
        """Everything it knows."""
        return {name: getattr(self, name) for name in ("count", "total", "rise", "fall", "lowest", "highest")}

    def _until_change(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        from scipy.signal import lfilter

        counts = self.count + np.arange(1, len(values) + 1)
        totals = np.cumsum(np.concatenate(([self.total], values)))[1:]
        deviations = values - totals / counts
        keep = self.options.forgetting
        rise, _ = lfilter([1.0], [1.0, -keep], deviations - self.options.slack, zi=[keep * self.rise])
        fall, _ = lfilter([1.0], [1.0, -keep], deviations + self.options.slack, zi=[keep * self.fall])
        lowest = np.minimum.accumulate(np.concatenate(([self.lowest], rise)))[1:]
        highest = np.maximum.accumulate(np.concatenate(([self.highest], fall)))[1:]
        over = np.maximum(rise - lowest, highest - fall) > self.options.threshold
        changes = np.flatnonzero(over & (counts >= self.options.warm_up))
        if len(changes):
            self.count, self.total, self.rise, self.fall, self.lowest, self.highest = 0, 0.0, 0.0, 0.0, 0.0, 0.0
            return int(changes[0]) + 1, True
        self.count, self.total = int(counts[-1]), float(totals[-1])
        self.rise, self.fall = float(rise[-1]), float(fall[-1])
        self.lowest, self.highest = float(lowest[-1]), float(highest[-1])
        return len(values), False


@attrs.frozen
class PageHinkley:
    """Signals when the sum of deviations from the running mean is `threshold` above its lowest, or below its highest.

    The threshold is in units of the values and states no rate; `cusum` and `shiryaev_roberts` do.

    Examples
    --------
    >>> PageHinkley().begin().update_many(np.concatenate((np.zeros(500), np.ones(200)))).tolist()
    [553]

    References
    ----------
    Page, Continuous inspection schemes, Biometrika 41 (1954). Hinkley, Biometrika 58 (1971).
    """

    options: Options = Options()
    values: StreamValues = StreamValues.NUMBERS

    def begin(self, record: Mapping[str, Any] | None = None) -> Stream:
        """A new stream, or one that goes on."""
        return Stream(self.options, **(record or {}))


def build(options: Options) -> PageHinkley:
    """The detector with these settings."""
    return PageHinkley(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "page_hinkley", build, Options, summary="Page-Hinkley over a stream of numbers")
