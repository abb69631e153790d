"""A dataframe's series becomes a column, whichever library it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column

from .arrays import as_categories, column_of_array
from .objects import column_of_objects

if TYPE_CHECKING:
    import narwhals


def column_of_series(series: narwhals.Series[Any], name: str, what: str) -> Column:
    """The series as a column, in its own memory where that can be; a DataError for a type that no column may have."""
    import narwhals as nw

    kind = series.dtype
    native = str(getattr(series.to_native(), "dtype", ""))
    if native == "object" or kind == nw.Object:
        return column_of_objects(series.to_list(), name, what)
    if kind == nw.String:
        return _texts(series)
    if any(kind == categorical for categorical in (nw.Categorical, nw.Enum)):
        return _categories(series, name, what)
    array = _plain_array(series, kind, native)
    if array is None:
        raise DataError(f"column {name!r} of {what} is of type {kind}; expected numbers, text, categories or times")
    return column_of_array(array, name, what)


def _plain_array(series: narwhals.Series[Any], kind: Any, native: str) -> NDArray[Any] | None:
    """Numbers, truths and times as numpy has them; None for other types."""
    import narwhals as nw

    if kind.is_numeric() or kind == nw.Boolean:
        is_wide = kind.is_decimal() or any(kind == huge for huge in (nw.Int128, nw.UInt128))
        plain = series.cast(nw.Float64) if is_wide or series.null_count() > 0 else series
        return plain.to_numpy()
    if native.startswith("datetime64"):  # pandas; narwhals does not know the zones with an underscore
        return np.asarray(series.to_native().to_numpy(dtype="datetime64[us]"))
    if any(kind == moment for moment in (nw.Datetime, nw.Date)):
        return series.to_numpy()
    if kind == nw.Unknown and len(series) == series.null_count():
        return np.full(len(series), np.nan)
    return None


def _categories(series: narwhals.Series[Any], name: str, what: str) -> Categories:
    import narwhals as nw

    first = series.drop_nulls().head(1).to_list()
    if first and isinstance(first[0], str):
        return Categories.of(_texts(series.cast(nw.String)))
    return as_categories(column_of_objects(series.to_list(), name, what), name, what)


def _texts(series: narwhals.Series[Any]) -> NDArray[np.object_]:
    texts: NDArray[np.object_] = series.to_numpy().astype(object, copy=False)
    if series.null_count() == 0:
        return texts
    texts = texts.copy()
    texts[series.is_null().to_numpy()] = None
    return texts
