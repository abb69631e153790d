"""Whatever rows a user has become a table: any dataframe, numpy, a dict of columns, a list of dicts.

>>> table_of({"ret1": [0.1, None], "venue": ["X", "Y"]}, categories=["venue"])["venue"].labels
('X', 'Y')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, Table

from .arrays import as_categories, column_of_array
from .objects import column_of_objects, shown
from .reading import as_times, distinct, numeric, required, times_us
from .series import column_of_series

__all__ = ["column_of", "numeric", "required", "table_of", "times_us"]


def table_of(
    data: Any,
    *,
    categories: Iterable[str] = (),
    times: Iterable[str] = (),
    names: Sequence[str] = (),
    what: str = "data",
    strange: dict[str, str] | None = None,
) -> Table:
    """Take rows in at the border, without copying where the source's memory can be used.

    Parameters
    ----------
    data
        A pandas or polars DataFrame, a pyarrow Table or RecordBatch (or anything that speaks Arrow), a structured
        numpy array, a 2-D numpy array with `names`, a dict of arrays or lists, a list of dicts, or a `Table`.
    categories
        Columns to encode as categories, where they are present: text, or whole numbers that stand for a thing.
    times
        Columns to read as times, where they are present: see `times_us`.
    names
        The columns' names of a 2-D array.
    what
        What to call the data in messages: a file's name, ``reference``.
    strange
        Where a column of no kind is left out and told of, with the reason by its name; without, it is an error.

    Returns
    -------
    Numbers keep their dtype; with missing values they are float64 with NaN, as are decimals. Text is str or None
    objects, times are datetime64[us] in UTC (one without a zone is UTC). Never write into the columns.

    Raises
    ------
    DataError
        For what is not rows, has no columns or one name twice, or holds a column of no kind; it names row and value.
    """
    columns = _columns(data, names, _Reading(what, strange))
    if not columns and not strange:
        raise DataError(f"{what} has no columns; expected at least one")
    wrong = next((name for name in columns if not isinstance(name, str) or not name), None)
    if wrong is not None:
        raise DataError(f"{what} has a column named {wrong!r}; expected text: rename it, such as 'x{wrong}'")
    for name in categories:
        if name in columns:
            columns[name] = as_categories(columns[name], name, what)
    for name in times:
        if name in columns:
            columns[name] = as_times(columns[name], name)
    return Table(columns)


@attrs.frozen
class _Reading:
    """How columns become columns: what the data are called, and where those of no kind are told of."""

    what: str
    strange: dict[str, str] | None

    def each(self, columns: Iterable[tuple[Any, Any]], read: Callable[[Any, Any, str], Column]) -> dict[Any, Column]:
        """Every column by its name; one of no kind is told of, or an error."""
        found: dict[Any, Column] = {}
        for name, values in columns:
            try:
                found[name] = read(values, name, self.what)
            except DataError as error:
                if self.strange is None:
                    raise
                self.strange[str(name)] = str(error)
        return found


def _columns(data: Any, names: Sequence[str], reading: _Reading) -> dict[Any, Column]:
    if isinstance(data, Table):
        return dict(data.columns)
    if isinstance(data, Mapping):
        return reading.each(data.items(), column_of)
    if isinstance(data, np.ndarray):
        return _of_numpy(data, names, reading)
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _of_records(data, reading)
    return _of_frame(data, reading)


def _of_numpy(data: NDArray[Any], names: Sequence[str], reading: _Reading) -> dict[str, Column]:
    what = reading.what
    if data.dtype.names is not None:
        return reading.each(((name, data[name]) for name in data.dtype.names), column_of_array)
    if data.ndim != 2:
        raise DataError(f"{what} is an array of shape {data.shape}; expected (rows, columns), or named fields")
    if len(names) != data.shape[1]:
        told = f"{len(names)} names" if names else "no names"
        raise DataError(
            f"{what} is an array of {data.shape[1]} columns with {told}; expected a name for each: "
            "pass a dict of columns or a frame"
        )
    distinct(names, what)
    return reading.each(((name, data[:, at]) for at, name in enumerate(names)), column_of_array)


def _of_records(data: Sequence[Any], reading: _Reading) -> dict[str, Column]:
    for row, record in enumerate(data, start=1):
        if not isinstance(record, Mapping):
            raise DataError(
                f"{reading.what} holds {type(record).__name__} {shown(record)} in row {row}; expected a dict of named "
                "values"
            )
    names = dict.fromkeys(name for record in data for name in record)
    return reading.each(((name, [record.get(name) for record in data]) for name in names), column_of_objects)


def _of_frame(data: Any, reading: _Reading) -> dict[str, Column]:
    import narwhals
    from narwhals.exceptions import DuplicateError

    what = reading.what

    try:
        frame = narwhals.from_native(data, pass_through=True)
        if not isinstance(frame, narwhals.DataFrame | narwhals.LazyFrame):
            frame = narwhals.from_native(_arrow_table(data, what))
        if isinstance(frame, narwhals.LazyFrame):
            raise DataError(f"{what} is lazy ({_type_name(data)}); collect it first: expected rows that are there")
        distinct(frame.columns, what)
        return reading.each(((series.name, series) for series in frame.iter_columns()), column_of_series)
    except DuplicateError as error:
        raise DataError(f"{what} has two columns of one name: {' '.join(str(error).split())}; rename one") from None


def _arrow_table(data: Any, what: str) -> Any:
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        import pyarrow as pa

        try:
            return pa.table(data)
        except pa.ArrowInvalid:
            pass
    raise DataError(
        f"{what} is {_type_name(data)} {shown(data)}; expected rows with named columns: a pandas or polars frame, an "
        "Arrow table, a structured array, a dict of columns or a list of dicts"
    )


def column_of(values: Any, name: str, what: str) -> Column:
    """One column from an array, a list or any library's series; a DataError names it as `name` of `what`."""
    if isinstance(values, Categories):
        return values
    if isinstance(values, np.ndarray):
        return column_of_array(values, name, what)
    if isinstance(values, list | tuple):
        return column_of_objects(values, name, what)
    import narwhals

    series = narwhals.from_native(values, allow_series=True, pass_through=True)
    if isinstance(series, narwhals.Series):
        return column_of_series(series, name, what)
    if hasattr(values, "__array__"):  # an index, a tensor
        return column_of_array(np.asarray(values), name, what)
    raise DataError(
        f"column {name!r} of {what} is {_type_name(values)} {shown(values)}; expected an array or a list, "
        "also for a single row"
    )


def _type_name(value: object) -> str:
    kind = type(value)
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}" if kind.__module__ != "builtins" else kind.__name__
