"""Grown trees as bytes and back, so that the next start need not grow them again."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.monitor.learned import digest_of

from .boosting import LearnedMean
from .moments import Moment

_TREES: Final = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
"""What trees are made of beside types that skops knows to be harmless."""


def losses_digest(
    matrix: NDArray[np.float64],
    residuals: NDArray[np.float64],
    is_category: NDArray[np.bool_],
    wanted: Mapping[Moment, object],
) -> str:
    """SHA-256 of what trees are grown from, and of who grows them: other releases may grow others."""
    told = [
        f"losses 1 {sorted(wanted)}",
        *(f"{name} {version(name)}" for name in ("watchkeeper", "scikit-learn", "skops")),
    ]
    return digest_of(told, [matrix, residuals, is_category])


def trees_bytes(learned: Mapping[Moment, LearnedMean]) -> bytes:
    """The trees and what they told of the reference, as a skops archive."""
    from skops.io import dumps

    told = {
        str(moment): {"model": mean.model, "crossfitted": mean.crossfitted, "scale": mean.scale}
        for moment, mean in learned.items()
    }
    data: bytes = dumps(told)
    return data


def trees_from(data: bytes) -> dict[Moment, LearnedMean] | None:
    """The trees; None when the bytes hold anything else than trees: then they are grown anew."""
    from skops.io import loads
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        told = loads(data, trusted=[_TREES])
    except UntrustedTypesFoundException:
        return None
    return {
        Moment(moment): LearnedMean(found["model"], found["crossfitted"], found["scale"])
        for moment, found in told.items()
    }
