"""How wrong each member was in each row, as weighting strategies read it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.ensemble import MemberHistory
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.model import Task

_SURE: Final = float(np.finfo(np.float64).eps)


def member_history(
    task: Task, members: tuple[str, ...], predictions: NDArray[np.float64], truth: NDArray[np.float64]
) -> MemberHistory:
    """Predictions and truths with the loss of the task: squared error, or log-loss for classification. O(n k).

    Parameters
    ----------
    predictions
        (n, k) float64, a column a member, oldest row first; NaN where a member did not answer. For classification
        the probability of the second class.
    truth
        (n,) float64, finite; for classification 0.0 or 1.0.

    Raises
    ------
    DataError
        When shapes disagree, or a value is not one that the task can have.
    """
    return MemberHistory(members, predictions, truth, _losses(task, members, predictions, truth))


def squared_errors(predictions: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) float64; NaN where there is no prediction."""
    return np.asarray((predictions - truth[:, np.newaxis]) ** 2)


def log_losses(probabilities: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) float64, in nats; a probability nearer to 0 or 1 than 2.2e-16 counts as that near."""
    of_the_truth = np.where(truth[:, np.newaxis] > 0.5, probabilities, 1.0 - probabilities)
    return np.asarray(-np.log(np.clip(of_the_truth, _SURE, 1.0 - _SURE)))


def _losses(
    task: Task, members: tuple[str, ...], predictions: NDArray[np.float64], truth: NDArray[np.float64]
) -> NDArray[np.float64]:
    if truth.ndim != 1 or predictions.shape != (len(truth), len(members)):
        raise DataError(
            f"predictions of {len(members)} members need shape (rows, {len(members)}) and truths (rows,); found "
            f"{predictions.shape} and {truth.shape}"
        )
    if not np.isfinite(truth).all():
        raise DataError("truths must be finite: leave out the rows whose outcome is not known yet")
    if task is not Task.CLASSIFICATION:
        _require(~np.isinf(predictions), members, "finite numbers")
        return squared_errors(predictions, truth)
    if not np.isin(truth, (0.0, 1.0)).all():
        raise DataError("truths of a classification must be 0 or 1, the second class; found others")
    # written so that NaN, which is no answer, passes
    _require(~((predictions < 0.0) | (predictions > 1.0)), members, "probabilities of the second class, in 0 to 1")
    return log_losses(predictions, truth)


def _require(holds: NDArray[np.bool_], members: tuple[str, ...], expected: str) -> None:
    strangers = [member for member, column in zip(members, holds.T, strict=True) if not column.all()]
    if strangers:
        raise DataError(f"predictions of {', '.join(strangers)} must be {expected}; found others")
