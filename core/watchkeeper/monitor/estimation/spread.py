"""How far estimates are usually off: estimate less realised value over the reference's own windows."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, student
from watchkeeper.domain.value import Value
from watchkeeper.plugins.boundary import attempt

from .outlook import FEWEST_WINDOWS, Outlook, part_of

_MOST_WINDOWS: Final = 60
_STEPS_A_DOUBLING: Final = 4
"""Sizes are rounded down to steps of 19 %, so that windows of nearly the same size share what was found.

Intervals are wider for it by 9 % at most.
"""


@attrs.frozen
class Misses:
    """How far estimates of one metric were off in windows of one size."""

    rows: int
    """Rows of each window."""
    windows: int
    """Windows in which both the estimate and the realised value were defined."""
    typical: float
    """The root of the mean squared miss."""

    def interval(self, estimate: float, limits: Interval) -> Interval | None:
        """Where the realised value should lie, 95 %: Student's t around the estimate, cut to what the metric can be.

        The misses count around 0, not around their mean: a method that is off to one side widens the interval.
        """
        found = student(estimate, self.typical, self.windows)
        return None if found is None else (max(found[0], limits[0]), min(found[1], limits[1]))


class Spread:
    """What is known of one outlook's misses; safe to ask from several threads."""

    def __init__(self, outlook: Outlook, metrics: Mapping[str, Metric], usual_rows: int) -> None:
        self._outlook = outlook
        self._metrics = metrics
        self._usual_rows = usual_rows
        self._lock = threading.Lock()
        self._found: dict[int, dict[str, Misses]] = {}

    def misses(self, rows: int) -> Mapping[str, Misses]:
        """For each metric the misses in windows of about `rows` rows, or of the largest size that the reference allows.

        Smaller windows than asked for scatter more, so that the interval is wider than it need be, not narrower.
        Costs two evaluations of each metric in each of at most 60 windows; remembered for the size.
        """
        size = min(self._rounded(rows), len(self._outlook.realised) // FEWEST_WINDOWS)
        with self._lock:
            if size not in self._found:
                self._found[size] = self._measured(size)
            return self._found[size]

    def _rounded(self, rows: int) -> int:
        if rows == self._usual_rows or rows < 2:
            return rows
        step = math.floor(math.log2(rows) * _STEPS_A_DOUBLING)
        return max(int(2.0 ** (step / _STEPS_A_DOUBLING)), 1)

    def _measured(self, size: int) -> dict[str, Misses]:
        windows = len(self._outlook.realised) // max(size, 1)
        chosen = np.unique(np.linspace(0, windows - 1, min(windows, _MOST_WINDOWS)).astype(int))
        off: dict[str, list[float]] = {name: [] for name in self._metrics}
        for at in chosen.tolist():
            rows = slice(at * size, (at + 1) * size)
            realised, expected = part_of(self._outlook.realised, rows), self._outlook.crossfitted(rows)
            for name, metric in self._metrics.items():
                told, true = number_of(name, metric, expected), number_of(name, metric, realised)
                if told is not None and true is not None:
                    off[name].append(told - true)
        return {
            name: Misses(size, len(found), math.sqrt(float(np.mean(np.square(found)))) if found else 0.0)
            for name, found in off.items()
        }


def number_of(name: str, metric: Metric, evaluation: Evaluation) -> float | None:
    """The metric's number, None when it has none."""
    found: object = attempt(f"metric.{name}", name, lambda: metric.compute(evaluation))
    return found.number if isinstance(found, Value) else None
