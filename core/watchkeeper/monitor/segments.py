"""The parts of a window: the rows of each value of a segment column."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchkeeper.domain.table import Categories, Column, missing

from .records import Records

MOST_SEGMENTS = 50
"""Of one column the so many largest are looked at: a column of ids is no segment."""


def segments_of(records: Records, column: str) -> Iterator[tuple[str, Records]]:
    """Each value of the column with its rows, the most frequent first; rows without a value belong to none."""
    if column not in records.features:
        return
    codes, labels = _coded(records.features[column])
    counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    for code in np.argsort(-counts, kind="stable")[:MOST_SEGMENTS].tolist():
        if counts[code]:
            yield labels[code], records.rows(codes == code)


def _coded(column: Column) -> tuple[np.ndarray, list[str]]:
    if isinstance(column, Categories):
        return column.codes, list(column.labels)
    values, inverse = np.unique(column, return_inverse=True)
    labels = [str(int(value) if float(value).is_integer() else value) for value in np.nan_to_num(values).tolist()]
    return np.where(missing(column), -1, inverse), labels
