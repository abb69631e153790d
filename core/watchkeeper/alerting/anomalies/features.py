"""What is told of each check of k series, looking back only: the summary features, and charts of level and spread."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

LEVEL_CHECKS: Final = 8
"""Over so many checks the rolling mean goes."""
SPREAD_CHECKS: Final = 12
"""Over so many checks the rolling spread goes."""
_OF_NORMAL: Final = 1.4826
"""Times the median absolute deviation, it is the standard deviation of a normal distribution."""
_LEAST_VARIANCE: Final = 1e-6


@attrs.frozen(eq=False)
class Scale:
    """What is usual for each of k series: its middle and its spread, both robust."""

    middle: NDArray[np.float64]
    """(k,) medians."""
    spread: NDArray[np.float64]
    """(k,) above 0."""

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Scale:
        """Median and 1.4826 times the median absolute deviation of each column of ``values`` (n, k).

        Where more than half of the numbers are the same, the deviation is 0 and the standard deviation serves; where
        all are the same, 1 does: any other number is then far away.
        """
        middle = np.median(values, axis=0)
        spread = _OF_NORMAL * np.median(np.abs(values - middle), axis=0)
        spread = np.where(spread > 0, spread, values.std(axis=0))
        return cls(middle, np.where(spread > 0, spread, 1.0))

    def scores(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Robust z scores (n, k): how many spreads from the middle."""
        return (values - self.middle) / self.spread


def rolling_mean(values: NDArray[np.float64], checks: int) -> NDArray[np.float64]:
    """(n, k) means of the last `checks` rows, of those that there are at the beginning. O(n k)."""
    sums = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), values]), axis=0)
    end = np.arange(1, len(values) + 1)
    begin = np.maximum(end - checks, 0)
    means: NDArray[np.float64] = (sums[end] - sums[begin]) / (end - begin)[:, None]
    return means


def exponential_mean(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """(n, k) exponentially weighted means ``m = weight x + (1 - weight) m``, from 0 on (Roberts 1959). O(n k)."""
    means = np.empty_like(values)
    before = np.zeros(values.shape[1])
    for row, value in enumerate(values):
        before = weight * value + (1.0 - weight) * before
        means[row] = before
    return means


def summary_features(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 5) over the k robust z scores of each row and those before it. O(n k).

    The largest absolute score; the mean square; the largest step from the row before; the largest absolute rolling mean
    of `LEVEL_CHECKS`; the largest logarithm of the rolling standard deviation of `SPREAD_CHECKS`.
    """
    steps = np.diff(scores, axis=0, prepend=scores[:1])
    level = rolling_mean(scores, LEVEL_CHECKS)
    mean = rolling_mean(scores, SPREAD_CHECKS)
    variance = np.maximum(rolling_mean(scores**2, SPREAD_CHECKS) - mean**2, _LEAST_VARIANCE)
    return np.column_stack(
        [
            np.abs(scores).max(axis=1),
            (scores**2).mean(axis=1),
            np.abs(steps).max(axis=1),
            np.abs(level).max(axis=1),
            0.5 * np.log(variance).max(axis=1),
        ]
    )
