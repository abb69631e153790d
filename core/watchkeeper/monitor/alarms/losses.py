"""What a prediction cost once its outcome is known: one loss of at least 0 for each row."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task

_LARGEST: Final = 1e140
SQUARED, BRIER, WRONG = "mean squared error", "Brier score", "share of wrong answers"


def loss_name(evaluation: Evaluation) -> str:
    """What the mean of the losses is called."""
    if evaluation.task is not Task.CLASSIFICATION:
        return SQUARED
    return WRONG if evaluation.scores is None else BRIER


def losses_of(evaluation: Evaluation) -> NDArray[np.float64]:
    """(n,) squared errors of numbers and of probabilities, 1 for a wrong label; none is larger than float64 can sum."""
    if evaluation.task is not Task.CLASSIFICATION:
        with np.errstate(over="ignore"):
            squares: NDArray[np.float64] = np.minimum(evaluation.residuals**2, _LARGEST)
        return squares
    if evaluation.scores is None:
        return np.asarray(evaluation.truth != evaluation.predicted, dtype=np.float64)
    brier: NDArray[np.float64] = (1.0 - evaluation.truth_probabilities) ** 2
    return brier
