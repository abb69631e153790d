"""Means of a number given features, learned by gradient-boosted trees on some stretches and told on the others."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .outlook import folds_of

FOLDS: Final = 3
_SEED: Final = 1
_MOST_ROWS: Final = 50_000
"""Of a fold's training rows, spread evenly, that trees are grown on; more takes longer and changes little."""
_THREADS: Final = 1
"""Measured: on a busy machine OpenMP's threads wait for one another, and two took up to 16 times as long as one."""


class Sign(StrEnum):
    """What the numbers are: sizes have a mean that grows by factors, signed ones by steps."""

    SIZE = "poisson"
    SIGNED = "squared_error"


@attrs.frozen(eq=False)
class LearnedMean:
    """A number's mean given features: one model a fold; new rows get the mean of their answers."""

    models: Sequence[Any]
    """Each answers ``predict((n, d) float64) -> (n,)``; or a float, the mean itself, where nothing can be learned."""
    crossfitted: NDArray[np.float64]
    """(n,) float64: for each row what the model that did not see it says."""
    scale: float

    @classmethod
    def of(
        cls, matrix: NDArray[np.float64], target: NDArray[np.float64], is_category: NDArray[np.bool_], sign: Sign
    ) -> LearnedMean:
        """Learn from n rows in time order; seeded, so that the same rows give the same answers.

        Histogram gradient boosting of at most 100 trees of 31 leaves (Ke et al. 2017, "LightGBM", NeurIPS; here
        scikit-learn's): about O(100 n d) for each of the three folds. Sizes are fitted by Poisson deviance, whose mean
        over the training rows is theirs.

        Parameters
        ----------
        matrix, target
            (n, d) and (n,) float64; sizes are at least 0. NaN in the matrix is missing.
        is_category
            (d,) bool.
        """
        scale = float(np.abs(target).max()) or 1.0
        fold = folds_of(len(target), FOLDS)
        models, told = [], np.empty(len(target))
        for own in range(FOLDS):
            others = np.flatnonzero(fold != own)
            chosen = others[:: -(-len(others) // _MOST_ROWS)]
            model = _grown(matrix[chosen], target[chosen] / scale, is_category, sign)
            told[fold == own] = _answer(model, matrix[fold == own])
            models.append(model)
        return cls(models, told * scale, scale)

    def __call__(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: the mean for each row of (n, d)."""
        answers = [_answer(model, matrix) for model in self.models]
        return np.asarray(np.mean(answers, axis=0), dtype=np.float64) * self.scale


def _grown(matrix: NDArray[np.float64], target: NDArray[np.float64], is_category: NDArray[np.bool_], sign: Sign) -> Any:
    mean = float(target.mean())
    if not matrix.shape[1] or target.min() == target.max():
        return mean
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingRegressor(
        loss=sign.value,
        min_samples_leaf=int(np.clip(len(target) // 100, 20, 100)),
        categorical_features=is_category,
        random_state=_SEED,
    )
    with threadpool_limits(_THREADS, "openmp"):
        return model.fit(matrix, target)


def _answer(model: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    if isinstance(model, float):
        return np.full(len(matrix), model)
    if not len(matrix):
        return np.empty(0)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(_THREADS, "openmp"):
        return np.asarray(model.predict(matrix), dtype=np.float64)
