"""Evidence that series have changed by more than a tolerance: Shiryaev-Roberts sums of likelihood ratios."""

from __future__ import annotations

import itertools
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

STEPS: Final[NDArray[np.float64]] = np.array([1.0, 2.0, 3.0, 4.5, 6.0])
"""The sizes of change that are bet on, in residual sds beyond the tolerance."""
STRAIGHT: Final = 5.0
"""A residual counts in full up to this many sds; beyond it, logarithmically."""
_SURCHARGES: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2)
"""Logs of what a later bet may cost besides."""
_MOST_WINNINGS: Final = 0.5
"""In a fair game the mean is 1, and most samples of it are far smaller: a few courses win nearly all of it."""
_ENDLESS: Final = 1e6
SIDES: Final = np.array([1.0, -1.0])[:, None, None]
"""Upwards, downwards."""


def tempered(excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """Residuals z up to `STRAIGHT`, and ``STRAIGHT + log(z / STRAIGHT)`` above it: one wild block is no proof.

    Examples
    --------
    >>> tempered(np.array([-9.0, 2.0, 5.0, 50.0])).round(2).tolist()
    [-9.0, 2.0, 5.0, 7.3]
    """
    return np.where(excess > STRAIGHT, STRAIGHT + np.log(np.maximum(excess, STRAIGHT) / STRAIGHT), excess)


@attrs.frozen(eq=False)
class ChangeBets:
    """Bets on a lasting change of k whitened series, a game that loses on average while there is none.

    A change by d residual sds shows as d in the first residual and as ``lasting * d`` in each later one. The sum over
    all times at which it could have begun is one recursion, ``S = S * later(z) + share * first(z)``. While the change
    is at most the tolerance, E[S] is at most the sum of the shares: a threshold of 1 is reached once in a period on
    average, or less often, when the shares of a period add up to 1. O(k) a block.

    References
    ----------
    Shin, Ramdas, Rinaldo, E-detectors: a nonparametric framework for sequential change detection (2022).
    """

    lasting: NDArray[np.float64]
    """(k,) how much of a change shows in the residuals after the first: ``1 - rho`` for an AR(1)."""
    tolerance: NDArray[np.float64]
    """(k,) the largest change that does not matter, in residual sds."""
    discount: NDArray[np.float64]
    """(2, 2, s, k) first and later, sides, steps: log of what a bet wins on the reference though it should not."""
    ceiling: NDArray[np.float64]
    """(k,) a sum grows no larger."""

    @classmethod
    def calibrated(
        cls,
        residuals: NDArray[np.float64],
        kinds: NDArray[np.int64],
        *,
        lasting: NDArray[np.float64],
        tolerance: NDArray[np.float64],
        ceiling: NDArray[np.float64],
    ) -> ChangeBets:
        """Bets whose prices allow for the tails that the reference's own residuals have.

        Parameters
        ----------
        residuals
            (n, k) of the reference, NaN where undefined. Where a bet's likelihood ratio averages more than 1 on them,
            tails are heavier than a normal's, and the ratio is divided by that average. Half of it is the average
            over all series of the same kind, because the tails of n residuals are not seen in n residuals.
        kinds
            (k,) which series have tails alike.
        """
        discount = np.zeros((2, 2, len(STEPS), residuals.shape[1]))
        for which, factor in enumerate((np.ones_like(lasting), lasting)):
            for side in (0, 1):
                sized = tempered(SIDES[side, 0, 0] * residuals)
                for at, step in enumerate(STEPS):
                    bet = factor * step
                    with np.errstate(invalid="ignore"):
                        ratio = np.exp(bet * sized - 0.5 * bet * bet)
                    discount[which, side, at] = _log_price(ratio, kinds)
        fair = cls(lasting, tolerance, discount, ceiling)
        return attrs.evolve(fair, discount=discount + fair._surcharge(residuals, kinds))

    @property
    def nothing(self) -> NDArray[np.float64]:
        """(2, s, k) the sums before the first block."""
        return np.zeros((2, len(STEPS), len(self.lasting)))

    def advanced(self, sums: NDArray[np.float64], residual: NDArray[np.float64], share: float) -> NDArray[np.float64]:
        """The sums after one more block.

        Parameters
        ----------
        sums
            (2, s, k) as they were: sides, steps, series.
        residual
            (k,) whitened, NaN where the block says nothing: those series stay as they are.
        share
            The block's share of the period in which one false alarm is allowed.
        """
        known = np.isfinite(residual)
        signed = SIDES * np.where(known, residual, 0.0)
        first = self._ratio(signed, np.ones_like(self.lasting), 0)
        later = self._ratio(signed, self.lasting, 1)
        grown = np.minimum(sums * later + share * first, self.ceiling)
        return np.where(known, grown, sums)

    def _surcharge(self, residuals: NDArray[np.float64], kinds: NDArray[np.int64]) -> NDArray[np.float64]:
        """(2, 2, s, k) what a later bet must cost besides, so that courses of bets win nothing on the reference either.

        Residuals that still depend on one another (a level that wanders longer than the whitening reaches) win by the
        course what no single bet wins. O(n k) for each price that is tried.
        """
        surcharge = np.zeros_like(self.discount)
        wins = np.ones(self.discount.shape[2:], dtype=bool)
        for price, dearer in itertools.pairwise(_SURCHARGES):
            wins &= self._winnings(residuals, price, kinds) > _MOST_WINNINGS
            if not wins.any():
                break
            surcharge[1] = np.where(wins, dearer, surcharge[1])
        return surcharge

    def _winnings(self, residuals: NDArray[np.float64], price: float, kinds: NDArray[np.int64]) -> NDArray[np.float64]:
        """(s, k) the sum of all bets since the beginning, on average over the blocks, as a part of a fair game's."""
        sums, total = self.nothing, np.zeros(self.discount.shape[2:])
        still = attrs.evolve(
            self, tolerance=np.zeros_like(self.tolerance), ceiling=np.full_like(self.ceiling, _ENDLESS)
        )
        dearer = attrs.evolve(still, discount=self.discount + np.array([0.0, price])[:, None, None, None])
        for residual in residuals:
            sums = dearer.advanced(sums, residual, 1.0)
            total += sums.mean(axis=0)
        own = total / (0.5 * len(residuals) * (len(residuals) + 1.0))
        pooled = np.stack([np.bincount(kinds, row) for row in own]) / np.maximum(np.bincount(kinds), 1)
        return np.asarray(0.5 * own + 0.5 * pooled[:, kinds])

    def _ratio(self, signed: NDArray[np.float64], factor: NDArray[np.float64], which: int) -> NDArray[np.float64]:
        bet = factor * STEPS[:, None]
        excess = tempered(signed - factor * self.tolerance)
        ratio: NDArray[np.float64] = np.exp(bet * excess - 0.5 * bet * bet - self.discount[which])
        return ratio


def _log_price(ratio: NDArray[np.float64], kinds: NDArray[np.int64]) -> NDArray[np.float64]:
    known = np.isfinite(ratio)
    count = np.maximum(known.sum(axis=0), 1)
    own = np.where(known, ratio, 0.0).sum(axis=0) / count
    pooled = np.bincount(kinds, own) / np.maximum(np.bincount(kinds), 1)
    price: NDArray[np.float64] = np.maximum(np.log(np.maximum(0.5 * own + 0.5 * pooled[kinds], 1e-300)), 0.0)
    return price
