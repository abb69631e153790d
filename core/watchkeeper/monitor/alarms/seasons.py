"""Seasons: what the hour of the day and the day of the week do to a block, learnt where the reference shows it."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
_MONDAY: Final = 3
"""1970 began on a Thursday."""
_FEWEST_DAYS: Final = 4
_FEWEST_WEEKS: Final = 4
_BY_CHANCE: Final = 0.05
"""A season that chance would show as often as this is taken for chance."""


@attrs.frozen(eq=False)
class Seasons:
    """What is usual at each hour of the day and on each weekday (UTC) beside the mean of k series."""

    hours: NDArray[np.float64]
    """(24, k)."""
    weekdays: NDArray[np.float64]
    """(7, k), Monday first."""

    @classmethod
    def none(cls, series: int) -> Seasons:
        """No season at all."""
        return cls(np.zeros((24, series)), np.zeros((7, series)))

    @classmethod
    def fit(cls, start_us: NDArray[np.int64], deviations: NDArray[np.float64], typical_us: float) -> Seasons:
        """Means by hour, then by weekday of what is left, shrunk by how much of them is chance.

        Parameters
        ----------
        start_us
            (n,) where the reference's blocks start.
        deviations
            (n, k) from their mean, NaN where undefined.
        typical_us
            How long a block lasts: hours are told apart only by blocks of half a day or less.
        """
        found = cls.none(deviations.shape[1])
        days = start_us // DAY_US
        if typical_us <= DAY_US / 2 and len(np.unique(days)) >= _FEWEST_DAYS:
            found.hours[:] = _shrunken(_hour(start_us), deviations, 24)
        if typical_us <= DAY_US and np.ptp(days) + 1 >= 7 * _FEWEST_WEEKS:
            # whole days are compared: the blocks of one day resemble one another and are no separate witnesses
            unique, day = np.unique(days, return_inverse=True)
            left = _means(day, deviations - found.hours[_hour(start_us)], len(unique))[0]
            found.weekdays[:] = _shrunken((unique + _MONDAY) % 7, left, 7)
        return found

    def at(self, start_us: NDArray[np.int64]) -> NDArray[np.float64]:
        """(n, k) what is usual for blocks that start then."""
        usual: NDArray[np.float64] = self.hours[_hour(start_us)] + self.weekdays[(start_us // DAY_US + _MONDAY) % 7]
        return usual

    @property
    def parameters(self) -> NDArray[np.float64]:
        """(k,) how many numbers were learnt for each series."""
        return np.asarray(23.0 * self.hours.any(axis=0) + 6.0 * self.weekdays.any(axis=0))


def _hour(start_us: NDArray[np.int64]) -> NDArray[np.int64]:
    return start_us // HOUR_US % 24


def _means(
    group: NDArray[np.int64], values: NDArray[np.float64], groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(groups, k) means of the defined values, 0 where there are none; (groups, k) how many."""
    known = np.isfinite(values)
    sums, counts = np.zeros((groups, values.shape[1])), np.zeros((groups, values.shape[1]))
    np.add.at(sums, group, np.where(known, values, 0.0))
    np.add.at(counts, group, known.astype(np.float64))
    return sums / np.maximum(counts, 1.0), counts


def _shrunken(group: NDArray[np.int64], values: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    """Group means times the part of their variance that is not chance (James-Stein); 0 when an F test finds none."""
    means, counts = _means(group, values, groups)
    used = (counts > 0).sum(axis=0)
    total = counts.sum(axis=0)
    between_df, within_df = used - 1.0, total - used
    within = np.where(np.isfinite(values), values - means[group], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (counts * means**2).sum(axis=0) / between_df / ((within**2).sum(axis=0) / within_df)
        is_season = (between_df > 0) & (within_df > between_df) & (fdtrc(between_df, within_df, ratio) < _BY_CHANCE)
        kept = np.where(is_season, np.clip(1.0 - 1.0 / ratio, 0.0, 1.0), 0.0)
    shrunken: NDArray[np.float64] = means * kept
    return shrunken
