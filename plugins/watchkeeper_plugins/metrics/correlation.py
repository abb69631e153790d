"""The correlation of two columns, weighted, with an error that assumes no distribution."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.intervals import weighted_mean

from .means import power_of_two


@attrs.frozen
class Correlation:
    """Pearson's coefficient of n rows, its standard error, and the effective number of rows."""

    number: float
    error: float
    rows: float


def correlation(first: NDArray[Any], second: NDArray[Any], weights: NDArray[np.float64] | None) -> Correlation | None:
    """Pearson's correlation; None when one of the columns is constant, or there is one row. O(n).

    The error comes from how each row moves the coefficient (influence function), so that it holds for returns with
    heavy tails, where the textbook's ``(1 - r²) / √n`` is too small.
    """
    columns = [_standard(column, weights) for column in (first, second)]
    if columns[0] is None or columns[1] is None:
        return None
    x, y = columns[0], columns[1]
    number = min(max(weighted_mean(x * y, weights)[0], -1.0), 1.0)
    moved = x * y - number / 2 * (np.square(x) + np.square(y))
    _, error, freedom = weighted_mean(moved, weights)
    return Correlation(number, error if math.isfinite(error) else math.nan, freedom + 1)


def midranks(values: NDArray[Any], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """For each row the weight below it plus half of the weight at it, (n,) float64: ranks, ties sharing theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    amounts = np.add.reduceat(np.ones(len(values)) if weights is None else weights[order], first)
    middle = np.cumsum(amounts) - amounts / 2
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(middle, np.diff(first, append=len(values)))
    return ranks


def _standard(column: NDArray[Any], weights: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """The column with mean 0 and variance 1; None when it is constant."""
    size = float(np.abs(column).max())
    scaled = column / power_of_two(size)
    apart = scaled - weighted_mean(scaled, weights)[0]
    spread = math.sqrt(weighted_mean(np.square(apart), weights)[0])
    if spread <= 1e-14 * float(np.abs(scaled).max()):
        return None
    return apart / spread
