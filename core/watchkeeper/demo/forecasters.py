"""Five forecasters of tomorrow's volatility, from the simplest to one that cannot extrapolate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .market import FEATURES


class OneFeature(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Forecasts that tomorrow will be what one feature says today."""

    def __init__(self, column: int = 0) -> None:
        self.column = column

    def fit(self, features: NDArray[np.float64], target: NDArray[np.float64] | None = None) -> OneFeature:  # noqa: ARG002 - scikit-learn's signature
        """Nothing to learn but the number of features."""
        self.n_features_in_ = features.shape[1]
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,): the column itself."""
        return features[:, self.column]


class SomeFeatures(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A linear regression on some of the columns (HAR of Corsi, 2009: day, week, month)."""

    def __init__(self, columns: tuple[int, ...] = (0, 1, 2)) -> None:
        self.columns = columns

    def fit(self, features: NDArray[np.float64], target: NDArray[np.float64]) -> SomeFeatures:
        """Least squares."""
        self.n_features_in_ = features.shape[1]
        self.regression_ = LinearRegression().fit(features[:, list(self.columns)], target)
        return self

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,): the fitted line."""
        predicted: NDArray[np.float64] = self.regression_.predict(features[:, list(self.columns)])
        return predicted


def unfitted() -> dict[str, Any]:
    """The five, by the names that the demo's project gives them."""
    trees = HistGradientBoostingRegressor(max_iter=150, learning_rate=0.05, max_leaf_nodes=8, random_state=0)
    return {
        "random-walk": OneFeature(FEATURES.index("vol1")),
        "ewma": OneFeature(FEATURES.index("ewma")),
        "har": SomeFeatures(tuple(FEATURES.index(name) for name in ("vol1", "vol5", "vol22"))),
        "ridge": make_pipeline(StandardScaler(), Ridge(10.0)),
        "boosting": trees,
    }
