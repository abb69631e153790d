"""Features and the prediction as one matrix of numbers, for the trees that learn how large errors are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.table import Categories, Column, Table

PREDICTION: Final = "prediction"
_MOST_CATEGORIES: Final = 250
"""Rarer ones share a code: trees take at most 255."""


@attrs.frozen
class Encoding:
    """Which columns the matrix has and how labels become codes; fixed by the reference."""

    labels: Mapping[str, Mapping[str, int] | None]
    """Each column in order: the code of each label, or None for numbers."""

    @classmethod
    def of(cls, prediction: Column, features: Table) -> Encoding:
        """The columns in which the reference's rows differ."""
        columns = {**features.columns, PREDICTION: prediction}
        return cls({name: _codes_of(column) for name, column in columns.items() if _varies(column)})

    @property
    def is_category(self) -> NDArray[np.bool_]:
        """(d,) bool: which columns are codes."""
        return np.array([codes is not None for codes in self.labels.values()], dtype=np.bool_)

    def matrix(self, prediction: Column, features: Table) -> NDArray[np.float64]:
        """(n, d) float64: NaN where a value is missing, infinite, of another kind or of a label never seen."""
        columns = {**features.columns, PREDICTION: prediction}
        encoded = np.full((len(prediction), len(self.labels)), np.nan)
        for at, (name, codes) in enumerate(self.labels.items()):
            column = columns.get(name)
            if isinstance(column, Categories) and codes is not None:
                table = np.array([*(codes.get(label, np.nan) for label in column.labels), np.nan])
                encoded[:, at] = table[column.codes]
            elif codes is None and column is not None and not isinstance(column, Categories):
                encoded[:, at] = _finite(column)
        return encoded


def _codes_of(column: Column) -> Mapping[str, int] | None:
    if not isinstance(column, Categories):
        return None
    counts = np.bincount(column.codes + 1, minlength=len(column.labels) + 1)[1:]
    ranked = np.argsort(-counts, kind="stable")
    used = [column.labels[at] for at in ranked.tolist() if counts[at]]
    return {label: min(code, _MOST_CATEGORIES) for code, label in enumerate(used)}


def _varies(column: Column) -> bool:
    if isinstance(column, Categories):
        return len(np.unique(column.codes)) > 1
    if column.dtype.kind not in "fiub":
        return False
    numbers = _finite(column)
    known = numbers[~np.isnan(numbers)]
    return len(known) > 0 and (len(known) < len(numbers) or bool(known.min() < known.max()))


def _finite(column: NDArray[np.generic]) -> NDArray[np.float64]:
    if column.dtype.kind not in "fiub":
        return np.full(len(column), np.nan)
    numbers = column.astype(np.float64)
    numbers[np.isinf(numbers)] = np.nan
    return numbers
