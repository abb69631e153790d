"""Means of a number given features, learned by gradient-boosted trees on some stretches and told on the others."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .outlook import folds_of

FOLDS: Final = 3
_SEED: Final = 1
_MOST_ROWS: Final = 60_000
"""Of the rows, spread evenly, that trees are grown on; more takes longer and changes little."""
_MANY_ROWS: Final = 10_000
"""From here on trees have 31 leaves, below 7: measured, larger ones learn the noise of 1,000 rows."""
_THREADS: Final = 1
"""Measured: on a busy machine OpenMP's threads wait for one another, and two took up to 16 times as long as one."""


class Sign(StrEnum):
    """What the numbers are: sizes have a mean that grows by factors, signed ones by steps."""

    SIZE = "poisson"
    SIGNED = "squared_error"


@attrs.frozen(eq=False)
class LearnedMean:
    """A number's mean given features."""

    model: Any
    """Answers ``predict((n, d) float64) -> (n,)``; or a float, the mean itself, where nothing can be learned."""
    crossfitted: NDArray[np.float64]
    """(n,) float64: for each row what the model that did not see it says."""
    scale: float

    @classmethod
    def of(
        cls, matrix: NDArray[np.float64], target: NDArray[np.float64], is_category: NDArray[np.bool_], sign: Sign
    ) -> LearnedMean:
        """Learn from n rows in time order; seeded, so that the same rows give the same answers.

        Histogram gradient boosting of at most 100 trees (Ke et al. 2017, "LightGBM", NeurIPS; here scikit-learn's),
        fewer where a tenth of the rows, held out, tells that more do not help: about O(100 n d) for all rows, and for
        each of three folds. Sizes are fitted by Poisson deviance, which keeps their mean over the training rows.

        Parameters
        ----------
        matrix, target
            (n, d) and (n,) float64; sizes are at least 0. NaN in the matrix is missing.
        is_category
            (d,) bool.
        """
        scale = float(np.abs(target).max()) or 1.0
        fold = folds_of(len(target), FOLDS)
        told = np.empty(len(target))
        for own in range(FOLDS):
            others = np.flatnonzero(fold != own)
            model = _grown(matrix[others], target[others] / scale, is_category, sign)
            told[fold == own] = _answer(model, matrix[fold == own])
        return cls(_grown(matrix, target / scale, is_category, sign), told * scale, scale)

    def __call__(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: the mean for each row of (n, d)."""
        return _answer(self.model, matrix) * self.scale


def _grown(matrix: NDArray[np.float64], target: NDArray[np.float64], is_category: NDArray[np.bool_], sign: Sign) -> Any:
    some = slice(None, None, -(-len(target) // _MOST_ROWS))
    matrix, target = matrix[some], target[some]
    if not matrix.shape[1] or target.min() == target.max():
        return float(target.mean())
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss=sign.value,
        max_leaf_nodes=31 if len(target) >= _MANY_ROWS else 7,
        min_samples_leaf=int(np.clip(len(target) // 100, 20, 100)),
        early_stopping=True,
        categorical_features=is_category,
        random_state=_SEED,
    )
    with _threads().limit(limits=_THREADS, user_api="openmp"):
        return model.fit(matrix, target)


def _answer(model: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    if isinstance(model, float):
        return np.full(len(matrix), model)
    if not len(matrix):
        return np.empty(0)
    with _threads().limit(limits=_THREADS, user_api="openmp"):
        return np.asarray(model.predict(matrix), dtype=np.float64)


@cache
def _threads() -> Any:
    """What limits OpenMP's threads; made once, after scikit-learn is loaded, as looking for libraries takes 1 ms."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
