"""The scores by which a check is held against its series' history; each is high where something else is unusual."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .features import exponential_mean, summary_features
from .methods import Leg

LEVEL_WEIGHT: Final = 0.3
SPREAD_WEIGHT: Final = 0.15
_MOST_SQUARE: Final = 16.0
"""One spike counts no more than this in the spread, so that it is not taken for a new spread."""
_TREES: Final = 100
_SAMPLES: Final = 512
_SEED: Final = 20_240_601

Scorer: TypeAlias = "Callable[[NDArray[np.float64]], NDArray[np.float64]]"
"""From robust z scores (n, k) to (n,) how unusual each row is; what is high is unusual."""


def largest_score(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the largest absolute z score of each row. O(n k)."""
    largest: NDArray[np.float64] = np.abs(scores).max(axis=1)
    return largest


def moved_level(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the largest absolute exponentially weighted mean. O(n k).

    References
    ----------
    S. W. Roberts, Control chart tests based on geometric moving averages, Technometrics 1 (1959).
    """
    largest: NDArray[np.float64] = np.abs(exponential_mean(scores, LEVEL_WEIGHT)).max(axis=1)
    return largest


def wider_spread(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the largest exponentially weighted mean square, each square at most 16. O(n k).

    References
    ----------
    J. F. MacGregor and T. J. Harris, The exponentially weighted moving variance, J. Quality Technology 25 (1993).
    """
    largest: NDArray[np.float64] = exponential_mean(np.minimum(scores**2, _MOST_SQUARE), SPREAD_WEIGHT).max(axis=1)
    return largest


def forest(clean: NDArray[np.float64], is_clean: NDArray[np.bool_]) -> Scorer:
    """An Isolation Forest fitted on the summary features of the clean rows. O(trees samples log samples).

    Parameters
    ----------
    clean
        (n, k) robust z scores of the whole history, as the features look back.
    is_clean
        (n,) the rows to learn from.

    References
    ----------
    F. T. Liu, K. M. Ting and Z.-H. Zhou, Isolation forest, ICDM (2008).
    """
    from sklearn.ensemble import IsolationForest  # half a second that only this leg needs

    features = summary_features(clean)[is_clean]
    fitted = IsolationForest(
        n_estimators=_TREES, max_samples=min(_SAMPLES, len(features)), random_state=_SEED, n_jobs=1
    ).fit(features)
    return lambda scores: -fitted.score_samples(summary_features(scores))


def scorer_of(leg: Leg, clean: NDArray[np.float64], is_clean: NDArray[np.bool_]) -> Scorer:
    """What scores rows by this leg, fitted where it has something to fit."""
    return forest(clean, is_clean) if leg is Leg.FOREST else _CHARTS[leg]


_CHARTS: Final[Mapping[Leg, Scorer]] = {
    Leg.Z: largest_score,
    Leg.EWMA: moved_level,
    Leg.SPREAD: wider_spread,
}
