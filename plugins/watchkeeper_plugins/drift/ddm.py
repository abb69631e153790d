"""DDM: a model's error rate has risen three standard deviations above the lowest it has been."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import StreamValues
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.hookspecs import hookimpl

from .signalled_changes import signalled_in_blocks

_AT_ONCE = 4096


@attrs.frozen
class Options:
    """Settings; the defaults are the paper's."""

    warm_up: int = attrs.field(default=30, validator=attrs.validators.ge(1))
    """Values before the error rate is trusted."""
    deviations: float = attrs.field(default=3.0, validator=attrs.validators.gt(0.0))
    """How many standard deviations above the lowest error rate are a change."""


@attrs.define
class Stream:
    """One stream of errors; O(n), prefix sums and a running minimum."""

    options: Options
    count: int = 0
    total: float = 0.0
    lowest: float = float("inf")
    """The smallest rate plus deviation so far."""
    rate: float = 0.0
    """The rate then."""
    deviation: float = 0.0
    """Its standard deviation then."""

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where a change was signalled."""
        return signalled_in_blocks(values, self._until_change, at_once=_AT_ONCE)

    def to_record(self) -> dict[str, Any]:
        """Everything it knows."""
        return {name: getattr(self, name) for name in ("count", "total", "rate", "deviation")} | {
            "lowest": None if np.isinf(self.lowest) else self.lowest
        }

    def _until_change(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        """How many values were used, and whether the last of them was a change."""
        totals = np.cumsum(np.concatenate(([self.total], values)))[1:]
        counts = self.count + np.arange(1, len(values) + 1)
        rates = totals / counts
        spreads = np.sqrt(np.maximum(rates * (1.0 - rates), 0.0) / counts)
        level = np.where(counts > self.options.warm_up, rates + spreads, np.inf)
        before = np.minimum.accumulate(np.concatenate(([self.lowest], level)))[:-1]
        # the place of the lowest level so far; -1 is the one from before this call
        place = np.maximum.accumulate(np.where(level <= before, np.arange(len(values)), -1))
        rate = np.where(place >= 0, rates[place], self.rate)
        spread = np.where(place >= 0, spreads[place], self.deviation)
        is_over = (counts > self.options.warm_up) & (rates + spreads > rate + self.options.deviations * spread)
        changes = np.flatnonzero(is_over)
        if len(changes):
            self.count, self.total, self.lowest, self.rate, self.deviation = 0, 0.0, float("inf"), 0.0, 0.0
            return int(changes[0]) + 1, True
        self.count, self.total = int(counts[-1]), float(totals[-1])
        self.lowest = float(min(before[-1], level[-1]))
        self.rate, self.deviation = float(rate[-1]), float(spread[-1])
        return len(values), False


@attrs.frozen
class DDM:
    """Signals when rate + deviation exceed the lowest rate plus three of its deviations, p + s > p_min + 3 s_min.

    Its rate of false alarms is not stated: .04 to .15 per 1,000 values of an error rate of .2.

    Examples
    --------
    >>> errors = np.concatenate((np.tile([0.0, 0.0, 0.0, 0.0, 1.0], 100), np.ones(50)))
    >>> DDM().begin().update_many(errors).tolist()
    [521]

    References
    ----------
    Gama, Medas, Castillo, Rodrigues, Learning with drift detection, SBIA (2004).
    """

    options: Options = Options()
    values: StreamValues = StreamValues.ERRORS

    def begin(self, record: Mapping[str, Any] | None = None) -> Stream:
        """A new stream, or one that goes on."""
        if record is None:
            return Stream(self.options)
        lowest = float("inf") if record["lowest"] is None else float(record["lowest"])
        return Stream(self.options, **{**record, "lowest": lowest})


def build(options: Options) -> DDM:
    """The detector with these settings."""
    return DDM(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "ddm", build, Options, summary="DDM over a stream of errors: 3 sds above the lowest rate")
