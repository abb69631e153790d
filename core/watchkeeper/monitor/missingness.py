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
QUALITY_TESTS = 4
"""Of one column: more missing; fewer; constant; outside the reference's range, or never seen there."""

_SMALLEST_SHARE = 0.01


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
    whole: float = 0.0
    """The angle of the share in all of the reference: the mean of angles is smaller where few values are missing."""

    def threshold(self, rows: int) -> float:
        """The share that a window of so many rows exceeds by chance as rarely as the budget grants."""
        upper = self._centre(rows) + self._quantile * self._deviation(rows)
        return math.sin(min(upper, math.pi) / 2.0) ** 2

    def moved(self, share: float, rows: int) -> str:
        """``more values are missing`` or ``fewer``, where that is no chance and matters; else nothing.

        The test is the threshold's, to both sides; shares below 1 % are as good as none, as in drift alarms.
        """
        usual, upper = self._centre(rows), float(_angle(self.threshold(rows)))
        if share > _SMALLEST_SHARE and float(_angle(share)) > upper:
            return "more values are missing"
        if usual > float(_angle(_SMALLEST_SHARE)) and float(_angle(share)) < 2.0 * usual - upper:
            return "fewer values are missing"
        return ""

    def effect(self, share: float, rows: int = 0) -> float:
        """How far a share of so many rows is from the usual one, in sds of one row: above 0, more is missing."""
        return float(_angle(share)) - self._centre(rows)

    def p_value(self, share: float, rows: int) -> float:
        """Chance of a share at least this large."""
        return float(ndtr(-self.effect(share, rows) / self._deviation(rows)))

    def _centre(self, rows: int) -> float:
        """What is usual; of more rows than a window of the reference has, what all of it is like."""
        return self.whole if self.windows and rows * self.windows > self.rows else self.mean

    def _deviation(self, rows: int) -> float:
        """Of what is measured and of what is usual, which is known from so many windows, or rows, alone."""
        usual = (self.wandering / self.windows if self.windows else 0.0) + 1.0 / max(self.rows, 1)
        return math.sqrt(self.wandering + 1.0 / max(rows, 1) + usual)

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
    whole = float(_angle(float(gone.mean()) if len(gone) else 0.0))
    if windows < FEWEST_WINDOWS:
        return UsualMissing(whole, 0.0, 0, len(gone), allowance.per_test, whole)
    angles = _angle(gone[: windows * rows].reshape(windows, rows).mean(axis=1))
    wandering = max(float(angles.var(ddof=1)) - 1.0 / rows, 0.0)
    return UsualMissing(float(angles.mean()), wandering, windows, len(gone), allowance.per_test, whole)


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
    known = len(angles) * rows
    in_windows = UsualMissing(float(angles.mean()), wandering, len(angles), known, allowance.per_test, in_all.mean)
    return UsualRepeats(in_windows, rows, in_all)


def _angle(share: float | NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(2.0 * np.arcsin(np.sqrt(share)))
