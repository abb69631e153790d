"""Data quality of one feature: what is missing, infinite, out of range, never seen before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.cells import LabelCells
from watchkeeper.domain.profile import NumberProfile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column, missing
from watchkeeper.domain.value import Value

MISSING_SHARE = "missing_share"
INFINITE_SHARE = "infinite_share"
OUT_OF_RANGE_SHARE = "out_of_range_share"
UNSEEN_SHARE = "unseen_share"


def quality_of(column: Column, reference: ReferenceColumn) -> dict[str, Value]:
    """Shares of the column's n rows, each from 0 to 1; undefined when there are no rows to take a share of. O(n).

    ``missing_share`` and ``infinite_share`` are of all rows; ``out_of_range_share`` (numbers below the reference's
    smallest or above its largest) and ``unseen_share`` (categories that the reference never had) of those present.
    """
    gone = missing(column)
    found = {MISSING_SHARE: _share(int(gone.sum()), len(column))}
    if isinstance(column, Categories):
        known = reference.cells.position if isinstance(reference.cells, LabelCells) else {}
        unseen = np.array([*(label not in known for label in column.labels), False])
        found[UNSEEN_SHARE] = _share(int(unseen[column.codes].sum()), int(np.sum(~gone)))
        return found
    if column.dtype.kind in "fiub":
        values = column[~gone].astype(np.float64, copy=False)
        finite = values[np.isfinite(values)]
        found[INFINITE_SHARE] = _share(len(values) - len(finite), len(column))
        found[OUT_OF_RANGE_SHARE] = _out_of_range(finite, reference)
    return found


def _out_of_range(finite: NDArray[np.float64], reference: ReferenceColumn) -> Value:
    known = reference.profile
    if not isinstance(known, NumberProfile) or known.minimum is None or known.maximum is None:
        return Value.undefined("the reference has no number, so that there is no range to be outside of")
    return _share(int(((finite < known.minimum) | (finite > known.maximum)).sum()), len(finite))


def _share(count: int, rows: int) -> Value:
    if rows == 0:
        return Value.undefined("there are no values to take a share of")
    return Value.of(count / rows, samples=rows)
