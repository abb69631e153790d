"""What a weighting plugin is: how much each member of an ensemble counts."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.ensemble import MemberHistory


@runtime_checkable
class Weighting(Protocol):
    """A weighting strategy; pure: the same history gives the same weights."""

    def weights(self, history: MemberHistory) -> NDArray[np.float64]:
        """The members' weights.

        Parameters
        ----------
        history
            Predictions, truths and losses of k members over n rows, oldest first. NaN where a member did not answer.

        Returns
        -------
        (k,) float64, each at least 0, summing to 1 within 1e-9, in the members' order.

        Raises
        ------
        DataError
            When the history does not determine weights: no rows, or a member without a single loss.
        """
        ...
