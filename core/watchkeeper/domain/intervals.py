"""Confidence intervals of 95 %, by the method that suits each kind of number.

Every function returns ``(low, high)`` around the estimate. They hold for rows that are independent of one another;
for weighted rows give the effective number of rows, (Σw)² / Σw² (Kish 1965).
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Interval: TypeAlias = tuple[float, float]

LEVEL: Final = 0.95
QUANTILE: Final = 1.959963984540054
"""Of the normal distribution at (1 + LEVEL) / 2."""


def wilson(share: float, trials: float) -> Interval:
    """A proportion's score interval; holds its level down to a handful of trials, and at 0 and 1.

    References
    ----------
    Wilson (1927), J. Am. Stat. Assoc. 22:209; Brown, Cai & DasGupta (2001), Statistical Science 16:101.
    """
    square = QUANTILE**2 / trials
    centre = (share + square / 2) / (1 + square)
    half = math.sqrt(square * (max(share * (1 - share), 0.0) + square / 4)) / (1 + square)
    return min(max(centre - half, 0.0), share), max(min(centre + half, 1.0), share)


def student(number: float, error: float, freedom: float) -> Interval | None:
    """A mean's interval by Student's t; None without a degree of freedom.

    References
    ----------
    Student (1908), Biometrika 6:1.
    """
    if freedom <= 0 or not math.isfinite(error):
        return None
    half = _student_quantile(freedom) * error
    return number - half, number + half


def log_student(number: float, error: float, freedom: float) -> Interval | None:
    """The interval of a positive number, symmetric on the log scale (delta method): never below 0."""
    if number <= 0:
        return None
    around = student(0.0, error / number, freedom)
    if around is None or around[1] > 300:
        return None
    return number * math.exp(around[0]), number * math.exp(around[1])


def logit(share: float, error: float, freedom: float = math.inf) -> Interval | None:
    """The interval of a number between 0 and 1, symmetric on the logit scale (delta method); None at 0 and 1."""
    around = student(0.0, error, freedom)
    if around is None or not 0 < share < 1:
        return None
    centre, half = math.log(share / (1 - share)), around[1] / (share * (1 - share))
    return min(_expit(centre - half), share), max(_expit(centre + half), share)


def fisher(number: float, error: float, freedom: float = math.inf) -> Interval | None:
    """The interval of a number between -1 and 1, symmetric after Fisher's z; None at -1 and 1.

    References
    ----------
    Fisher (1921), Metron 1:3.
    """
    around = student(0.0, error, freedom)
    if around is None or not -1 < number < 1:
        return None
    centre, half = math.atanh(number), around[1] / (1 - number**2)
    return min(math.tanh(centre - half), number), max(math.tanh(centre + half), number)


def sum_of_sizes(total: float, errors: NDArray[np.float64]) -> Interval:
    """The interval of ``Σ |x|``, not below 0, from the estimate of it and the standard errors of the independent x.

    Taking sizes can only push the estimate up: ``|x + e z| - |x|`` is at least ``± e z`` and at most ``e |z|``. So the
    number lies above neither the estimate plus 1.96 standard errors of a signed sum, nor below the estimate less the
    quantile of ``Σ e |z|``, whose mean is ``√(2/π) Σ e`` and variance ``(1 - 2/π) Σ e²``: 95 % or more, whatever the x.
    """
    root = math.sqrt(float(np.square(errors).sum()))
    down = math.sqrt(2 / math.pi) * float(errors.sum()) + QUANTILE * math.sqrt(1 - 2 / math.pi) * root
    return max(total - max(down, QUANTILE * root), 0.0), total + QUANTILE * root


def weighted_mean(rows: NDArray[np.float64], weights: NDArray[np.float64] | None) -> tuple[float, float, float]:
    """The mean of n numbers, its standard error, and the degrees of freedom that Student's t has for it; O(n).

    The error of a weighted mean is the linearised one, Σw²(x - mean)² / (Σw)², with the small-sample factor of the
    effective number of rows. Infinite when there is one row.
    """
    if weights is None:
        n = float(len(rows))
        mean, spread = _mean_and_spread(rows)
        variance = spread / n**2
    else:
        shares = weights / weights.sum()
        n = 1.0 / float(np.square(shares).sum())
        mean = float((shares * rows).sum())
        variance = float(np.square(shares * (rows - mean)).sum())
    freedom = n - 1.0
    if freedom <= 1e-9:
        return mean, math.inf, 0.0
    return mean, math.sqrt(variance * n / freedom), freedom


def _mean_and_spread(rows: NDArray[np.float64], length: int = 16_384) -> tuple[float, float]:
    """The mean, and the sum of squared distances from it, in one pass over memory.

    Stretch by stretch, each in the cache, joined by Chan, Golub & LeVeque (1983), The American Statistician 37:242.
    No dot products: BLAS may split them over threads, and then the last digits depend on the machine's load.
    """
    mean = spread = 0.0
    for start in range(0, len(rows), length):
        part = rows[start : start + length]
        own = float(part.mean())
        apart = part - own
        seen, total = start, start + len(part)
        spread += float(np.square(apart, out=apart).sum()) + (own - mean) ** 2 * seen * len(part) / total
        mean += (own - mean) * len(part) / total
    return mean, spread


def _student_quantile(freedom: float) -> float:
    if math.isinf(freedom):
        return QUANTILE
    from scipy import special  # here: it takes a quarter of a second, and whoever lists plugins need not wait for it

    return float(special.stdtrit(freedom, (1 + LEVEL) / 2))


def _expit(x: float) -> float:
    """The inverse of the logit; for any x without overflow."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(max(x, -700.0)) / (1 + math.exp(max(x, -700.0)))
