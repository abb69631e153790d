"""Several columns as one matrix of numbers, for detectors that compare them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import LabelCells
from .errors import DataError
from .profile import LabelProfile, NumberProfile
from .reference import ReferenceColumn
from .table import Categories, Column, ColumnKind, Table, kind_of, missing

_NAMED_LABELS: Final = 20
"""The commonest labels have a place of their own; rarer ones share one, and so do labels that are new."""
_FURTHEST: Final = 3.0
"""Values further beyond the reference's extremes than so many of its sds are all the same."""


@attrs.frozen
class NumberCode:
    """How a column of numbers becomes one place: in sds of the reference, its mean is 0."""

    name: str
    mean: float
    deviation: float
    """0 for a constant."""
    low: float
    high: float
    """In sds: no value counts as further out."""

    @property
    def width(self) -> int:
        """How many places it takes."""
        return 1

    def is_for(self, column: Column) -> bool:
        """Whether the column holds numbers."""
        return kind_of(column) is ColumnKind.NUMERIC

    def places(self, column: Column) -> NDArray[np.float64]:
        """(n, 1); missing is 0, the mean."""
        if isinstance(column, Categories):
            raise DataError(f"column {self.name!r} holds categories, expected numbers")
        with np.errstate(over="ignore", invalid="ignore"):
            away = column.astype(np.float64) - self.mean
            scaled = away / self.deviation if self.deviation else np.sign(away) * _FURTHEST
        return np.where(np.isnan(away), 0.0, np.clip(scaled, self.low, self.high))[:, None]


@attrs.frozen
class LabelCode:
    """How a column of labels becomes places: 1 for its label's place and 0 elsewhere, less the reference's shares."""

    name: str
    labels: tuple[str, ...]
    """Those with a place of their own."""
    rarer: tuple[str, ...]
    """Those that share the last place but one; the last is for labels that the reference never had."""
    shares: tuple[float, ...]

    @property
    def width(self) -> int:
        """How many places it takes."""
        return len(self.labels) + 2

    def is_for(self, column: Column) -> bool:
        """Whether the column holds labels."""
        return kind_of(column) in (ColumnKind.CATEGORY, ColumnKind.TEXT)

    def places(self, column: Column) -> NDArray[np.float64]:
        """(n, width); missing is 0, as if it were spread over all labels as in the reference."""
        texts = column if isinstance(column, Categories) else Categories.of(column)
        known = {label: at for at, label in enumerate(self.labels)}
        known |= dict.fromkeys(self.rarer, len(self.labels))
        place = np.array([*(known.get(label, len(self.labels) + 1) for label in texts.labels), 0])[texts.codes]
        found = np.zeros((len(texts), self.width))
        found[np.arange(len(texts)), place] = 1.0
        return np.where((texts.codes < 0)[:, None], 0.0, found - np.array(self.shares))


Code = NumberCode | LabelCode


@attrs.frozen
class TableEncoding:
    """How each column becomes numbers of similar size; learnt from the reference."""

    codes: tuple[Code, ...]

    @classmethod
    def of(cls, references: Iterable[ReferenceColumn]) -> TableEncoding:
        """The codes of all columns that have finite values; the others are left out."""
        return cls(tuple(code for reference in references if (code := _code(reference)) is not None))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return tuple(code.name for code in self.codes)

    def places_of(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """(d,) which places belong to these columns."""
        wanted = set(names)
        return np.repeat([code.name in wanted for code in self.codes], [code.width for code in self.codes])

    def only(self, names: Iterable[str]) -> TableEncoding:
        """With these columns alone."""
        wanted = set(names)
        return TableEncoding(tuple(code for code in self.codes if code.name in wanted))

    def usable(self, columns: Mapping[str, Column]) -> tuple[str, ...]:
        """The columns that are there, hold what they held in the reference, and are not all missing."""
        found = ((code, columns.get(code.name)) for code in self.codes)
        return tuple(
            code.name
            for code, column in found
            if column is not None and code.is_for(column) and not bool(missing(column).all())
        )

    def encoded(self, table: Table) -> NDArray[np.float64]:
        """(n, d) finite numbers; every column must be usable."""
        if not self.codes:
            return np.zeros((len(table), 0))
        return np.hstack([code.places(table[code.name]) for code in self.codes])

    def to_record(self) -> list[dict[str, Any]]:
        """Values that JSON holds."""
        return [attrs.asdict(code) for code in self.codes]

    @classmethod
    def from_record(cls, record: Iterable[Mapping[str, Any]]) -> TableEncoding:
        """What `to_record` told."""
        return cls(tuple(_code_of(one) for one in record))


def _code_of(record: Mapping[str, Any]) -> Code:
    if "mean" in record:
        return NumberCode(**record)
    return LabelCode(
        record["name"], tuple(record["labels"]), tuple(record["rarer"]), tuple(map(float, record["shares"]))
    )


def _code(reference: ReferenceColumn) -> Code | None:
    counted = reference.profile
    if isinstance(counted, NumberProfile):
        return _number_code(reference, counted)
    if isinstance(counted, LabelProfile) and isinstance(reference.cells, LabelCells) and counted.present:
        order = np.argsort(-counted.counts, kind="stable")
        labels = tuple(reference.cells.labels[at] for at in order[:_NAMED_LABELS])
        rarer = tuple(reference.cells.labels[at] for at in order[_NAMED_LABELS:])
        own = counted.counts[order[:_NAMED_LABELS]] / counted.present
        others = float(counted.counts[order[_NAMED_LABELS:]].sum()) / counted.present
        return LabelCode(reference.name, labels, rarer, (*own.tolist(), others, 0.0))
    return None


def _number_code(reference: ReferenceColumn, counted: NumberProfile) -> NumberCode | None:
    mean, deviation = reference.mean.number, reference.deviation.number
    if mean is None or deviation is None or counted.minimum is None or counted.maximum is None:
        return None
    if counted.minimum == counted.maximum:
        return NumberCode(reference.name, counted.minimum, 0.0, -_FURTHEST, _FURTHEST)
    low, high = ((edge - mean) / deviation if deviation else 0.0 for edge in (counted.minimum, counted.maximum))
    if not np.isfinite([low, high]).all():
        return None
    return NumberCode(reference.name, mean, deviation, low - _FURTHEST, high + _FURTHEST)
