"""Several versions answering together: their history, and how much each counts."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from .errors import DataError


@attrs.frozen(eq=False)
class MemberHistory:
    """What k members said over n rows, oldest first, and what turned out to be true."""

    members: tuple[str, ...]
    predictions: NDArray[np.float64]
    """(n, k) float64; NaN where a member did not answer."""
    truth: NDArray[np.float64]
    """(n,) float64, finite."""
    losses: NDArray[np.float64]
    """(n, k) float64, at least 0; NaN where there is no prediction."""

    def __attrs_post_init__(self) -> None:
        expected = (len(self.truth), len(self.members))
        for name, found in (("predictions", self.predictions.shape), ("losses", self.losses.shape)):
            if found != expected:
                raise DataError(
                    f"{name} of {len(self.members)} members over {len(self.truth)} rows must have "
                    f"shape {expected}, found {found}"
                )


@attrs.frozen
class Weights:
    """The members' shares, summing to 1, as a strategy set them."""

    ensemble: str
    strategy: str
    shares: Mapping[str, float]
    """By member: what belongs together is matched by name, never by position."""
    rows: int
    """How many rows they were learned from."""
    set_us: int
    """When, UTC microseconds since 1970."""
