"""One window's truths and predictions of one model, with the statistics that metrics share."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from .model import Task


@attrs.frozen(eq=False, slots=False)
class Evaluation:
    """Aligned truths and predictions of n rows; every shared statistic is computed at most once."""

    task: Task
    truth: NDArray[np.float64] | NDArray[np.int64]
    """(n,): codes into `classes` for classification, finite float64 otherwise."""
    predicted: NDArray[np.float64] | NDArray[np.int64]
    """(n,): codes into `classes` for classification, finite float64 otherwise."""
    scores: NDArray[np.float64] | None = None
    """(n,) float64: probability (or score) of ``classes[1]``; or (n, k), a column a class; None if there are none."""
    classes: tuple[str, ...] = ()
    weights: NDArray[np.float64] | None = None
    """(n,) float64, at least 0; None: every row counts 1."""

    def __len__(self) -> int:
        return len(self.truth)
