"""A reference column, fitted once: its sorted values, its cells, and the counts that every check compares with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import Cells, LabelCells, NumberCells, Ordered, ordered_numbers
from .errors import DataError, UsageError
from .profile import NumberProfile, Profile, labelled, profile, profile_from_record, profile_of_ordered
from .table import Categories, Column, ColumnKind, kind_of, missing
from .value import Value

EXACT_ROWS: Final = 200_000
"""A reference of at most this many rows keeps its sorted values, and comparisons with it are exact."""


@attrs.frozen(eq=False)
class Landmarks:
    """The cells' edges and, between them, values spread evenly over the reference's ranks."""

    points: Ordered
    """(p,) distinct, ascending."""
    before: NDArray[np.float64]
    """(p,) the share of the reference's values below each point."""
    upto: NDArray[np.float64]
    """(p,) the share at or below each point."""
    borders: NDArray[np.int64]
    """(k,) which points are the cells' edges."""
    tied: NDArray[np.bool_] | None
    """(p,) whether several reference values are the same as the point; None: nowhere."""


@attrs.frozen(eq=False, slots=False)
class ReferenceColumn:
    """What defines normal for one column; the raw column is not kept. Make one with `ReferenceColumn.fit`."""

    name: str
    kind: ColumnKind
    rows: int
    """All rows, missing ones too."""
    missing: int
    """Rows without a value."""
    profile: Profile | None
    """The rows in the cells; None for text and times, which have no cells."""
    cells: Cells | None
    values: Ordered | None
    """The sorted values in the exact form; None in the binned form and for columns that are not numbers."""

    @classmethod
    def fit(cls, name: str, column: Column, *, exact_rows: int = EXACT_ROWS) -> ReferenceColumn:
        """Sort once, place the cells, count.

        Parameters
        ----------
        name
            The feature's name.
        column
            n values: numbers, categories, text or times.
        exact_rows
            Keep the sorted values when there are at most this many; 0 gives the binned form. O(n log n).
        """
        kind = kind_of(column)
        if kind is ColumnKind.NUMERIC and not isinstance(column, Categories):
            ordered = ordered_numbers(column)
            cells = NumberCells.of(ordered)
            lacking = len(column) - len(ordered)
            counted = profile_of_ordered(ordered, lacking, cells)
            kept = ordered if len(ordered) <= exact_rows else None
            return cls(name, kind, len(column), lacking, counted, cells, kept)
        if kind is ColumnKind.CATEGORY:
            found = labelled(column)
            used = np.bincount(found.codes + 1, minlength=len(found.labels) + 1)[1:]
            labels = sorted({label for label, count in zip(found.labels, used.tolist(), strict=True) if count})
            own = LabelCells(tuple(labels))
            counted_labels = profile(found, own)
            return cls(name, kind, len(column), counted_labels.missing, counted_labels, own, None)
        return cls(name, kind, len(column), int(missing(column).sum()), None, None, None)

    @classmethod
    def of_profile(cls, name: str, counted: Profile, cells: Cells) -> ReferenceColumn:
        """The binned form for rows that were profiled in parts, such as a folder larger than memory."""
        _check_digest(name, counted, cells)
        kind = ColumnKind.NUMERIC if isinstance(counted, NumberProfile) else ColumnKind.CATEGORY
        return cls(name, kind, counted.rows, counted.missing, counted, cells, None)

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def missing_share(self) -> Value:
        """Share of rows without a value."""
        if not self.rows:
            return Value.undefined(f"the reference of {self.name} has no rows")
        return Value.of(self.missing / self.rows, samples=self.rows)

    @cached_property
    def mean(self) -> Value:
        """The finite values' mean."""
        if isinstance(self.profile, NumberProfile) and isinstance(self.cells, NumberCells):
            return self.profile.mean(self.cells)
        return Value.undefined(f"{self.name} holds {self.kind}, which has no mean")

    @cached_property
    def deviation(self) -> Value:
        """The finite values' standard deviation (divided by n)."""
        if isinstance(self.profile, NumberProfile) and isinstance(self.cells, NumberCells):
            return self.profile.deviation(self.cells)
        return Value.undefined(f"{self.name} holds {self.kind}, which has no standard deviation")

    @cached_property
    def twice_ranks(self) -> NDArray[np.float64]:
        """(k + 1,) twice the middle rank of each cell's values, as a share; only where there are cells."""
        if self.profile is None:
            raise UsageError(f"{self.name} holds {self.kind}, which has no cells")
        shares = self.profile.counts / max(self.profile.present, 1)
        below = np.cumsum(shares) - shares
        twice: NDArray[np.float64] = below + below + shares
        return twice

    @cached_property
    def landmarks(self) -> Landmarks:
        """Points that narrow a search for the largest distance; only for numbers in the exact form."""
        if self.values is None or not isinstance(self.cells, NumberCells):
            raise UsageError(f"the reference of {self.name} is in binned form: it has no values to pick landmarks from")
        # measured: twice as many cost more look-ups than they save, half as many leave too much to merge
        count = 10 * math.isqrt(len(self.values))
        ranks = -(-len(self.values) * np.arange(1, count + 1) // max(count, 1))
        points = np.unique(np.concatenate((self.cells.edges, self.values[ranks - 1])))
        before, upto = np.searchsorted(self.values, points, "left"), np.searchsorted(self.values, points, "right")
        tied = upto - before > 1
        size = max(len(self.values), 1)
        borders = np.searchsorted(points, self.cells.edges).astype(np.int64, copy=False)
        return Landmarks(points, before / size, upto / size, borders, tied if tied.any() else None)

    def binned(self) -> ReferenceColumn:
        """The same without sorted values: a few KB, to store with a version."""
        return attrs.evolve(self, values=None)

    def to_record(self) -> dict[str, Any]:
        """A mapping of JSON values and arrays, for `watchkeeper.domain.records.packed`."""
        record: dict[str, Any] = {
            "name": self.name,
            "kind": str(self.kind),
            "rows": self.rows,
            "missing": self.missing,
            "profile": self.profile.to_record() if self.profile is not None else None,
            "cells": self.cells.to_record() if self.cells is not None else None,
        }
        return record if self.values is None else record | {"values": self.values}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> ReferenceColumn:
        """What `to_record` told.

        Raises
        ------
        DataError
            When the counts do not belong to the cells, or a part is missing.
        """
        try:
            name, kind = str(record["name"]), ColumnKind(record["kind"])
            counted = profile_from_record(record["profile"]) if record["profile"] is not None else None
            cells = _cells_from_record(record["cells"]) if record["cells"] is not None else None
            rows, lacking = int(record["rows"]), int(record["missing"])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"a reference column's record cannot be read: {error!r}; fit the reference again"
            ) from error
        if counted is not None and cells is not None:
            _check_digest(name, counted, cells)
        return cls(name, kind, rows, lacking, counted, cells, record.get("values"))


def _cells_from_record(record: Mapping[str, Any]) -> Cells:
    return LabelCells.from_record(record) if "labels" in record else NumberCells.from_record(record)


def _check_digest(name: str, counted: Profile, cells: Cells) -> None:
    if counted.digest != cells.digest or len(counted.counts) != len(cells):
        raise DataError(
            f"the profile of {name} was counted in other cells: found digest {counted.digest[:12]}… and "
            f"{len(counted.counts)} cells, expected {cells.digest[:12]}… and {len(cells)}; profile it with this "
            "reference's cells"
        )
