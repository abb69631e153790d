"""Shares in inverse proportion to each member's mean loss: who was wrong less counts more.

With squared errors and power 1 these are the weights of least variance for members whose errors are unbiased and not
correlated (Bates and Granger 1969). They estimate k numbers from n rows, so they settle
sooner than weights that use the correlations, and gain less when errors are alike.

Example
-------
>>> import numpy as np
>>> from watchkeeper.domain.ensemble import MemberHistory
>>> losses = np.array([[1.0, 2.0], [1.0, 4.0]])
>>> seen = MemberHistory(("ewma", "har"), np.zeros((2, 2)), np.zeros(2), losses)
>>> build(InverseLossOptions()).weights(seen).tolist()
[0.75, 0.25]

References
----------
J. M. Bates and C. W. J. Granger, "The combination of forecasts", Operational Research Quarterly 20 (1969) 451-468.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.ensemble import MemberHistory
from watchkeeper.domain.errors import DataError
from watchkeeper.hookspecs import hookimpl


@attrs.frozen
class InverseLossOptions:
    """How sharply losses turn into weights."""

    power: float = attrs.field(default=1.0, validator=[attrs.validators.ge(0.0), attrs.validators.lt(np.inf)])
    """Weights are proportional to ``loss ** -power``: 0 makes them equal, large values follow the best member."""
    floor: float = attrs.field(default=0.0, validator=[attrs.validators.ge(0.0), attrs.validators.lt(np.inf)])
    """A mean loss below this counts as this much, in the unit of the loss."""


@attrs.frozen
class InverseLossWeighting:
    """Weights from mean losses over the rows that each member answered. O(n k)."""

    options: InverseLossOptions

    def weights(self, history: MemberHistory) -> NDArray[np.float64]:
        """(k,) float64. Members whose mean loss is 0 share everything when `floor` is 0.

        Raises
        ------
        DataError
            When there are no members, no rows, a member without a single loss, or a loss that is negative or infinite.
        """
        mean_losses = np.maximum(_mean_losses(history), self.options.floor)
        flawless = mean_losses == 0.0
        if flawless.any() and self.options.power > 0.0:
            return np.asarray(flawless / flawless.sum())
        # as exponents, so that neither a loss of 1e-300 nor a power of 50 overflows
        exponents = -self.options.power * np.log(np.where(flawless, 1.0, mean_losses))
        shares = np.exp(exponents - exponents.max())
        return np.asarray(shares / shares.sum())


def build(options: InverseLossOptions) -> InverseLossWeighting:
    """Make the strategy."""
    return InverseLossWeighting(options)


def _mean_losses(history: MemberHistory) -> NDArray[np.float64]:
    if not history.members:
        raise DataError("the ensemble has no members: expected at least one to give weight to")
    losses = history.losses
    answered = ~np.isnan(losses)
    counts = answered.sum(axis=0)
    silent = [member for member, count in zip(history.members, counts, strict=True) if count == 0]
    if silent:
        raise DataError(
            f"no loss is known for {', '.join(silent)} in {len(history.truth)} rows: expected at least one row with a "
            "prediction and an outcome for every member; leave a new member out until it has one"
        )
    known = np.where(answered, losses, 0.0)
    if not np.isfinite(known).all() or (known < 0.0).any():
        raise DataError("losses must be finite and at least 0 (NaN where a member did not answer); found others")
    # each column is scaled by its largest loss first: the sum of many huge losses would overflow
    largest = known.max(axis=0)
    scale = np.where(largest > 0.0, largest, 1.0)
    return np.asarray((known / scale).sum(axis=0) / counts * scale)


@hookimpl
def watchkeeper_weightings() -> Iterable[Plugin]:
    """Inverse mean loss."""
    yield Plugin(
        Kind.WEIGHTING,
        "inverse_loss",
        build,
        InverseLossOptions,
        summary="Shares in inverse proportion to each member's mean loss",
    )
