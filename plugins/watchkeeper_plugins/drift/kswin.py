"""KSWIN: the latest values of a sliding window are distributed otherwise than the ones before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import StreamValues
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.hookspecs import hookimpl

from .signalled_changes import signalled_in_blocks

_AT_ONCE = 2048


@attrs.frozen
class Options:
    """Settings."""

    updates_per_alarm: int = attrs.field(default=20_000, validator=attrs.validators.ge(100))
    """At most one false alarm in so many independent values: each comparison may err with one in so many."""
    window: int = attrs.field(default=100, validator=attrs.validators.ge(20))
    """How many values are looked at."""
    recent: int = attrs.field(default=30, validator=attrs.validators.ge(10))
    """How many of them, the latest, are compared with the rest; at most half."""

    def __attrs_post_init__(self) -> None:
        if 2 * self.recent > self.window:
            raise ValueError(f"recent is {self.recent} of a window of {self.window}: expected at most half of it")


@attrs.define
class Stream:
    """One stream of numbers; O(n window log window), many windows sorted at once."""

    options: Options
    held: NDArray[np.float64] = attrs.field(factory=lambda: np.empty(0))
    """The latest values, fewer than a window."""

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where a change was signalled."""
        return signalled_in_blocks(values, self._until_change, at_once=_AT_ONCE)

    def to_record(self) -> dict[str, Any]:
        """Everything it knows."""
        return {"held": self.held.tolist()}

    def _until_change(self, values: NDArray[np.float64]) -> tuple[int, bool]:
        whole = np.concatenate((self.held, values))
        size, recent = self.options.window, self.options.recent
        if len(whole) >= size:
            windows = np.lib.stride_tricks.sliding_window_view(whole, size)
            limit = critical_distance(size - recent, recent, self.options.updates_per_alarm)
            changes = np.flatnonzero(_distances(windows, recent) > limit)
            if len(changes):
                end = int(changes[0]) + size
                self.held = whole[end - recent : end].copy()
                return end - (len(whole) - len(values)), True
        self.held = whole[-(size - 1) :].copy()
        return len(values), False


def _distances(windows: NDArray[np.float64], recent: int) -> NDArray[np.float64]:
    """(m,) the largest distance between the distribution functions of the last `recent` values and of the others."""
    older = windows.shape[1] - recent
    order = np.argsort(windows, axis=1, kind="stable")
    ordered = np.take_along_axis(windows, order, axis=1)
    steps = np.where(order >= older, older, -recent)  # integers, so that ties add up exactly
    walk = np.abs(np.cumsum(steps, axis=1))
    walk[:, :-1][ordered[:, 1:] == ordered[:, :-1]] = 0  # only after the last of equal values
    distances: NDArray[np.float64] = walk.max(axis=1) / float(older * recent)
    return distances


@lru_cache(maxsize=64)
def critical_distance(older: int, recent: int, updates: int) -> float:
    """The distance that two samples of one distribution exceed with a chance of at most one in `updates`, exactly.

    The chance at each possible distance is a count of lattice paths, O(older * recent); found by bisection.

    References
    ----------
    Hodges, The significance probability of the Smirnov two-sample test, Arkiv för Matematik 3 (1958).
    """
    from math import gcd

    unit = older * recent // gcd(older, recent)
    low, high = 0, unit
    while high - low > 1:
        middle = (low + high) // 2
        if _chance_at_least(older, recent, middle / unit) <= 1.0 / updates:
            high = middle
        else:
            low = middle
    return (high - 0.5) / unit


def _chance_at_least(older: int, recent: int, distance: float) -> float:
    """The chance of a distance of at least this: one minus that of a lattice path that stays inside."""
    place = np.arange(recent + 1) / recent
    inside = np.zeros(recent + 1)
    for row in range(older + 1):
        allowed = np.abs(row / older - place) < distance - 1e-12
        for column in range(recent + 1):
            if not allowed[column]:
                inside[column] = 0.0
            elif row == 0 and column == 0:
                inside[column] = 1.0
            else:
                left = inside[column - 1] * column / (row + column) if column else 0.0
                inside[column] = left + (inside[column] * row / (row + column) if row else 0.0)
    return 1.0 - float(inside[recent])


@attrs.frozen
class KSWIN:
    """A Kolmogorov-Smirnov test of the latest 30 of 100 values against the 70 before them, at every value.

    Examples
    --------
    >>> numbers = np.concatenate((np.arange(300) % 7, 4.0 + np.arange(100) % 7))
    >>> KSWIN().begin().update_many(numbers).tolist()
    [325]

    References
    ----------
    Raab, Heusinger, Schleif, Reactive soft prototype computing for concept drift streams, Neurocomputing 416 (2020);
    here against all of the rest of the window, where the paper draws a random part of it.
    """

    options: Options = Options()
    values: StreamValues = StreamValues.NUMBERS

    def begin(self, record: Mapping[str, Any] | None = None) -> Stream:
        """A new stream, or one that goes on."""
        return Stream(self.options) if record is None else Stream(self.options, np.array(record["held"], dtype=float))


def build(options: Options) -> KSWIN:
    """The detector with these settings."""
    return KSWIN(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "kswin", build, Options, summary="KSWIN over a stream of numbers: KS test of the latest")
