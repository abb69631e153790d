"""The best rising curve from a score to the share of rows that turned out to be of a class."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

_QUICK: Final = 0.75
"""A pass over all pools is worth its while when it leaves at most this share of them."""


@attrs.frozen(eq=False)
class RisingCurve:
    """Shares that never fall as the score rises; straight lines between the points, level beyond them."""

    scores: NDArray[np.float64]
    """(m,) float64, ascending and distinct."""
    shares: NDArray[np.float64]
    """(m,) float64 from 0 to 1, ascending."""

    @classmethod
    def of(cls, scores: NDArray[np.float64], is_positive: NDArray[np.bool_]) -> RisingCurve:
        """The isotonic regression of `is_positive` on `scores`: least squares among all rising curves.

        Pools neighbours in which the share does not rise; in which order they are pooled makes no difference.
        O(n log n) for sorting, then O(n).

        Parameters
        ----------
        scores
            (n,) float64, finite, at least one.
        is_positive
            (n,) bool.

        References
        ----------
        Ayer, Brunk, Ewing, Reid & Silverman (1955), Annals of Mathematical Statistics 26:641. Zadrozny & Elkan (2002),
        "Transforming classifier scores into accurate multiclass probability estimates", KDD.
        """
        points, group, rows = np.unique(scores, return_inverse=True, return_counts=True)
        positives = np.bincount(group, is_positive, len(points)).astype(np.float64)
        first, shares = _pooled(positives, rows.astype(np.float64))
        last = np.append(first[1:], len(points)) - 1
        # a pool is level from its first point to its last; pools of one point would give that point twice
        places = np.unique(np.concatenate([first, last]))
        levels = shares[np.searchsorted(first, places, "right") - 1]
        return cls(points[places], levels)

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: the share at each score."""
        return np.interp(scores, self.scores, self.shares)


def _pooled(totals: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where each pool begins, and its share: whole runs at once while that is quick, then one neighbour at a time."""
    first = np.arange(len(rows))
    while True:
        shares = totals / rows
        starts = np.flatnonzero(np.append(True, shares[1:] > shares[:-1]))
        if len(starts) == len(rows):
            return first, shares
        is_quick = len(starts) < _QUICK * len(rows)
        first, totals, rows = first[starts], np.add.reduceat(totals, starts), np.add.reduceat(rows, starts)
        if not is_quick:
            return _pooled_one_by_one(first, totals, rows)


def _pooled_one_by_one(
    first: NDArray[np.intp], totals: NDArray[np.float64], rows: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The same with a stack of pools: never more than two steps a point."""
    pools: list[tuple[int, float, float]] = []
    for start, total, count in zip(first.tolist(), totals.tolist(), rows.tolist(), strict=True):
        pool = (start, total, count)
        while pools and pools[-1][1] * pool[2] >= pool[1] * pools[-1][2]:
            before = pools.pop()
            pool = (before[0], before[1] + pool[1], before[2] + pool[2])
        pools.append(pool)
    starts, sums, counts = zip(*pools, strict=True)
    return np.array(starts, dtype=np.intp), np.array(sums) / np.array(counts)
