"""How large a share of missing values must be to be no chance: thresholds within the budget of false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Column, Table, missing

from .calibration import FEWEST_WINDOWS, MOST_WINDOWS, Allowance
from .quality import duplicate_share

QUALITY_BUDGET = 0.05
"""The part of a model's budget that all findings about single windows' data share which chance could bring."""
QUALITY_TESTS = 3
"""Of one column: what is missing; what is constant; what lies outside the reference's range, or was never seen."""


@attrs.frozen
class UsualMissing:
    """What the missing share of one column is in windows of the reference, as angles ``2 asin(sqrt(share))``.

    In angles the sampling sd of a share is ``1 / sqrt(rows)``, whatever the share (Cohen's h).
    """

    mean: float
    wandering: float
    """The variance between windows beyond what sampling gives; 0 where there are too few of them."""
    windows: int
    """How many windows `wandering` is from; 0: rows are taken to be independent."""
    rows: int
    """Of the reference."""
    per_test: float
    """The share of false alarms that is allowed in one window."""

    def threshold(self, rows: int) -> float:
        """The share that a window of so many rows exceeds by chance as rarely as the budget grants."""
        upper = self.mean + self._quantile * self._deviation(rows)
        return math.sin(min(upper, math.pi) / 2.0) ** 2

    def effect(self, share: float) -> float:
        """How far a share is from the usual one, in sds of one row: above 0, more is missing."""
        return float(_angle(share)) - self.mean

    def p_value(self, share: float, rows: int) -> float:
        """Chance of a share at least this large."""
        return float(ndtr(-self.effect(share) / self._deviation(rows)))

    def _deviation(self, rows: int) -> float:
        more = 1.0 / self.windows if self.windows else rows / max(self.rows, 1)
        return math.sqrt((self.wandering + 1.0 / max(rows, 1)) * (1.0 + more))

    @property
    def _quantile(self) -> float:
        freedom = self.windows - 1 if self.windows else 1e6
        return -float(stdtrit(freedom, min(self.per_test, 0.5)))


def usual_missing(
    columns: Mapping[str, Column],
    references: Mapping[str, ReferenceColumn],
    rows_per_window: int,
    allowance: Allowance,
) -> dict[str, UsualMissing]:
    """Of each column, from the windows of the reference; O(n) a column."""
    return {name: _usual(columns[name], rows_per_window, allowance) for name in references}


def _usual(column: Column, rows: int, allowance: Allowance) -> UsualMissing:
    gone = missing(column)
    windows = len(gone) // max(rows, 1)
    if windows < FEWEST_WINDOWS:
        share = float(gone.mean()) if len(gone) else 0.0
        return UsualMissing(float(_angle(share)), 0.0, 0, len(gone), allowance.per_test)
    angles = _angle(gone[: windows * rows].reshape(windows, rows).mean(axis=1))
    wandering = max(float(angles.var(ddof=1)) - 1.0 / rows, 0.0)
    return UsualMissing(float(angles.mean()), wandering, windows, len(gone), allowance.per_test)


@attrs.frozen
class UsualRepeats:
    """Which share of rows repeats another in every feature: in windows of the reference, and in all of it.

    More rows repeat each other the more there are, so that a window is compared with no fewer rows than it has.
    """

    in_windows: UsualMissing | None
    """None where the reference has too few windows."""
    rows_per_window: int
    in_all: UsualMissing

    def threshold(self, rows: int) -> float:
        """The share that a window of so many rows exceeds by chance as rarely as the budget grants; 1 where unknown."""
        if self.in_windows is not None and rows <= self.rows_per_window:
            return self.in_windows.threshold(rows)
        return self.in_all.threshold(rows) if rows <= self.in_all.rows else 1.0


def usual_repeats(features: Table, rows_per_window: int, allowance: Allowance) -> UsualRepeats | None:
    """Of the reference's features in order of time; None where there is nothing to compare. O(n) a column."""
    whole, rows = duplicate_share(features).number, max(rows_per_window, 1)
    if whole is None:
        return None
    in_all = UsualMissing(float(_angle(whole)), 0.0, 0, len(features), allowance.per_test)
    windows = len(features) // rows
    if windows < FEWEST_WINDOWS:
        return UsualRepeats(None, rows, in_all)
    chosen = np.unique(np.linspace(0, windows - 1, min(windows, MOST_WINDOWS)).astype(int)).tolist()
    parts = (features.rows(slice(at * rows, (at + 1) * rows)) for at in chosen)
    angles = _angle(np.array([duplicate_share(part).number for part in parts], dtype=np.float64))
    wandering = max(float(angles.var(ddof=1)) - 1.0 / rows, 0.0)
    return UsualRepeats(
        UsualMissing(float(angles.mean()), wandering, len(angles), len(features), allowance.per_test), rows, in_all
    )


def _angle(share: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2.0 * np.arcsin(np.sqrt(share)))
