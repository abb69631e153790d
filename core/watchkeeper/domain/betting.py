"""Bets that the mean of losses is above a limit: no assumption but that a loss is never below 0."""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

RISES: Final[NDArray[np.float64]] = np.array([0.1, 0.25, 0.5, 1.0, 2.0])
"""The rises of the mean that are bet on, in sds of a loss."""
_BOLDEST: Final = 0.9
"""A bet never stakes more than this part of the capital on a loss of 0."""


@attrs.frozen(eq=False)
class RiseBets:
    """Bets on a lasting rise of the mean loss above a limit; nonparametric.

    A bet multiplies its capital by ``1 + stake * (loss - limit)`` at each row. While each loss has, given the past, a
    mean of at most the limit, the capital does not grow on average, however the losses are distributed: they need not
    be bounded, because a loss of at least 0 and a stake below ``1 / limit`` cannot lose more than everything. The sum
    over all blocks at which the rise could have begun is one recursion, ``S = (S + share) * capital``.
    O(rows * bets).

    References
    ----------
    Waudby-Smith, Ramdas, Estimating means of bounded random variables by betting, JRSS-B (2024).
    Podkopaev, Ramdas, Tracking the risk of a deployed model and detecting harmful distribution shifts, ICLR (2022).
    Shin, Ramdas, Rinaldo, E-detectors: a nonparametric framework for sequential change detection (2022).
    """

    limit: float
    """The largest mean loss that is no rise; above 0."""
    stakes: NDArray[np.float64]
    """(b,) each bet's stake, above 0 and below 1 / limit."""
    dependence: float
    """How many rows tell as much as one independent row, at least 1: capital is raised to the power 1 / dependence."""

    @classmethod
    def of(cls, limit: float, deviation: float, dependence: float) -> RiseBets:
        """Bets on rises in units of the losses' sd; each stake is the best for its rise (Kelly), within reason."""
        rise = RISES * deviation
        stakes = np.minimum(rise / (deviation**2 + rise**2), _BOLDEST / limit)
        return cls(limit, stakes, dependence)

    @property
    def nothing(self) -> NDArray[np.float64]:
        """(b,) the sums before the first block."""
        return np.zeros(len(self.stakes))

    def advanced(self, sums: NDArray[np.float64], losses: NDArray[np.float64], share: float) -> NDArray[np.float64]:
        """(b,) the sums after a block of losses (n,), all at least 0; `share` as in `martingales.ChangeBets`."""
        excess = losses - self.limit
        won = np.array([float(np.log1p(stake * excess).sum()) for stake in self.stakes]) / self.dependence
        return np.minimum((sums + share) * np.exp(np.clip(won, -700.0, 600.0)), 1e12)


def mean_sequence(
    mean: float, deviation: float, rows: float, *, tightest: float, level: float = 0.05
) -> tuple[float, float]:
    """An interval for a mean that holds at all times together with probability ``1 - level``, for many rows.

    Parameters
    ----------
    rows
        How many independent rows the mean is of.
    tightest
        For how many rows the interval is to be as short as it can be; to be chosen before the rows are seen.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, Time-uniform central limit theory and asymptotic confidence
    sequences, Annals of Statistics (2024), equation 2. O(1).

    Examples
    --------
    >>> low, high = mean_sequence(0.2, 0.4, 500.0, tightest=500.0)
    >>> round(low, 3), round(high, 3)
    (0.146, 0.254)
    """
    tuning = (-2.0 * math.log(level) + math.log(-2.0 * math.log(level) + 1.0)) / tightest
    grown = rows * tuning + 1.0
    half = deviation * math.sqrt(2.0 * grown / (rows * rows * tuning) * math.log(math.sqrt(grown) / level))
    return mean - half, mean + half
