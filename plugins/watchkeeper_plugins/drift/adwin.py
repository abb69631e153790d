"""ADWIN: a window that grows until two parts of it have different means."""

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

from .signalled_changes import signalled_one_by_one


@attrs.frozen
class Options:
    """Settings; the defaults are the usual ones."""

    delta: float = attrs.field(
        default=0.002, validator=attrs.validators.and_(attrs.validators.gt(0.0), attrs.validators.lt(1.0))
    )
    """The chance of an error at a comparison of all parts."""
    clock: int = attrs.field(default=32, validator=attrs.validators.ge(1))
    """Parts are compared at each so-manieth value."""
    buckets: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    """How many buckets of one size are held before two are joined."""
    least: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    """Values that each part has at least."""
    grace: int = attrs.field(default=10, validator=attrs.validators.ge(1))
    """Values before parts are compared at all."""


@attrs.define
class Stream:
    """One stream of numbers in an exponential histogram; O(n log n) in all, memory O(buckets log n)."""

    options: Options
    count: int = 0
    """Values seen, ever."""
    width: int = 0
    """Values in the window."""
    total: float = 0.0
    squares: float = 0.0
    """The sum of squared deviations from the window's mean."""
    rows: list[list[list[float]]] = attrs.field(factory=lambda: [[]])
    """For each size 2^i the buckets, oldest first: total and squared deviations."""

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where a change was signalled."""
        return signalled_one_by_one(values, self._is_change)

    def to_record(self) -> dict[str, Any]:
        """Everything it knows."""
        rows = [[list(bucket) for bucket in row] for row in self.rows]
        return {"count": self.count, "width": self.width, "total": self.total, "squares": self.squares, "rows": rows}

    def _is_change(self, value: float) -> bool:
        self.count += 1
        self._take(value)
        if self.count % self.options.clock or self.width <= self.options.grace:
            return False
        if not self._has_changed():
            return False
        self.count, self.width, self.total, self.squares, self.rows = 0, 0, 0.0, 0.0, [[]]
        return True

    def _take(self, value: float) -> None:
        self.width += 1
        if self.width > 1:
            step = value - self.total / (self.width - 1)
            self.squares += (self.width - 1) * step * step / self.width
        self.total += value
        self.rows[0].append([value, 0.0])
        for size, row in enumerate(self.rows):
            if len(row) <= self.options.buckets:
                return
            if size + 1 == len(self.rows):
                self.rows.append([])
            (first, first_squares), (second, second_squares) = row.pop(0), row.pop(0)
            half = float(2**size)
            apart = (first - second) / half
            self.rows[size + 1].append([first + second, first_squares + second_squares + half * apart * apart / 2.0])

    def _has_changed(self) -> bool:
        """Whether any cut between two buckets separates two means."""
        before, before_total = 0.0, 0.0
        for size in range(len(self.rows) - 1, -1, -1):
            count = float(2**size)
            for total, _ in self.rows[size]:
                before += count
                before_total += total
                after = self.width - before
                if after < self.options.least or not after:
                    return False
                if before >= self.options.least and self._are_apart(before, before_total, after):
                    return True
        return False

    def _are_apart(self, before: float, before_total: float, after: float) -> bool:
        distance = abs(before_total / before - (self.total - before_total) / after)
        least = self.options.least - 1
        inverse = 1.0 / (before - least) + 1.0 / (after - least)
        log = math.log(2.0 * math.log(self.width) / self.options.delta)
        variance = self.squares / self.width
        return distance > math.sqrt(2.0 * inverse * max(variance, 0.0) * log) + 2.0 / 3.0 * inverse * log


@attrs.frozen
class ADWIN:
    """Signals where the window has a cut whose parts' means differ by more than a bound of Bernstein's form.

    The paper keeps what came after the cut; a window begins anew here, so that one change is signalled once. Its rate
    of false alarms is far below any budget: it is slow, three times the delay of the best.

    Examples
    --------
    >>> ADWIN().begin().update_many(np.concatenate((np.zeros(500), np.ones(200)))).tolist()
    [511]

    References
    ----------
    Bifet, Gavaldà, Learning from time-changing data with adaptive windowing, SDM (2007).
    """

    options: Options = Options()
    values: StreamValues = StreamValues.NUMBERS

    def begin(self, record: Mapping[str, Any] | None = None) -> Stream:
        """A new stream, or one that goes on."""
        if record is None:
            return Stream(self.options)
        rows = [[list(map(float, bucket)) for bucket in row] for row in record["rows"]]
        return Stream(self.options, **{**record, "rows": rows})


def build(options: Options) -> ADWIN:
    """The detector with these settings."""
    return ADWIN(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "adwin", build, Options, summary="ADWIN over a stream of numbers: adaptive windowing")
