"""What comes again each day in a series is taken out of it, where a clean history shows that it does."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

FEWEST_CYCLES: Final = 4
"""So many whole days must be in the history before a daily profile is believed."""
_MOST_BINS: Final = 288
_WORTH: Final = 0.9
"""A profile stays when it leaves less than this share of the spread in cycles that it was not learned from."""


@attrs.frozen(eq=False)
class Profile:
    """What is usual at each place of the cycle, for each of k series."""

    usual: NDArray[np.float64]
    """(bins, k); one bin when nothing comes again."""
    period_us: int

    def without(self, times: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``values`` (n, k) less what is usual at their times (n,) in µs. O(n k)."""
        return values - self.usual[_bins(times, self.period_us, len(self.usual))]


def profile_of(times: NDArray[np.int64], values: NDArray[np.float64], period_us: int = 86_400_000_000) -> Profile:
    """The medians of a clean history by place in the cycle, for each series in which they explain enough. O(n k log n).

    Learned from the even cycles and tried on the odd ones first, so that chance makes no season: where it does not
    narrow the spread (median absolute deviation) by a tenth, the series keeps its plain median. A history of fewer than
    `FEWEST_CYCLES` whole cycles has no profile.

    Parameters
    ----------
    times
        (n,) UTC microseconds, ascending.
    values
        (n, k) finite.
    """
    middle = np.median(values, axis=0)
    flat = Profile(middle[None, :], period_us)
    gap = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    bins = min(int(period_us / gap), _MOST_BINS) if gap > 0 else 0
    if bins < 2 or times[-1] - times[0] < FEWEST_CYCLES * period_us:
        return flat
    is_even = (times // period_us) % 2 == 0
    tried = _medians(times[is_even], values[is_even], period_us, bins)
    left = values[~is_even] - tried[_bins(times[~is_even], period_us, bins)]
    comes_again = _spread(left) < _WORTH * _spread(values[~is_even])
    usual = np.where(comes_again, _medians(times, values, period_us, bins), middle)
    return Profile(usual, period_us)


def _bins(times: NDArray[np.int64], period_us: int, bins: int) -> NDArray[np.int64]:
    return (times % period_us) * bins // period_us


def _medians(times: NDArray[np.int64], values: NDArray[np.float64], period_us: int, bins: int) -> NDArray[np.float64]:
    """(bins, k) medians by place; a place that was never seen has the median of all."""
    places = _bins(times, period_us, bins)
    usual = np.tile(np.median(values, axis=0), (bins, 1))
    for place in np.unique(places):
        usual[place] = np.median(values[places == place], axis=0)
    return usual


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.median(np.abs(values - np.median(values, axis=0)), axis=0)
