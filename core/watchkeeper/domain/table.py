"""Columns of equal length: the one form in which rows travel inside watchkeeper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from .errors import DataError


class ColumnKind(StrEnum):
    """What a column holds."""

    NUMERIC = "numeric"
    CATEGORY = "category"
    TEXT = "text"
    TIME = "time"


@attrs.frozen(eq=False)
class Categories:
    """A column of few distinct strings: ``codes`` (n,) int32 into ``labels``; -1 is missing."""

    codes: NDArray[np.int32]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Categories:
        return Categories(self.codes[rows], self.labels)

    def texts(self) -> NDArray[np.object_]:
        """(n,) object: the strings themselves, None where missing."""
        table = np.array([*self.labels, None], dtype=object)
        return table[self.codes]

    @classmethod
    def of(cls, texts: Iterable[str | None]) -> Categories:
        """Encode strings, labels in sorted order so that equal data give equal codes."""
        found = list(texts)
        labels = tuple(sorted({text for text in found if text is not None}))
        position: dict[str | None, int] = {label: code for code, label in enumerate(labels)}
        position[None] = -1
        codes = np.fromiter((position[text] for text in found), dtype=np.int32, count=len(found))
        return cls(codes, labels)

    def recoded(self, labels: Sequence[str]) -> Categories:
        """The same strings over other labels; a string that is not among them becomes missing."""
        return _recoded(self, {label: code for code, label in enumerate(labels)}, tuple(labels))

    def compacted(self) -> Categories:
        """The same strings, without labels that no row has."""
        used = np.unique(self.codes[self.codes >= 0]).tolist()
        if len(used) == len(self.labels):
            return self
        return self.recoded([self.labels[code] for code in used])

    def reduced(self) -> Categories:
        """The same strings over the labels that are used, in their order. O(n log n)."""
        used = np.unique(self.codes[self.codes >= 0])
        return self if len(used) == len(self.labels) else self.recoded([self.labels[code] for code in used])


def _recoded(column: Categories, position: Mapping[str, int], labels: tuple[str, ...]) -> Categories:
    mapping = np.array([*(position.get(label, -1) for label in column.labels), -1], dtype=np.int32)
    return Categories(mapping[column.codes], labels)


Column: TypeAlias = "NDArray[Any] | Categories"
"""A numpy array of bool, integers, floats, datetime64[us] or str-or-None objects; or `Categories`."""


def kind_of(column: Column) -> ColumnKind:
    """What the column holds; a DataError for a dtype that no column may have."""
    if isinstance(column, Categories):
        return ColumnKind.CATEGORY
    if column.dtype.kind in "fiub":
        return ColumnKind.NUMERIC
    if column.dtype.kind == "M":
        return ColumnKind.TIME
    if column.dtype.kind == "O":
        return ColumnKind.TEXT
    raise DataError(f"a column of dtype {column.dtype} cannot be used: expected numbers, text, categories or times")


def missing(column: Column) -> NDArray[np.bool_]:
    """(n,) bool: NaN, NaT, None or code -1. Infinite is not missing."""
    if isinstance(column, Categories):
        return np.asarray(column.codes < 0)
    if column.dtype.kind == "f":
        return np.isnan(column)
    if column.dtype.kind == "M":
        return np.isnat(column)
    if column.dtype.kind == "O":
        return np.fromiter((item is None for item in column), dtype=np.bool_, count=len(column))
    return np.zeros(len(column), dtype=np.bool_)


@attrs.frozen(eq=False)
class Table:
    """Named columns, all one-dimensional and of the same length; never written into."""

    columns: Mapping[str, Column]

    def __attrs_post_init__(self) -> None:
        lengths = {len(column) for column in self.columns.values()}
        if len(lengths) > 1:
            told = ", ".join(f"{name} {len(column)}" for name, column in list(self.columns.items())[:6])
            raise DataError(f"columns must have the same number of rows, found {told}")

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def __contains__(self, name: object) -> bool:
        return name in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def select(self, names: Iterable[str]) -> Table:
        """Only these columns, in this order."""
        return Table({name: self.columns[name] for name in names})

    def rows(self, which: Any) -> Table:
        """Only these rows: a slice, a mask (n,) bool, or positions (m,) int."""
        return Table({name: column[which] for name, column in self.columns.items()})


def joined(tables: Sequence[Table]) -> Table:
    """One table of all rows; columns are those of the first, categories are united."""
    if not tables:
        return Table({})
    columns = [table.columns for table in tables]
    return Table({name: _joined_column(name, [each[name] for each in columns]) for name in tables[0]})


def _joined_column(name: str, parts: Sequence[Column]) -> Column:
    arrays = [part for part in parts if not isinstance(part, Categories)]
    if len(arrays) == len(parts):
        return np.concatenate(arrays)
    categories = [part for part in parts if isinstance(part, Categories)]
    if len(categories) < len(parts):
        raise DataError(f"column {name!r} holds categories in some rows and numbers in others; expected one of them")
    labels = tuple(sorted({label for part in categories for label in part.labels}))
    position = {label: code for code, label in enumerate(labels)}  # once: there may be many parts, and many labels
    return Categories(np.concatenate([_recoded(part, position, labels).codes for part in categories]), labels)
