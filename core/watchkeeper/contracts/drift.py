"""What a drift plugin is: how far a column of the current window is from the reference."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import attrs

from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value


@attrs.frozen
class Drift:
    """What a detector found in one column."""

    statistic: Value
    """The distance, in the unit that the detector's documentation names; 0 means no difference."""
    p_value: float | None = None
    """Chance of a distance at least this large without drift, for independent rows; None if there is no test."""
    effect: float | None = None
    """The size of the change in units that do not depend on the number of rows, such as reference sds."""


@runtime_checkable
class DriftDetector(Protocol):
    """Compares one column at a time; built once, holds no data.

    Attributes
    ----------
    columns
        The kinds of column that it is defined for.
    """

    columns: frozenset[ColumnKind]

    def compare(self, comparison: Comparison) -> Drift:
        """The distance between the reference and the current values of one column.

        Read what the comparison has already sorted and counted: it is shared by all detectors. Missing values
        are left out of both sides (they are measured on their own). An empty side is an undefined statistic
        with the reason, never 0; do not raise for data. O(n) or O(n log n) in the rows.
        """
        ...
