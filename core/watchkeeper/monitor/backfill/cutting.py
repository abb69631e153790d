"""Which windows there are in a history: ends on a grid of time or after so many rows, a length of time or rows long."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.spans import WindowSize

MONDAY_US: Final = 345_600_000_000
"""1970-01-05T00:00:00Z: weeks begin on a Monday, days at midnight, hours on the hour."""


@attrs.frozen
class Plan:
    """Every complete window from `since_us` on, up to `until_us`."""

    size: WindowSize
    step: WindowSize
    since_us: int
    until_us: int

    @property
    def begin_us(self) -> int:
        """Where the first window begins: with a step in time the grid's point at or before `since_us`."""
        if self.step.duration is None:
            return self.since_us
        step_us = self.step.duration.us
        return MONDAY_US + (self.since_us - MONDAY_US) // step_us * step_us


@attrs.frozen(eq=False)
class Cut:
    """w windows over rows in time order, by where they end; those without rows are left out."""

    first: NDArray[np.int64]
    """(w,) the position of each window's first row."""
    stop: NDArray[np.int64]
    """(w,) the position after its last."""
    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    keep: int
    """The position of the first row that later windows can need."""

    def __len__(self) -> int:
        return len(self.first)


class Cutter:
    """Cuts rows that come piece by piece; each window comes once, when all of its rows are there.

    Examples
    --------
    >>> plan = Plan(WindowSize.parse("20us"), WindowSize.parse("10us"), MONDAY_US, MONDAY_US + 100)
    >>> cut = Cutter(plan).cut(MONDAY_US + np.array([1, 12, 25, 31]), MONDAY_US + 40)
    >>> [(int(one) - MONDAY_US, int(end) - MONDAY_US) for one, end in zip(cut.start_us, cut.end_us)]
    [(0, 20), (10, 30), (20, 40)]
    >>> cut.first.tolist(), cut.stop.tolist(), cut.keep
    ([0, 1, 2], [2, 3, 4], 2)
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._done_us = plan.begin_us
        self._before = 0
        """How many rows came before the first that is still held."""
        self._ended = 0
        """How many windows have ended, where ends are counted in rows."""

    def cut(self, time: NDArray[np.int64], through_us: int) -> Cut:
        """The windows that end by `through_us`; `time` are the rows kept from before and all later ones up to there."""
        plan = self._plan
        if plan.step.duration is not None:
            end_us = self._grid(time, plan.step.duration.us, through_us)
            stop = np.searchsorted(time, end_us)
        else:
            stop = self._counted(len(time), plan.step.rows or 1)
            end_us = time[stop - 1] + 1 if len(stop) else np.empty(0, dtype=np.int64)
        if plan.size.duration is not None:
            start_us = end_us - plan.size.duration.us
            first = np.searchsorted(time, start_us)
            keep = int(np.searchsorted(time, through_us - plan.size.duration.us))
        else:
            first = stop - (plan.size.rows or 1)
            start_us = time[np.maximum(first, 0)] if len(first) else end_us
            keep = max(len(time) - (plan.size.rows or 1), 0)
        whole = (first >= 0) & (start_us >= plan.begin_us) & (stop > first)
        self._done_us = through_us
        self._before += keep
        return Cut(first[whole], stop[whole], start_us[whole], end_us[whole], keep)

    def _grid(self, time: NDArray[np.int64], step_us: int, through_us: int) -> NDArray[np.int64]:
        """Points of the grid that windows with rows end at, after those that were told before."""
        reach_us = step_us if self._plan.size.duration is None else self._plan.size.duration.us
        points = np.unique((time - MONDAY_US) // step_us)
        several = 1 + np.arange(-(-reach_us // step_us), dtype=np.int64)
        ends = np.unique(points[:, None] + several) * step_us + MONDAY_US
        return ends[(ends > self._done_us) & (ends <= through_us)]

    def _counted(self, rows: int, step: int) -> NDArray[np.int64]:
        """Positions after each row with which a window ends."""
        first = step if self._plan.size.rows is None else self._plan.size.rows
        ends = np.arange(first + self._ended * step, self._before + rows + 1, step, dtype=np.int64)
        self._ended += len(ends)
        return ends - self._before
