"""A metric that is the mean of one number a row, with its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import student, weighted_mean
from watchkeeper.domain.value import Value

TOO_FAR = "truth and predicted are too large, or too far apart, for float64"


def mean_value(rows: NDArray[np.float64], evaluation: Evaluation, *, least: float = -math.inf) -> Value:
    """The weighted mean of one finite number a row, with Student's t interval cut at `least`.

    Rows are scaled by a power of two when they are so large that their squares would overflow, or so small that
    these would vanish; that changes no digit.
    """
    samples = len(evaluation)
    size = max(float(rows.max()), -float(rows.min()))
    if not math.isfinite(size):
        return Value.undefined(TOO_FAR, samples=samples)
    scale = power_of_two(size)
    mean, error, freedom = weighted_mean(rows if scale == 1.0 else rows / scale, evaluation.weights)
    interval = student(mean, error, freedom)
    if interval is not None:
        interval = max(interval[0] * scale, least), interval[1] * scale
        interval = min(interval[0], mean * scale), interval[1]
        if not math.isfinite(interval[1] - interval[0]):
            interval = None
    return Value.of(mean * scale, samples=samples, interval=interval)


def power_of_two(size: float) -> float:
    """1 for ordinary sizes, else the power of two near it: dividing by it is exact and keeps squares in range."""
    if size == 0.0 or 1e-100 < size < 1e100:
        return 1.0
    return math.ldexp(1.0, math.frexp(size)[1] - 1)
