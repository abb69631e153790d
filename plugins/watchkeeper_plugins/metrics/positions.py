"""What a signal would have earned: positions from predictions, returns from positions, and their moments."""

from __future__ import annotations

import math
from enum import StrEnum

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import weighted_mean

from .means import power_of_two


class Position(StrEnum):
    """How a prediction becomes a position."""

    SIGN = "sign"
    """Long 1 above 0, short 1 below it."""
    PROPORTIONAL = "proportional"
    """As large as the prediction."""


@attrs.frozen
class PositionOptions:
    """How a prediction becomes a position, and what changing it costs."""

    position: Position = attrs.field(default=Position.SIGN, converter=Position)
    """`sign`: long 1 above 0 and short 1 below it; `proportional`: as large as the prediction."""
    cost: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))
    """What a change of the position by 1 costs, in units of return; 0.0005 is five basis points."""


def positions(evaluation: Evaluation, position: Position) -> NDArray[np.float64]:
    """(n,) float64: the position held while each row's outcome came about."""
    predicted = evaluation.predicted.astype(np.float64, copy=False)
    return np.sign(predicted) if position is Position.SIGN else predicted


def earned(evaluation: Evaluation, options: PositionOptions) -> NDArray[np.float64]:
    """(n,) float64: position times outcome, less the cost of coming to the position from the one before.

    The first position is come to from 0. Infinite or NaN where float64 cannot hold it.
    """
    held = positions(evaluation, options.position)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        returns = held * evaluation.truth
        if options.cost:
            returns -= options.cost * np.abs(np.diff(held, prepend=0.0))
    return returns


@attrs.frozen
class Moments:
    """Mean over standard deviation of n returns a period, with what its error needs."""

    ratio: float
    """The Sharpe ratio of one period."""
    skewness: float
    kurtosis: float
    """3 for normal returns."""
    rows: float
    """Effective number of rows."""

    @property
    def error(self) -> float:
        """The ratio's standard error for any distribution (Mertens 2002; Bailey & López de Prado 2012)."""
        variance = 1 - self.skewness * self.ratio + (self.kurtosis - 1) / 4 * self.ratio**2
        return math.sqrt(max(variance, 0.0) / (self.rows - 1))


def moments(returns: NDArray[np.float64], weights: NDArray[np.float64] | None) -> Moments | str:
    """The moments of finite returns, or in words why there are none. O(n)."""
    size = float(np.abs(returns).max())
    if not math.isfinite(size):
        return "returns are too large for float64"
    scaled = returns / power_of_two(size)
    mean, _, freedom = weighted_mean(scaled, weights)
    if freedom <= 0:
        return "one row has no spread"
    apart = scaled - mean
    squares = np.square(apart)
    second, third, fourth = (
        weighted_mean(powers, weights)[0] for powers in (squares, squares * apart, np.square(squares))
    )
    if math.sqrt(second) <= 1e-14 * float(np.abs(scaled).max()):
        return "every row earned the same, so that there is no risk to divide by"
    rows = freedom + 1
    deviation = math.sqrt(second * rows / freedom)
    return Moments(mean / deviation, third / second**1.5, fourth / second**2, rows)
