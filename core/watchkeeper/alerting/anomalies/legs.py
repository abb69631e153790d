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
SHAPE_CHECKS: Final = 12
"""So many checks make a shape, the last of them the one that is judged."""
NEIGHBOURS: Final = 5
_AT_ONCE: Final = 500
"""Rows that are compared with all of the history at once: memory is this times its length."""
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


def shape(clean: NDArray[np.float64], is_clean: NDArray[np.bool_]) -> Scorer:
    """How far a row is from what followed on the stretches of the history that are most like the rows before it.

    The rows before, `SHAPE_CHECKS` less one and less their mean, are compared with all such stretches of clean rows;
    the median of what came after the `NEIGHBOURS` nearest ones is what was to be expected. Stretches that end within
    the last `SHAPE_CHECKS` rows are left out: the next row that is judged comes after them. m rows against n: O(m n k).

    Parameters
    ----------
    clean
        (n, k) robust z scores of the whole history.
    is_clean
        (n,) the rows to learn from: stretches of these alone.

    References
    ----------
    E. N. Lorenz, Atmospheric predictability as revealed by naturally occurring analogues, J. Atmos. Sci. 26 (1969).
    """
    whole = np.convolve(~is_clean, np.ones(SHAPE_CHECKS), "full")[: len(is_clean)] == 0
    whole[: SHAPE_CHECKS - 1] = False
    whole[len(whole) - SHAPE_CHECKS :] = False
    before, last = _stretches(clean)
    known, followed = before[whole], last[whole]
    lengths = (known**2).sum(axis=1)
    neighbours = min(NEIGHBOURS, len(known))

    def surprise(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        found = np.empty(len(scores))
        before, last = _stretches(scores)
        for begin in range(0, len(scores), _AT_ONCE):
            rows = slice(begin, begin + _AT_ONCE)
            # a row's own length changes nothing in the order of its neighbours
            distances = lengths - 2.0 * (before[rows] @ known.T)
            nearest = np.argpartition(distances, neighbours - 1, axis=1)[:, :neighbours]
            expected = np.median(followed[nearest], axis=1)
            found[rows] = np.abs(last[rows] - expected).max(axis=1)
        return found

    return surprise


def _stretches(scores: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each row the rows before it and the row itself, (n, k (`SHAPE_CHECKS` - 1)) and (n, k), less those' mean.

    Where there are too few rows before it the first one fills up.
    """
    padded = np.concatenate([np.repeat(scores[:1], SHAPE_CHECKS - 1, axis=0), scores])
    windows = np.lib.stride_tricks.sliding_window_view(padded, SHAPE_CHECKS, axis=0)
    mean = windows[:, :, :-1].mean(axis=2)
    before: NDArray[np.float64] = (windows[:, :, :-1] - mean[:, :, None]).reshape(len(scores), -1)
    return before, windows[:, :, -1] - mean


def scorer_of(leg: Leg, clean: NDArray[np.float64], is_clean: NDArray[np.bool_]) -> Scorer:
    """What scores rows by this leg, fitted where it has something to fit."""
    fit = _FITTED.get(leg)
    return _CHARTS[leg] if fit is None else fit(clean, is_clean)


_FITTED: Final[Mapping[Leg, Callable[[NDArray[np.float64], NDArray[np.bool_]], Scorer]]] = {
    Leg.FOREST: forest,
    Leg.SHAPE: shape,
}
_CHARTS: Final[Mapping[Leg, Scorer]] = {
    Leg.Z: largest_score,
    Leg.EWMA: moved_level,
    Leg.SPREAD: wider_spread,
}
