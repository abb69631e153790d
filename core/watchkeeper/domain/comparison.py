"""One column's reference and current values, with the sorting and counting that drift detectors share."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import LabelCells, NumberCells, Ordered, ordered_numbers
from .errors import DataError, UsageError
from .profile import LabelProfile, NumberProfile, Profile, profile
from .reference import ReferenceColumn
from .table import Column, ColumnKind, kind_of, missing

_HOLDS = {
    ColumnKind.NUMERIC: "numbers",
    ColumnKind.CATEGORY: "categories",
    ColumnKind.TEXT: "text",
    ColumnKind.TIME: "times",
}


@attrs.frozen(eq=False)
class Counts:
    """The same b cells counted on both sides; cells that are empty on both are left out."""

    reference: NDArray[np.int64]
    """(b,) int64 reference rows in each cell."""
    current: NDArray[np.int64]
    """(b,) int64 current rows in each cell."""
    is_ordered: bool = False
    """Whether cells follow each other by their values, as bins of numbers do and labels do not."""

    @cached_property
    def rows(self) -> tuple[int, int]:
        """Reference rows and current rows in all."""
        return int(self.reference.sum()), int(self.current.sum())

    @property
    def shares(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(b,) float64 each: what share of the reference and of the current rows lies in each cell."""
        before, now = self.rows
        return self.reference / before, self.current / now


@attrs.frozen(eq=False)
class Merged:
    """Every distinct value of either side, ascending, with how many rows of each side are at or below it."""

    points: Ordered
    """(p,) distinct values."""
    reference: NDArray[np.int64]
    """(p,) int64 reference values at or below each point."""
    current: NDArray[np.int64]
    """(p,) int64 current values at or below each point."""


@attrs.frozen(eq=False, slots=False)
class Comparison:
    """A column of the current window beside the reference; every shared statistic is computed at most once.

    Missing values are left out of both sides. A comparison is exact when the reference keeps its values and the
    window is given as a column; otherwise both sides are profiles, and distances have bounds.
    """

    reference: ReferenceColumn
    current: Column | Profile

    def __attrs_post_init__(self) -> None:
        if isinstance(self.current, NumberProfile | LabelProfile):
            cells = self.reference.cells
            if cells is None or cells.digest != self.current.digest:
                raise DataError(
                    f"the profile of {self.reference.name} was counted in the cells of another reference "
                    f"({self.current.digest[:12]}…); profile the rows with this reference's cells"
                )

    def obstacle(self, columns: Collection[ColumnKind]) -> str | None:
        """Why a detector for these kinds of column has nothing to compare, or None when it can go on."""
        reference, name = self.reference, self.reference.name
        if reference.kind not in columns:
            wanted = " or ".join(sorted(_HOLDS[kind] for kind in columns))
            return f"{name} holds {_HOLDS[reference.kind]}, this detector compares {wanted}"
        if not self._is_same_kind:
            return f"the reference of {name} holds {_HOLDS[reference.kind]}, the window does not"
        if not reference.present:
            return f"no reference values: {_emptiness(reference.rows)}"
        if isinstance(reference.profile, NumberProfile) and reference.profile.infinite == reference.present:
            return f"no finite reference values: all {reference.present} are infinite"
        if not self.rows:
            return f"no values in the window: {_emptiness(self.window_rows)}"
        return None

    @property
    def infinity(self) -> str | None:
        """Which side has infinite values and how many, for distances that they make infinite; None without any."""
        before = self.reference.profile
        in_reference = before.infinite if isinstance(before, NumberProfile) else 0
        in_window = int(self.cell_counts[0] + self.cell_counts[-1]) if isinstance(before, NumberProfile) else 0
        if not in_reference and not in_window:
            return None
        return f"infinite values ({in_reference} in the reference, {in_window} in the window) are infinitely far apart"

    @cached_property
    def _is_same_kind(self) -> bool:
        if isinstance(self.current, NumberProfile | LabelProfile):
            return True
        kind = kind_of(self.current)
        is_text = kind is ColumnKind.TEXT and self.reference.kind is ColumnKind.CATEGORY
        return kind is self.reference.kind or is_text

    @property
    def is_exact(self) -> bool:
        """Whether both sides' sorted values are at hand."""
        return self.reference.values is not None and isinstance(self.current, np.ndarray) and self._is_same_kind

    @property
    def window_rows(self) -> int:
        """The window's rows, missing ones too."""
        if isinstance(self.current, NumberProfile | LabelProfile):
            return self.current.rows
        return len(self.current)

    @cached_property
    def rows(self) -> int:
        """The window's rows that have a value."""
        if isinstance(self.current, NumberProfile | LabelProfile):
            return self.current.present
        if self.is_exact:
            return len(self.values)
        if self._is_same_kind and self.reference.cells is not None:
            return self.profile.present
        return len(self.current) - int(missing(self.current).sum())

    @cached_property
    def values(self) -> Ordered:
        """(m,) the window's values, sorted, without missing ones; only for exact comparisons."""
        if not self.is_exact or not isinstance(self.current, np.ndarray):
            raise UsageError(
                f"the comparison of {self.reference.name} has no sorted values: it is between profiles, or not of "
                "numbers; ask `is_exact` first"
            )
        return ordered_numbers(self.current)

    @property
    def ordered(self) -> tuple[Ordered, Ordered]:
        """Both sides' values, sorted, without missing ones: reference, current; only for exact comparisons."""
        if self.reference.values is None:
            raise UsageError(f"the reference of {self.reference.name} is in binned form, which holds no values")
        return self.reference.values, self.values

    @property
    def number_profiles(self) -> tuple[NumberCells, NumberProfile, NumberProfile]:
        """The cells, and both sides' profiles in them: reference, current; only for numbers."""
        cells, before, now = self.reference.cells, self.reference.profile, self.profile
        if isinstance(cells, NumberCells) and isinstance(before, NumberProfile) and isinstance(now, NumberProfile):
            return cells, before, now
        raise UsageError(f"{self.reference.name} holds {_HOLDS[self.reference.kind]}, expected numbers")

    @cached_property
    def profile(self) -> Profile:
        """The window in the reference's cells."""
        if isinstance(self.current, NumberProfile | LabelProfile):
            return self.current
        if self.reference.cells is None:
            raise UsageError(f"{self.reference.name} holds {self.reference.kind}, which has no cells to count in")
        return profile(self.current, self.reference.cells)

    @cached_property
    def reached(self) -> NDArray[np.int64]:
        """(k,) int64: how many of the window's values are at or below each edge of the cells; only when exact."""
        if not isinstance(self.reference.cells, NumberCells):
            raise UsageError(f"{self.reference.name} holds {_HOLDS[self.reference.kind]}, expected numbers")
        return self.reference.cells.reached(self.values)

    @cached_property
    def cell_counts(self) -> NDArray[np.int64]:
        """(cells,) int64: the window's rows in the reference's cells."""
        if self.is_exact and isinstance(self.reference.cells, NumberCells):
            return np.diff(np.concatenate(([0], self.reached, [len(self.values)])))
        return self.profile.counts

    @cached_property
    def tendency(self) -> float | None:
        """Which way the window's numbers lie: ``P(window > reference) - P(window < reference)``, from -1 to 1.

        Counted in cells, two values of one cell being taken as equal: off by less than 1/240, the largest share of a
        cell with more than one value. None where there are no numbers on both sides. O(cells).

        References
        ----------
        Cliff, Psychological Bulletin 114 (1993) 494.
        """
        counted = self.reference.profile
        if not isinstance(counted, NumberProfile) or not self._is_same_kind or not counted.present or not self.rows:
            return None
        now = self.cell_counts / self.rows
        return float((now * self.reference.twice_ranks).sum() - 1.0)

    @cached_property
    def _bins(self) -> dict[int, Counts]:
        return {}

    def counts(self, bins: int) -> Counts:
        """Both sides over the reference's quantile bins, or over categories when it holds categories.

        Parameters
        ----------
        bins
            How many quantile bins, a divisor of 240; a value that fills a whole bin gets one of its own.
        """
        if isinstance(self.reference.cells, LabelCells):
            return self.categories
        if bins not in self._bins:
            self._bins[bins] = self._quantile_bins(bins)
        return self._bins[bins]

    def _quantile_bins(self, bins: int) -> Counts:
        cells, counted = self.reference.cells, self.reference.profile
        if not isinstance(cells, NumberCells) or counted is None:
            raise UsageError(f"{self.reference.name} holds {self.reference.kind}, which has no quantile bins")
        starts = cells.bin_starts(bins)
        before = np.add.reduceat(counted.counts, starts)
        now = np.add.reduceat(self.cell_counts, starts)
        filled = before + now > 0
        return Counts(before[filled], now[filled], is_ordered=True)

    @cached_property
    def categories(self) -> Counts:
        """Both sides over all labels of either; each label that the reference never saw is a cell of its own."""
        counted, now = self.reference.profile, self.profile
        if not isinstance(counted, LabelProfile) or not isinstance(now, LabelProfile):
            raise UsageError(f"{self.reference.name} holds {self.reference.kind}, not categories")
        unseen = now.unseen_counts
        filled = counted.counts + now.counts > 0
        return Counts(
            np.concatenate((counted.counts[filled], np.zeros(len(unseen), np.int64))),
            np.concatenate((now.counts[filled], unseen)),
        )

    @cached_property
    def merged(self) -> Merged:
        """Both sides' values in one order; only for exact comparisons. O(n + m) after sorting."""
        before, now = self.ordered
        pooled = np.concatenate((before, now))
        # stable sorting is a merge of runs, and these are two: linear
        order = np.argsort(pooled, kind="stable")
        points = pooled[order]
        is_last = np.append(points[1:] != points[:-1], [True]) if len(points) else np.zeros(0, np.bool_)
        upto = np.cumsum(order < len(before), dtype=np.int64)[is_last]
        return Merged(points[is_last], upto, np.flatnonzero(is_last) + 1 - upto)


def _emptiness(rows: int) -> str:
    return f"all {rows} rows are missing" if rows else "there are no rows"
