"""A numpy array becomes a column, and a column becomes categories."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, ColumnKind, kind_of

from .objects import column_of_objects


def column_of_array(values: NDArray[Any], name: str, what: str) -> Column:
    """A one-dimensional array as a column: the array itself where its dtype is one that a column may have."""
    if values.ndim != 1:
        raise DataError(f"column {name!r} of {what} has shape {values.shape}; expected one value a row")
    if isinstance(values, np.ma.MaskedArray):
        objects = np.array(values, dtype=object)
        objects[np.ma.getmaskarray(values)] = None
        return column_of_objects(objects, name, what)
    kind = values.dtype.kind
    if kind == "O":
        return column_of_objects(values, name, what)
    if kind == "M":
        return values.astype("datetime64[us]", copy=False)
    if kind in "fiub":
        widest = values.dtype.newbyteorder("=") if values.dtype.itemsize <= 8 else np.dtype(np.float64)
        return values.astype(widest, copy=False)
    if kind == "U":
        return values.astype(object)
    raise DataError(f"column {name!r} of {what} has dtype {values.dtype}; expected numbers, text, categories or times")


def as_categories(column: Column, name: str, what: str) -> Categories:
    """The column as categories: text, or numbers written out (whole ones without a point); not times."""
    if isinstance(column, Categories):
        return column
    kind = kind_of(column)
    if kind is ColumnKind.TEXT:
        return Categories.of(column)
    if kind is ColumnKind.TIME:
        raise DataError(f"column {name!r} of {what} holds times; expected text or numbers to make categories of")
    values, codes = np.unique(column, return_inverse=True)
    if column.dtype.kind != "f":
        return _sorted_categories([str(value) for value in values], codes)
    labels = [str(int(value)) if value.is_integer() else str(value) for value in values.tolist() if value == value]  # noqa: PLR0124 - NaN is missing
    return _sorted_categories(labels, np.where(codes < len(labels), codes, -1))


def _sorted_categories(labels: list[str], codes: NDArray[np.intp]) -> Categories:
    """Labels in the order of text, as `Categories.of` has them: 10 before 9."""
    in_order = sorted(range(len(labels)), key=labels.__getitem__)
    position = np.empty(len(labels) + 1, dtype=np.int32)
    position[in_order] = np.arange(len(labels))
    position[-1] = -1
    return Categories(position[codes], tuple(labels[at] for at in in_order))
