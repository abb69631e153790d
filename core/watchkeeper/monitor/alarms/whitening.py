"""Whitening: what a block's neighbour already told is taken out, so that what is left is new."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

_LARGEST_RHO: Final = 0.97
_BATCHES: Final = 10
_STILL: Final = 1e-4
"""A variance far below this part of what sampling gives is none."""
_ESTIMATION: Final = 3.0
"""Residual sds are taken larger by this over the number of blocks: they are estimates."""
_LEAST_OF_SAMPLING: Final = 0.5
"""A residual sd is at least this part of what sampling alone gives; a constant column has a unit to be measured in."""


@attrs.frozen(eq=False)
class Whitening:
    """An AR(1) of each of k series of block statistics, fitted on the reference's blocks."""

    mean: NDArray[np.float64]
    """(k,)."""
    rho: NDArray[np.float64]
    """(k,) how much of a deviation is left in the next block, 0 to 0.97."""
    sigma: NDArray[np.float64]
    """(k,) sd of the residuals of a block with the usual number of rows."""
    error: NDArray[np.float64]
    """(k,) standard error of `mean`, dependence and slow wandering included."""
    rows: float
    """Rows of a usual block."""

    @classmethod
    def fit(
        cls, mean: NDArray[np.float64], deviations: NDArray[np.float64], learnt: NDArray[np.float64], rows: float
    ) -> Whitening:
        """Fit by least squares, the bias of rho in short series corrected (Kendall 1954).

        Parameters
        ----------
        mean
            (k,) which was subtracted.
        deviations
            (n, k) from mean and seasons in time order, NaN where undefined.
        learnt
            (k,) how many numbers the seasons took.
        rows
            Rows of a usual block.
        """
        before, after = deviations[:-1], deviations[1:]
        both = np.isfinite(before) & np.isfinite(after)
        pairs = np.maximum(both.sum(axis=0), 1)
        before, after = np.where(both, before, 0.0), np.where(both, after, 0.0)
        # a little is added so that a series that does not move, but for rounding, has no memory
        rho = (before * after).sum(axis=0) / ((before * before).sum(axis=0) + pairs * _STILL / rows)
        rho = np.clip(rho + (1.0 + 3.0 * rho) / pairs, 0.0, _LARGEST_RHO)
        squares = ((after - rho * before) ** 2).sum(axis=0)
        sigma = np.sqrt(squares / np.maximum(pairs - 3.0 - learnt, 1.0)) * (1.0 + _ESTIMATION / pairs)
        sigma = np.maximum(sigma, _LEAST_OF_SAMPLING / np.sqrt(rows))
        error = np.maximum(sigma / (1.0 - rho) / np.sqrt(pairs), _batch_error(deviations))
        return cls(mean, rho, sigma, error, rows)

    def residual(
        self, deviation: NDArray[np.float64], previous: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(k,) in sds; NaN where the deviation is.

        Parameters
        ----------
        deviation, previous
            (k,) of this block and of the one before; NaN in `previous` when it is not known.
        rows
            (k,) or (): rows of this block; with fewer than usual its sampling noise is larger.
        """
        known = np.isfinite(previous)
        told = np.where(known, self.rho * np.where(known, previous, 0.0), 0.0)
        usual = self.sigma**2 / np.where(known, 1.0, 1.0 - self.rho**2)
        noise = 1.0 / np.maximum(rows, 1.0) - 1.0 / self.rows
        return np.asarray((deviation - told) / np.sqrt(np.maximum(usual + noise, 0.25 * usual)))

    def residuals(self, deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n - 1, k) of usual blocks in order."""
        return np.asarray((deviations[1:] - self.rho * deviations[:-1]) / self.sigma)


def _batch_error(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) standard error of the mean by the means of ten batches, which slow wandering shows itself in."""
    length = len(deviations) // _BATCHES
    if length < 1:
        return np.zeros(deviations.shape[1])
    batches = deviations[: length * _BATCHES].reshape(_BATCHES, length, -1)
    known = np.isfinite(batches)
    means = np.where(known, batches, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    spread: NDArray[np.float64] = means.std(axis=0, ddof=1) / np.sqrt(_BATCHES)
    return spread
