"""Whitening: what the blocks before already told is taken out, so that what is left is new."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .weather import Weather

_BATCHES: Final = 10
_ESTIMATION: Final = 1.0
"""Residual sds are taken larger by this over the number of blocks: they are estimates."""
_LEAST_OF_SAMPLING: Final = 0.5
"""A residual sd is at least this part of what sampling alone gives; a constant column has a unit to be measured in."""
_LEAST_OF_USUAL: Final = 0.25
"""Blocks of many rows have at least this part of the usual variance."""


@attrs.frozen(eq=False)
class Whitening:
    """A level that wanders beside noise, for each of k series of block statistics; fitted on the reference's blocks.

    The level is followed by a Kalman filter in its steady state; what it did not expect is the residual.
    """

    mean: NDArray[np.float64]
    """(k,)."""
    rho: NDArray[np.float64]
    """(k,) how much of a level's deviation is left in the next block."""
    uncertain: NDArray[np.float64]
    """(k,) the variance of the level, given the blocks before."""
    noise: NDArray[np.float64]
    """(k,) the variance of the noise of a block with the usual number of rows."""
    wandering: NDArray[np.float64]
    """(k,) the variance of the level when nothing is known."""
    sigma: NDArray[np.float64]
    """(k,) sd of the residuals of such a block."""
    error: NDArray[np.float64]
    """(k,) standard error of `mean`, dependence and slow wandering included."""
    witnesses: NDArray[np.float64]
    """(k,) how many independent blocks would tell the mean as well."""
    rows: float
    """Rows of a usual block."""

    @classmethod
    def fit(
        cls,
        mean: NDArray[np.float64],
        deviations: NDArray[np.float64],
        learnt: NDArray[np.float64],
        rows: float,
        kinds: NDArray[np.int64] | None = None,
    ) -> Whitening:
        """Fit the weather, and the sd of what is left to the residuals themselves.

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
        kinds
            (k,) which series are thought to have weather alike; all when None.
        """
        alike = np.zeros(len(mean), dtype=np.int64) if kinds is None else kinds
        weather = Weather.fit(deviations, alike, rows)
        uncertain = _steady(weather)
        sigma = np.sqrt(uncertain + weather.noise)
        error = np.maximum(np.sqrt(weather.long_run / len(deviations)), batch_error(deviations))
        fitted = cls(mean, weather.rho, uncertain, weather.noise, weather.level, sigma, error, weather.witnesses, rows)
        return fitted._scaled(deviations, learnt)

    @property
    def lasting(self) -> NDArray[np.float64]:
        """(k,) how much of a change shows in the residuals for as long as it lasts."""
        gain = self.uncertain / np.maximum(self.uncertain + self.noise, 1e-300)
        return np.asarray((1.0 - self.rho) / (1.0 - self.rho + self.rho * gain))

    def residual(
        self, deviation: NDArray[np.float64], expected: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(k,) in sds; NaN where the deviation is.

        Parameters
        ----------
        deviation, expected
            (k,) of this block; NaN in `expected` when no block came before.
        rows
            (k,) or (): rows of this block; with fewer than usual its sampling noise is larger.
        """
        known = np.isfinite(expected)
        usual = np.where(known, self.sigma**2, self.wandering + self.noise)
        variance = np.maximum(usual + self._more_noise(rows), _LEAST_OF_USUAL * usual)
        return np.asarray((deviation - np.where(known, expected, 0.0)) / np.sqrt(variance))

    def expected(
        self, deviation: NDArray[np.float64], expected: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(k,) the next block's deviation, by this one's and what was expected of it; NaN where nothing is known."""
        known = np.isfinite(expected)
        before = np.where(known, expected, 0.0)
        uncertain = np.where(known, self.uncertain, self.wandering)
        noise = np.maximum(self.noise + self._more_noise(rows), _LEAST_OF_USUAL * self.noise)
        gain = uncertain / np.maximum(uncertain + noise, 1e-300)
        said = np.isfinite(deviation)
        level = before + gain * (np.where(said, deviation, before) - before)
        return np.where(said | known, self.rho * level, np.nan)

    def residuals(self, deviations: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n - 1, k) of usual blocks in order."""
        found = np.empty_like(deviations)
        expected, rows = np.full(deviations.shape[1], np.nan), np.array(self.rows)
        for at, deviation in enumerate(deviations):
            found[at] = self.residual(deviation, expected, rows)
            expected = self.expected(deviation, expected, rows)
        return found[1:]

    def _more_noise(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1.0 / np.maximum(rows, 1.0) - 1.0 / self.rows)

    def _scaled(self, deviations: NDArray[np.float64], learnt: NDArray[np.float64]) -> Whitening:
        """With the sd that the residuals have, tails and all; the filter stays as it is."""
        residuals = self.residuals(deviations)
        known = np.isfinite(residuals)
        count = np.maximum(known.sum(axis=0), 1)
        squares = np.where(known, residuals**2, 0.0).sum(axis=0)
        times = np.sqrt(squares / np.maximum(count - 3.0 - learnt, 1.0)) * (1.0 + _ESTIMATION / count)
        sigma = np.maximum(self.sigma * times, _LEAST_OF_SAMPLING / np.sqrt(self.rows))
        factor = (sigma / self.sigma) ** 2
        return attrs.evolve(
            self,
            sigma=sigma,
            uncertain=self.uncertain * factor,
            noise=self.noise * factor,
            wandering=self.wandering * factor,
        )


def _steady(weather: Weather) -> NDArray[np.float64]:
    """(k,) the variance of the level given the blocks before: the fixed point p = rho^2 p noise / (p + noise) + new."""
    kept = weather.rho**2
    new, noise = weather.level * (1.0 - kept), weather.noise
    half = 0.5 * (noise * (1.0 - kept) - new)
    return np.asarray(np.sqrt(half * half + noise * new) - half)


def batch_error(deviations: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) standard error of the mean by the means of ten batches, which slow wandering shows itself in."""
    length = len(deviations) // _BATCHES
    if length < 1:
        return np.zeros(deviations.shape[1])
    batches = deviations[: length * _BATCHES].reshape(_BATCHES, length, -1)
    known = np.isfinite(batches)
    means = np.where(known, batches, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    spread: NDArray[np.float64] = means.std(axis=0, ddof=1) / np.sqrt(_BATCHES)
    return spread
