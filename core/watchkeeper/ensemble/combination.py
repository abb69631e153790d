"""One answer from several members' answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.ensemble import Weights
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.nearest import did_you_mean


def combined(predictions: NDArray[np.float64], members: Sequence[str], weights: Weights) -> NDArray[np.float64]:
    """The weighted mean of the members that answered, row by row. O(n k).

    Parameters
    ----------
    predictions
        (n, k) float64, a column a member; NaN where it did not answer.
    members
        The k columns' names, in any order: shares are found by name. Members that have a share and no column did
        not answer.

    Returns
    -------
    (n,) float64; NaN in rows where no member with a share above 0 answered.

    Raises
    ------
    DataError
        For a member without a share, or a prediction that is infinite.
    """
    if predictions.ndim != 2 or predictions.shape[1] != len(members):
        raise DataError(
            f"predictions of {len(members)} members must have shape (rows, {len(members)}), found {predictions.shape}"
        )
    shares = np.array([_share(member, weights) for member in members], dtype=np.float64)
    infinite = [member for member, column in zip(members, predictions.T, strict=True) if np.isinf(column).any()]
    if infinite:
        raise DataError(f"predictions of {', '.join(infinite)} hold infinite values: expected finite ones, or NaN")
    answered = ~np.isnan(predictions)
    present = answered @ shares
    total = np.where(answered, predictions, 0.0) @ shares
    result = np.full(len(predictions), np.nan)
    np.divide(total, present, out=result, where=present > 0.0)
    return result


def _share(member: str, weights: Weights) -> float:
    if member not in weights.shares:
        raise DataError(
            f"{member!r} has no share in ensemble {weights.ensemble!r}; it has {', '.join(weights.shares)}"
            f"{did_you_mean(member, weights.shares)}"
        )
    return weights.shares[member]
