"""What an explainer plugin is: why a model answered as it did, with a measured fidelity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.explanation import Explanation

Predict: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""(m, d) float64 rows in, (m,) float64 out: a probability, a value or a score. Pure."""


@runtime_checkable
class Explainer(Protocol):
    """Attributes predictions to features; seeded, so that the same rows give the same explanation."""

    def explain(
        self,
        predict: Predict,
        rows: NDArray[np.float64],
        background: NDArray[np.float64],
        features: tuple[str, ...],
    ) -> Explanation:
        """Explain `rows`.

        Parameters
        ----------
        predict
            The model, called only with rows of d features.
        rows
            (m, d) float64, C order: what to explain.
        background
            (b, d) float64: rows that stand for the ordinary, b at least 1.
        features
            The d names, in column order.

        Raises
        ------
        DataError
            When shapes disagree or a row is not finite where the method needs it to be.
        """
        ...
