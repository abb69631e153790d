"""A metric that is the mean of one number a row, with its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, log_student, student, weighted_mean
from watchkeeper.domain.value import Value

TOO_FAR = "truth and predicted are too large, or too far apart, for float64"


def mean_value(rows: NDArray[np.float64], evaluation: Evaluation, *, is_loss: bool = False) -> Value:
    """The weighted mean of one number a row, with Student's t interval; for losses on the log scale.

    Losses are at least 0 and mostly small with a few large ones: on the log scale the interval stays above 0 and
    reaches further up than down, as their means do.
    Rows are scaled by a power of two when they are so large that their squares would overflow, or so small that
    these would vanish; that changes no digit.
    """
    samples = len(evaluation)
    size = max(float(rows.max()), -float(rows.min()))
    if not math.isfinite(size):
        return Value.undefined(TOO_FAR, samples=samples)
    scale = power_of_two(size)
    mean, error, freedom = weighted_mean(rows if scale == 1.0 else rows / scale, evaluation.weights)
    found = log_student(mean, error, freedom) if is_loss else student(mean, error, freedom)
    return Value.of(mean * scale, samples=samples, interval=scaled(found, scale))


def scaled(interval: Interval | None, scale: float) -> Interval | None:
    """The interval in the unit of the metric; None when float64 cannot hold it."""
    if interval is None or not math.isfinite(interval[1] * scale - interval[0] * scale):
        return None
    return interval[0] * scale, interval[1] * scale


def power_of_two(size: float) -> float:
    """1 for ordinary sizes, else the power of two near it: dividing by it is exact and keeps squares in range."""
    if size == 0.0 or 1e-100 < size < 1e100:
        return 1.0
    return math.ldexp(1.0, math.frexp(size)[1] - 1)
