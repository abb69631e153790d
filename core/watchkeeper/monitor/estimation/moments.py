"""Rows whose errors have given moments: what a metric reads when only these are known of the errors."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task

Numbers: TypeAlias = NDArray[np.float64]


class Moment(StrEnum):
    """A mean over what a row's error may be; errors are predicted minus truth."""

    MEAN = "mean"
    SIZE = "mean size"
    SQUARE = "mean square"


@attrs.frozen(eq=False)
class Moments:
    """Of n rows' errors, each (n,) float64; no mean is larger than its size, no size than its square's root."""

    mean: Numbers
    size: Numbers
    square: Numbers

    @classmethod
    def of(cls, mean: Numbers | None, size: Numbers | None, square: Numbers | None) -> Moments:
        """Moments that can belong together: what is not given is a normal distribution's, what is too small is raised.

        At least one is given. The mean is cut to its size, the square raised to the size's, and the size to a millionth
        of the square's root: three separate guesses need not agree.
        """
        if size is None:
            size = np.abs(mean) if square is None else np.sqrt(np.maximum(square, 0.0) * 2.0 / np.pi)  # type: ignore[arg-type]  # one of the two is given
        if square is None:
            square = np.square(size) * (np.pi / 2.0)
        size = np.maximum(size, 1e-6 * np.sqrt(np.maximum(square, 0.0)))
        mean = np.zeros_like(size) if mean is None else np.clip(mean, -size, size)
        return cls(mean, size, np.maximum(square, np.square(size)))


@attrs.frozen
class Shape:
    """What the moments leave open."""

    low: float = 0.0
    """The smaller of the two sizes that an error may have, as a share of the mean size; below 1."""
    lean: float = 0.0
    """How much more often small errors are positive than large ones."""


def expected_evaluation(task: Task, predicted: Numbers, moments: Moments, shape: Shape | None = None) -> Evaluation:
    """4 n weighted rows: each row with a small and a large error, of either sign, such that the moments are right.

    With sizes l < a < h of probabilities 1 - q and q: ``(1 - q) l + q h = a`` and ``(1 - q) l² + q h² = m``, where a is
    the mean size and m the mean square; the sign is positive with the probability that makes the mean right.
    """
    shape = shape or Shape()
    mean, size = moments.mean, moments.size
    variance = moments.square - np.square(size)
    below = (1.0 - shape.low) * size
    spread = np.square(below) + variance
    often = np.divide(np.square(below), spread, out=np.ones_like(size), where=spread > 0)
    low, high = size - below, size + np.divide(variance, below, out=np.zeros_like(size), where=below > 0)
    tilt = np.divide(mean, size, out=np.zeros_like(size), where=size > 0)
    lean = np.divide(shape.lean, size, out=np.zeros_like(size), where=size > 0)
    tilts = (tilt + lean * often * high, tilt - lean * (1.0 - often) * low)
    errors, weights = [], []
    for error, share, up in zip((low, high), (1.0 - often, often), tilts, strict=True):
        errors += [error, -error]
        weights += [share * (1.0 + up) / 2.0, share * (1.0 - up) / 2.0]
    truth = np.tile(predicted, 4) - np.concatenate(errors)
    return Evaluation(task, truth, np.tile(predicted, 4), weights=np.maximum(np.concatenate(weights), 0.0))
