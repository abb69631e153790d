"""Why a model answered as it did: attributions for rows, with a measured fidelity."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .value import Value


@attrs.frozen(eq=False)
class Explanation:
    """Attributions of m rows to d features; ``base + attributions.sum(axis=1)`` is what the explainer predicts."""

    method: str
    features: tuple[str, ...]
    base: float
    """What is expected without knowing the row."""
    attributions: NDArray[np.float64]
    """(m, d) float64, in the unit of the prediction."""
    fidelity: Value
    """Share of the model's variance that the explanation reproduces on rows it was not fitted on (R²), at most 1."""

    def __attrs_post_init__(self) -> None:
        if self.attributions.ndim != 2 or self.attributions.shape[1] != len(self.features):
            raise DataError(
                f"attributions of {len(self.features)} features must have shape (rows, "
                f"{len(self.features)}), found {self.attributions.shape}"
            )

    @property
    def importance(self) -> dict[str, float]:
        """Mean absolute attribution of each feature, largest first."""
        sizes = np.abs(self.attributions).mean(axis=0) if len(self.attributions) else np.zeros(len(self.features))
        order = np.argsort(-sizes, kind="stable")
        return {self.features[at]: float(sizes[at]) for at in order}


@attrs.frozen
class ExplanationSummary:
    """What is kept of an explanation: which features mattered, and how far it can be believed."""

    model: str
    version: str
    explainer: str
    """The plugin's title, ``explainer.surrogate``."""
    method: str
    base: float
    importance: Mapping[str, float]
    """Mean absolute attribution of each feature, largest first, in the unit of the prediction."""
    fidelity: Value
    rows: int
    """How many rows were explained."""
    at_us: int
    """When, UTC microseconds since 1970."""
