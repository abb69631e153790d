"""Weather: how far the levels of series wander, and for how long, told from the reference's blocks."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

_RHO: Final = np.array([0.2, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.965, 0.98, 0.99])
_PART: Final = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 1.0])
_RHOS: Final = np.concatenate(([0.0], np.repeat(_RHO, len(_PART))))
_PARTS: Final = np.concatenate(([0.0], np.tile(_PART, len(_RHO))))
"""(g,) the courses that are thought of; the first is no weather at all."""
_LASTING: Final = _PARTS * (1.0 + _RHOS) / (1.0 - _RHOS) + 1.0 - _PARTS
"""(g,) long-run variance of each course in units of its variance."""
_BANDS: Final = 48
_ON_ITS_OWN: Final = 0.2
"""The part of what is thought of a series before its data are seen that the other series do not tell."""
_CALM: Final = 0.5
"""How likely a series is thought to have no weather before any data are seen; what else may be is spread evenly."""
_ROUNDS: Final = 30
_STILL: Final = 1e-4
"""A variance far below this part of what sampling gives is none."""


@attrs.frozen(eq=False)
class Weather:
    """Each of k series is a level, an AR(1), beside noise of its own in each block."""

    rho: NDArray[np.float64]
    """(k,) how much of a level's deviation is left one block later."""
    level: NDArray[np.float64]
    """(k,) the level's variance."""
    noise: NDArray[np.float64]
    """(k,) the variance of what one block has beside the level."""
    long_run: NDArray[np.float64]
    """(k,) n times the variance of the mean of many blocks."""
    likely_long_run: NDArray[np.float64]
    """(k,) the same, its geometric mean over the courses: a course that is hardly likely, but long, moves it little."""
    witnesses: NDArray[np.float64]
    """(k,) how many independent blocks would tell the mean as well as the reference's do."""

    @classmethod
    def fit(cls, deviations: NDArray[np.float64], kinds: NDArray[np.int64] | None, rows: float) -> Weather:
        """Posterior means over a grid of courses, whose prior the other series of the same kind tell.

        A short reference tells little about weather that lasts, and thirty features of one model tell more together
        than each on its own (empirical Bayes). O(n log n + courses) for each series.

        Parameters
        ----------
        deviations
            (n, k) from mean and seasons in time order, NaN where undefined.
        kinds
            (k,) which series are thought to have weather alike; None: each has weather of its own, and no prior is
            fitted, which in one of ten short references would be sure of weather that was chance.
        rows
            Rows of a usual block; a series that does not move, but for rounding, is noise.

        References
        ----------
        Sykulski and others, The debiased Whittle likelihood, Biometrika (2019). Efron, Empirical Bayes deconvolution
        estimates, Biometrika (2016), for a prior that is estimated on a grid.
        """
        likelihood, variance = _likelihoods(deviations, rows)
        weight, long_run = _posterior(likelihood, kinds), variance * _LASTING[:, None]
        level = (weight * variance * _PARTS[:, None]).sum(axis=0)
        remembered = (weight * (_PARTS * _RHOS)[:, None]).sum(axis=0)
        rho = remembered / np.maximum((weight * _PARTS[:, None]).sum(axis=0), 1e-12)
        return cls(
            rho=rho,
            level=level,
            noise=(weight * variance * (1.0 - _PARTS)[:, None]).sum(axis=0),
            long_run=(weight * long_run).sum(axis=0),
            likely_long_run=np.exp((weight * np.log(long_run)).sum(axis=0)),
            witnesses=len(deviations) / np.maximum((weight * _LASTING[:, None]).sum(axis=0), 1.0),
        )


def _likelihoods(deviations: NDArray[np.float64], rows: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(g, k) log-likelihoods of the courses, and each series' variance if it is of that course.

    The periodogram is compared with what it is on average in n blocks, leakage included, in bands of frequencies.
    """
    blocks = len(deviations)
    highest = blocks // 2
    first = np.unique(np.geomspace(1, highest + 1, _BANDS).round().astype(np.int64)) - 1
    first = first[first < highest]
    width = np.diff(np.append(first, highest))
    waves = np.fft.rfft(np.where(np.isfinite(deviations), deviations, 0.0), axis=0)[1 : highest + 1]
    power = np.add.reduceat(np.abs(waves) ** 2 / blocks + _STILL / rows, first, axis=0)
    usual = _expected(blocks, first, width)
    variance = np.maximum((1.0 / usual) @ power / highest, 1e-300)
    likelihood: NDArray[np.float64] = -(highest * np.log(variance) + (np.log(usual) @ width)[:, None])
    return likelihood, variance


def _expected(blocks: int, first: NDArray[np.int64], width: NDArray[np.int64]) -> NDArray[np.float64]:
    """(g, bands) of the periodogram, for series of variance 1."""
    apart = np.arange(blocks)
    levels = []
    for rho in _RHO:
        correlation = rho**apart * (1.0 - apart / blocks)
        spectrum = 2.0 * np.fft.rfft(correlation).real[1 : blocks // 2 + 1] - 1.0
        levels.append(np.add.reduceat(spectrum, first) / width)
    wandering = np.concatenate((np.ones((1, len(width))), np.repeat(levels, len(_PART), axis=0)))
    expected: NDArray[np.float64] = 1.0 - _PARTS[:, None] + _PARTS[:, None] * wandering
    return expected


def _posterior(likelihood: NDArray[np.float64], kinds: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """(g, k) probabilities of the courses; the prior is fitted to the series of a kind by expectation-maximisation."""
    unknown = np.concatenate(
        ([_CALM], (1.0 - _CALM) * _spacing(_RHO).repeat(len(_PART)) * np.tile(_spacing(_PART), len(_RHO)))
    )
    weight: NDArray[np.float64] = np.exp(likelihood - likelihood.max(axis=0))
    if kinds is None:
        told = unknown[:, None] * weight
        return np.asarray(told / told.sum(axis=0))
    for kind in np.unique(kinds):
        alike = weight[:, kinds == kind]
        prior = unknown
        for _ in range(_ROUNDS):
            told = prior[:, None] * alike
            prior = (told / told.sum(axis=0)).mean(axis=1)
        told = (_ON_ITS_OWN * unknown + (1.0 - _ON_ITS_OWN) * prior)[:, None] * alike
        weight[:, kinds == kind] = told / told.sum(axis=0)
    return weight


def _spacing(grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) what part of the whole each point of a grid stands for, so that finer places weigh no more."""
    found = np.diff(np.concatenate((grid[:1], 0.5 * (grid[1:] + grid[:-1]), grid[-1:])))
    return np.asarray(found / found.sum())
