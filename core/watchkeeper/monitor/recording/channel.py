"""A declared model's features: how one row or many are checked, copied and kept until the flush."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.data.frames import numeric, required, table_of
from watchkeeper.data.objects import is_missing, shown
from watchkeeper.data.reading import distinct
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.names import stored_name
from watchkeeper.domain.table import Categories, Column, Table

KEPT_COLUMNS: Final = ("id", "prediction", "version")
"""What the store keeps beside the features."""
_ROW_BYTES: Final = 450
"""About what Python needs for a row without its features."""
_FLOAT64: Final = np.dtype(np.float64)

PackedRow: TypeAlias = "tuple[bytes | None, tuple[str | None, ...]]"
"""The numbers as little-endian float64 (None when no features came along) and the categories, in declared order."""


class Channel:
    """A declared model: which features its rows have, and how they are taken in.

    Parameters
    ----------
    model
        Its name.
    features
        The features' names, in the order of arrays.
    categories
        Those of them that hold text, or numbers that stand for things; all others hold numbers.
    refused
        What predictions are not: ``str`` where they are numbers, ``float`` where labels; None where that is not known.
    """

    def __init__(
        self,
        model: str,
        features: Sequence[str] = (),
        categories: Sequence[str] = (),
        *,
        refused: type[float | str] | None = None,
    ) -> None:
        self.model = stored_name(model, "model")
        self.refused = refused
        self.features = tuple(features)
        self._check_names(categories)
        chosen = set(categories)
        self.categories = tuple(name for name in self.features if name in chosen)
        self.numbers = tuple(name for name in self.features if name not in chosen)
        self.row_bytes = _ROW_BYTES + 8 * len(self.numbers) + 60 * len(self.categories)
        self._shapes = ((len(self.features),), (1, len(self.features)))
        self._packed: Callable[..., bytes] = struct.Struct(f"<{len(self.numbers)}d").pack
        self._picked: Callable[[Any], Any] = itemgetter(*self.features) if self.features else lambda _: ()

    def is_declared_as(
        self, features: Sequence[str], categories: Sequence[str], refused: type[float | str] | None
    ) -> bool:
        """Whether a declaration says what is known already."""
        told = self.features == tuple(features) and set(self.categories) == set(categories)
        return told and self.refused is refused

    def row(self, features: Any) -> PackedRow:
        """One row's features as numbers and texts; a DataError tells what was expected and found."""
        if features is None:
            return None, ()
        if type(features) is np.ndarray:
            if features.shape not in self._shapes:
                raise self._shape_error(features.shape)
            if features.dtype is _FLOAT64 and not self.categories:
                return features.tobytes(), ()
            values: Sequence[Any] = features.ravel().tolist()
        elif isinstance(features, list | tuple):
            values = features
            if len(values) != len(self.features):
                raise self._shape_error((len(values),))
        else:
            values = self._values(features)
        if self.categories:
            return self._divided(values)
        try:
            return self._packed(*values), ()
        except (struct.error, OverflowError):
            return self._divided(values)

    def columns(self, features: Any, rows: int) -> dict[str, Column] | None:
        """Many rows' features as columns of the caller's data copied; a DataError tells what was expected and found."""
        if features is None:
            return None
        what = f"the features of model {self.model!r}"
        if isinstance(features, np.ndarray) and features.dtype.names is None:
            features = self._matrix(features, rows)
            if features.dtype is _FLOAT64:
                return {name: features[:, at] for at, name in enumerate(self.features)}
        elif isinstance(features, Sequence) and len(features) and not isinstance(features[0], Mapping):
            return self.columns_of_rows([self.row(row) for row in features])
        table = table_of(features, categories=self.categories, names=self.features, what=what)
        self._require_all(table)
        if len(table) != rows:
            raise DataError(f"{what} have {len(table)} rows for {rows} predictions; expected one for each")
        return {name: self._copied(table, name) for name in self.features}

    def _require_all(self, found: Iterable[str]) -> None:
        """Nothing, or a DataError with what is lacking, and that more than inputs of the model belongs to a row."""
        try:
            required(found, self.features, f"what was given as features of model {self.model!r}")
        except DataError as error:
            raise DataError(
                f"{error}; what columns.probabilities and columns.segments name is recorded beside the model's inputs, "
                "and belongs to the features, too"
            ) from None

    def columns_of_rows(self, rows: Sequence[PackedRow]) -> dict[str, Column]:
        """Rows that `row` returned, as columns; none of them without features."""
        packed = b"".join(numbers or b"" for numbers, _ in rows)
        matrix = np.frombuffer(packed, dtype="<f8").reshape(len(rows), len(self.numbers))
        columns: dict[str, Column] = dict(zip(self.numbers, np.ascontiguousarray(matrix.T), strict=True))
        for at, name in enumerate(self.categories):
            columns[name] = Categories.of(texts[at] for _, texts in rows)
        return {name: columns[name] for name in self.features}

    def _matrix(self, features: NDArray[Any], rows: int) -> NDArray[Any]:
        """(n, d), a copy, the columns contiguous."""
        if features.ndim == 1 and len(self.features) == 1:
            features = features[:, np.newaxis]
        if features.shape != (rows, len(self.features)):
            raise DataError(
                f"the features of model {self.model!r} have shape {features.shape}; "
                f"expected {(rows, len(self.features))}: a row for each prediction, a column for each of {self._told}"
            )
        dtype = _FLOAT64 if features.dtype.kind in "fiub" and not self.categories else np.dtype(object)
        return np.array(features, dtype=dtype, order="F")

    def _values(self, features: Any) -> Sequence[Any]:
        """The values of a mapping, or of a series with names."""
        if not isinstance(features, Mapping):
            if not hasattr(features, "items") or not hasattr(features, "__getitem__"):
                raise DataError(
                    f"the features of model {self.model!r} are {type(features).__name__} {shown(features)}; "
                    f"expected a row: an array, a list or a mapping of {self._told}"
                )
            features = dict(features.items())
        try:
            values: Sequence[Any] = self._picked(features)
        except KeyError:
            self._require_all(features)
            raise
        return [values] if len(self.features) == 1 else values

    def _divided(self, values: Sequence[Any]) -> tuple[bytes, tuple[str | None, ...]]:
        """Numbers and texts apart, value by value."""
        numbers: list[float] = []
        texts: list[str | None] = []
        for name, value in zip(self.features, values, strict=True):
            if name in self.categories:
                texts.append(value if value is None or type(value) is str else self._text(name, value))
            else:
                numbers.append(self._number(name, value))
        return self._packed(*numbers), tuple(texts)

    def _number(self, name: str, value: Any) -> float:
        if is_missing(value):
            return math.nan
        if not isinstance(value, str | bytes):
            try:
                return float(value)
            except (TypeError, ValueError, OverflowError):
                pass
        raise DataError(
            f"feature {name!r} of model {self.model!r} is {type(value).__name__} {shown(value)}; expected a number: "
            "convert it, or declare the feature as a category"
        )

    def _text(self, name: str, value: Any) -> str | None:
        """As `table_of` writes categories, so that one row and many give the same labels."""
        what = f"the row for model {self.model!r}"
        column = table_of({name: [value]}, categories=[name], what=what)[name]
        texts: list[str | None] = column.texts().tolist() if isinstance(column, Categories) else [None]
        return texts[0]

    def _copied(self, table: Table, name: str) -> Column:
        column = table[name]
        if isinstance(column, Categories):
            return Categories(column.codes.copy(), column.labels)
        return np.array(numeric(table, name), dtype=np.float64)

    def _shape_error(self, found: tuple[int, ...]) -> DataError:
        return DataError(
            f"a row of model {self.model!r} has shape {found}; expected {self._shapes[0]}: one value for each of "
            f"{self._told}"
        )

    @property
    def _told(self) -> str:
        shortened = ", ".join(self.features[:6]) + (", ..." if len(self.features) > 6 else "")
        return shortened or "no features"

    def _check_names(self, categories: Sequence[str]) -> None:
        for name in self.features:
            stored_name(name, "feature")
        distinct(self.features, f"the declaration of model {self.model!r}")
        taken = next((name for name in self.features if name in KEPT_COLUMNS), None)
        if taken is not None:
            raise UsageError(
                f"feature {taken!r} of model {self.model!r} has the name of a column that the store keeps beside the "
                f"features ({', '.join(KEPT_COLUMNS)}); rename it"
            )
        required(self.features, categories, f"the declaration of model {self.model!r}")
