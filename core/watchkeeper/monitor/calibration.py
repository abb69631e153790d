"""How large a drift statistic must be to matter: thresholds from the reference's own windows.

The reference is cut into windows of the size that will be checked, and each is compared with the reference. What the
statistic does there, in a time when nothing was wrong, is what "no drift" looks like for this feature, with its
autocorrelation and seasons. The logarithms of those distances get a Student tail; the threshold is where that tail
leaves the share of false alarms that the budget grants one test in one window.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from scipy.special import stdtrit

from watchkeeper.contracts.drift import Drift, DriftDetector
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.table import Column
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure
from watchkeeper.plugins.boundary import attempt

FEWEST_WINDOWS = 8
MOST_WINDOWS = 200
_HIGHEST_SHARE = 0.05
"""However generous the budget, not more than this share of windows may alarm for all tests together."""


@attrs.frozen
class Allowance:
    """The share of the false-alarm budget that one statistic of one feature may use up in one window."""

    per_test: float
    tests: int

    @classmethod
    def of(cls, budget: FalseAlarmBudget, window_us: float | None, tests: int) -> Allowance:
        """Share `budget` over all windows in its period and all `tests` in a window (a union bound)."""
        windows = budget.per_us / window_us if window_us else 1.0
        per_window = min(budget.alarms / max(windows, 1.0), _HIGHEST_SHARE)
        return cls(per_window / max(tests, 1), tests)


def calibrated_threshold(
    detector: DriftDetector, title: str, name: str, column: Column, *, rows_per_window: int, allowance: Allowance
) -> Value:
    """The statistic above which a window of `rows_per_window` has drifted; undefined when the reference is too short.

    Costs one comparison for each of at most 200 windows.
    """
    windows = len(column) // max(rows_per_window, 1)
    if windows < FEWEST_WINDOWS:
        return Value.undefined(
            f"the reference holds {windows} windows of {rows_per_window} rows, at least {FEWEST_WINDOWS} are needed"
        )
    found = attempt(title, name, lambda: _reference_distances(detector, name, column, rows_per_window, windows))
    if isinstance(found, Failure):
        return Value.undefined(f"the detector failed on the reference: {found.error}")
    if len(found) < FEWEST_WINDOWS:
        return Value.undefined(f"only {len(found)} of the reference's {windows} windows have a distance")
    return _upper_tail(found, allowance.per_test)


def _reference_distances(detector: DriftDetector, name: str, column: Column, rows: int, windows: int) -> list[float]:
    chosen = np.unique(np.linspace(0, windows - 1, min(windows, MOST_WINDOWS)).astype(int))
    whole = ReferenceColumn.fit(name, column) if windows > MOST_WINDOWS else None
    distances = []
    for at in chosen:
        inside = np.zeros(len(column), dtype=np.bool_)
        inside[at * rows : (at + 1) * rows] = True
        # a window that is a good part of the reference would be compared with itself: leave it out
        rest = whole or ReferenceColumn.fit(name, column[~inside])
        drift: Drift = detector.compare(Comparison(rest, column[inside]))
        if drift.statistic.number is not None:
            distances.append(drift.statistic.number)
    return distances


def _upper_tail(distances: list[float], share: float) -> Value:
    positive = np.maximum(np.asarray(distances), 1e-12)
    logs = np.log(positive)
    spread = float(logs.std(ddof=1))
    if spread == 0.0:
        return Value.of(float(positive.max()), samples=len(logs))
    quantile = -float(stdtrit(len(logs) - 1, share))
    edge = float(logs.mean()) + quantile * spread * float(np.sqrt(1.0 + 1.0 / len(logs)))
    return Value.of(float(np.exp(min(edge, 700.0))), samples=len(logs))


def thresholds(
    detectors: Mapping[str, DriftDetector],
    columns: Mapping[str, Column],
    references: Mapping[str, ReferenceColumn],
    rows_per_window: int,
    allowance: Allowance,
) -> dict[tuple[str, str], Value]:
    """A threshold for each pair of detector and column that go together."""
    return {
        (title, name): calibrated_threshold(
            detector, f"drift.{title}", name, columns[name], rows_per_window=rows_per_window, allowance=allowance
        )
        for name, reference in references.items()
        for title, detector in detectors.items()
        if reference.kind in detector.columns
    }
