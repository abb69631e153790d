"""The columns of a reference that hold the probability of each class, beside a prediction that is a label."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.frames import numeric
from watchkeeper.domain.evaluation import SUM_TOLERANCE
from watchkeeper.domain.table import Categories, Table, missing

_FEWEST_ROWS = 10
"""In fewer rows two numbers can add up to 1 by chance."""
_ROUNDED = 0.02
"""So far from 1 rounded probabilities may add up to."""


def found_probabilities(table: Table, classes: tuple[str, ...], used: Collection[str]) -> dict[str, str]:
    """By class the column with its probability; empty where there is not one for every class.

    They are columns without another role, from 0 to 1, whose rows add up to 1 but for rounding, with names that
    differ by the class alone: ``p_low`` and ``p_high``, or the classes themselves.

    Parameters
    ----------
    used
        The columns that have another role.
    """
    if len(classes) < 2 or len(table) < _FEWEST_ROWS:
        return {}
    shares = {name: numbers for name in table if name not in used and (numbers := _shares(table, name)) is not None}
    for name in shares:
        before, label, after = name.rpartition(classes[0])
        if label:
            found = {one: f"{before}{one}{after}" for one in classes}
            if shares.keys() >= set(found.values()) and _off([shares[column] for column in found.values()]) <= _ROUNDED:
                return found
    return {}


def are_rounded(table: Table, names: Collection[str]) -> bool:
    """Whether these probabilities add up to 1 too coarsely for metrics of probabilities."""
    return _off([numeric(table, name) for name in names]) > SUM_TOLERANCE


def _shares(table: Table, name: str) -> NDArray[np.float64] | None:
    """(n,) the column, where all that it has is from 0 to 1; else None."""
    column = table[name]
    if isinstance(column, Categories) or column.dtype.kind not in "fiu" or missing(column).any():
        return None
    numbers = column.astype(np.float64)
    return numbers if numbers.min() >= 0.0 and numbers.max() <= 1.0 else None


def _off(columns: list[NDArray[np.float64]]) -> float:
    """How far the worst row is from adding up to 1."""
    return float(np.abs(np.sum(columns, axis=0) - 1.0).max())
