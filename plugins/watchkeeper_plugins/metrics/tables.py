"""The standard error of a number that is computed from a confusion table."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, fisher, logit

PSEUDO_ROWS = 4.0
"""Rows that smoothing spreads over the table: about the square of the normal quantile (Agresti & Coull 1998)."""


def smoothed_table(evaluation: Evaluation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The confusion table, and that of squared weights, with four rows more, spread evenly; both (k, k) float64.

    Errors of estimates are taken from these: from the raw table a window without a mistake would seem to leave no
    doubt. Coverage of the resulting intervals is simulated in the tests.
    """
    counts, squares = evaluation.confusion, evaluation.confusion_squared
    unit = float(squares.sum()) / evaluation.total_weight
    each = PSEUDO_ROWS / counts.size
    return counts + unit * each, squares + unit**2 * each


def table_error(gradient: NDArray[np.float64], squares: NDArray[np.float64]) -> float:
    """The standard error of a number that does not change when all counts are doubled (delta method).

    Parameters
    ----------
    gradient
        (k, k): how much the number moves with the weight in each cell.
    squares
        (k, k): the squared weights in each cell, summed.
    """
    return math.sqrt(float((squares * np.square(gradient)).sum()))


def share_interval(number: float, centre: float, error: float) -> Interval | None:
    """The interval of a number from 0 to 1, on the logit scale; at 0 and 1 around the smoothed table's number."""
    found = logit(number if 0 < number < 1 else centre, error)
    return None if found is None else (min(found[0], number), max(found[1], number))


def agreement_interval(number: float, centre: float, error: float) -> Interval | None:
    """The interval of a number from -1 to 1, after Fisher's z; at -1 and 1 around the smoothed table's number."""
    found = fisher(number if -1 < number < 1 else centre, error)
    return None if found is None else (min(found[0], number), max(found[1], number))
