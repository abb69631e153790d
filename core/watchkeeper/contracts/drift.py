"""What a drift plugin is: how far a window's column is from the reference, or when a stream of numbers has changed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np
from numpy.typing import NDArray

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


@runtime_checkable
class FittedTable(Protocol):
    """What a table detector learnt from a reference of d columns; never changes."""

    def compare(self, rows: NDArray[np.float64]) -> Drift:
        """How far a window is from the reference, all columns together.

        Parameters
        ----------
        rows
            (m, d) finite float64 in time order, encoded as the reference's; not written into.

        Without rows the statistic is undefined with the reason; do not raise for data. The p-value is what gives a
        detector its part in the alarms: where there is none, the statistic has a threshold alone.
        """
        ...

    def to_record(self) -> dict[str, Any]:
        """JSON values and arrays, as `watchkeeper.domain.records.packed` takes them, for `TableDetector.restored`."""
        ...


@runtime_checkable
class TableDetector(Protocol):
    """The second shape of a drift plugin: compares all columns at once; built once, holds no data.

    Attributes
    ----------
    calibration_windows
        How many of the reference's own windows it is compared with to learn what is usual: few where it is slow.
    """

    calibration_windows: int

    def fit(self, rows: NDArray[np.float64]) -> FittedTable:
        """Learn what is normal, once.

        Parameters
        ----------
        rows
            (n, d) finite float64 in time order: numbers in the reference's sds, labels as 0 and 1 less their shares,
            missing as 0. Not written into.
        """
        ...

    def restored(self, record: Mapping[str, Any]) -> FittedTable:
        """What `FittedTable.to_record` told."""
        ...


class StreamValues(StrEnum):
    """What a stream detector is defined for."""

    ERRORS = "errors"
    """Numbers from 0 to 1, such as 1 for a wrong answer."""
    NUMBERS = "numbers"
    """Any numbers."""


@runtime_checkable
class DriftStream(Protocol):
    """One sequence of numbers under watch, with what has been learnt of it so far; not safe between threads."""

    def update_many(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Go on with these values, in order, and return where in them a change was signalled.

        After a signal it begins anew with the next value. Values that are not finite are passed over. It must not
        matter in how many calls the values come.

        Parameters
        ----------
        values
            (n,) float64; not written into.

        Returns
        -------
        (m,) int64 ascending positions in `values`.
        """
        ...

    def to_record(self) -> dict[str, Any]:
        """Everything it knows, as JSON holds it, for `StreamDetector.begin`."""
        ...


@runtime_checkable
class StreamDetector(Protocol):
    """The third shape of a drift plugin: watches sequences value by value; built once, holds no data.

    Attributes
    ----------
    values
        What it is defined for.
    """

    values: StreamValues

    def begin(self, record: Mapping[str, Any] | None = None) -> DriftStream:
        """A new stream, or one that goes on from what `DriftStream.to_record` told."""
        ...
