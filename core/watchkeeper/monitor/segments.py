"""The parts of a window: the rows of each value of a column, or those for which a condition holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchkeeper.domain.segment import Segment
from watchkeeper.domain.table import Categories, Column, missing

from .records import Records

MOST_SEGMENTS = 50
"""Of one column the so many largest are looked at: a column of ids is no segment."""


def segments_of(records: Records, segment: Segment) -> Iterator[tuple[str, Records]]:
    """Each part with its name, ``venue=LSE`` or ``large``; rows that lack what would tell belong to none.

    Of a column each value, the most frequent first; of a condition the rows for which it holds, if there are any.
    """
    if any(name not in records.features for name in segment.columns):
        return
    if segment.where is not None:
        inside = segment.where.holds(records.features)
        if inside.any():
            yield segment.name, records.rows(inside)
        return
    column = segment.name
    codes, labels = _coded(records.features[column])
    counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    for code in np.argsort(-counts, kind="stable")[:MOST_SEGMENTS].tolist():
        if counts[code]:
            yield f"{column}={labels[code]}", records.rows(codes == code)


def _coded(column: Column) -> tuple[np.ndarray, list[str]]:
    if isinstance(column, Categories):
        return column.codes, list(column.labels)
    values, inverse = np.unique(column, return_inverse=True)
    labels = [str(int(value) if float(value).is_integer() else value) for value in np.nan_to_num(values).tolist()]
    return np.where(missing(column), -1, inverse), labels
