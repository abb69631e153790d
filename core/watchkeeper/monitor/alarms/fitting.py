"""Fitting drift alarms: what is usual in the reference's blocks, and what a bet on a change costs there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from watchkeeper.domain.martingales import STEPS, ChangeBets
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.monitor.naming import ALL_FEATURES
from watchkeeper.monitor.tables import Tables

from .blocks import BlockSize, Cut, block_size, cut_by_rows, cut_by_time, cut_evenly
from .drift import DriftAlarms, block_statistics
from .legs import Legs, legs_of
from .seasons import DAY_US, Seasons
from .table_legs import TableLegs
from .whitening import Whitening

TOLERANCE: Final = 0.05
"""The largest change that does not matter when nobody says otherwise, in reference sds of one row."""
_SURE_OF_MEAN: Final = 1.5
"""The tolerance is at least so many standard errors of the reference's own mean."""
_HIDING: Final = 1.5
"""A change of which a part p lasts in the residuals is hidden by so much: p to the minus this."""
_CEILING: Final = 10.0
"""Evidence grows to at most this many times what one column needs to raise an alarm on its own."""
_FORMAT: Final = b"watchkeeper drift alarms 3\n"


@attrs.frozen
class AlarmTerms:
    """What the user asks of the alarms of a model."""

    window: WindowSize
    budget: FalseAlarmBudget
    tolerance: float = TOLERANCE
    """The largest change that does not matter, in reference sds of one row."""


def fitted_alarms(
    references: Mapping[str, ReferenceColumn],
    table: Table,
    times: NDArray[np.int64] | None,
    terms: AlarmTerms,
    tables: Tables | None = None,
) -> DriftAlarms | str:
    """Learn from the reference; a reason when it is too short. O(n log n) a column.

    Parameters
    ----------
    references, table
        The fitted columns, and the rows they were fitted on.
    times
        (n,) UTC microseconds of the rows, or None: rows are taken to be in order.
    tables
        What compares all features together; each of its tests is a leg.
    """
    size = block_size(terms.window, len(table), times)
    if isinstance(size, str):
        return size
    legs: dict[str, Legs | TableLegs] = {
        name: found for name, reference in references.items() if (found := legs_of(reference)) is not None
    }
    if not legs:
        return "no column has values in the reference"
    ordered, at = in_order(table, times), None if times is None else np.sort(times)
    cut = reference_cut(size, at, len(table))
    if tables is not None and (together := TableLegs.of(tables)) is not None:
        legs[ALL_FEATURES] = together
    values, rows = block_statistics(legs, ordered, cut, is_reference=True)
    if ALL_FEATURES in legs and not np.isfinite(values[:, -len(legs[ALL_FEATURES].names) :]).any():
        values = values[:, : -len(legs.pop(ALL_FEATURES).names)]  # none of them is a test
    end_us = None if at is None else int(max(at[-1] + 1, cut.end_us[-1]))
    usual = _usual(values, rows, None if at is None else cut.start_us, size, kinds=_kinds(legs))
    return DriftAlarms(
        legs=legs,
        seasons=usual.seasons,
        whitening=usual.whitening,
        bets=_bets(legs, usual, terms.tolerance),
        latitude=_latitude(usual.whitening, terms.tolerance, len(legs)),
        size=size,
        period_us=terms.budget.per_us / terms.budget.alarms,
        digest=_digest(references, table, times, terms, legs.get(ALL_FEATURES)),
        reference_end_us=end_us,
        reference_blocks=len(cut),
    )


@attrs.frozen(eq=False)
class _Usual:
    seasons: Seasons
    whitening: Whitening
    residuals: NDArray[np.float64]


def _usual(
    values: NDArray[np.float64],
    rows: NDArray[np.float64],
    start_us: NDArray[np.int64] | None,
    size: BlockSize,
    *,
    kinds: NDArray[np.int64],
) -> _Usual:
    known = np.isfinite(values)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    deviations = values - mean
    seasons = Seasons.none(len(mean))
    if start_us is not None:
        seasons = Seasons.fit(start_us, deviations, size.typical_us or DAY_US)
        deviations -= seasons.at(start_us)
    whitening = Whitening.fit(mean, deviations, seasons.parameters, float(np.median(rows)), kinds)
    return _Usual(seasons, whitening, whitening.residuals(deviations))


def _bets(legs: Mapping[str, Legs | TableLegs], usual: _Usual, tolerance: float) -> ChangeBets:
    weights = np.array([weight for found in legs.values() for weight in found.weights])
    whitening = usual.whitening
    return ChangeBets.calibrated(
        usual.residuals,
        _kinds(legs),
        lasting=whitening.lasting,
        tolerance=np.maximum(tolerance, _SURE_OF_MEAN * whitening.error) / whitening.sigma,
        ceiling=_CEILING * len(legs) * len(STEPS) / weights,
    )


def _latitude(whitening: Whitening, tolerance: float, columns: int) -> NDArray[np.float64]:
    """(k,) how much safer bets are than they need be where weather hides changes: 1 where it does not.

    That nothing has changed includes a reference mean that is off by chance. A tolerance of more standard errors than
    `_SURE_OF_MEAN` makes it as many times rarer that a mean is off by more, by Student's t. So much more may be won
    in the long run, as long as not all columns change by the very tolerance: no more than the root of their number.
    """
    freedom = np.maximum(whitening.witnesses - 1.0, 2.0)
    errors = np.maximum(tolerance / np.maximum(whitening.error, 1e-9), _SURE_OF_MEAN)
    rarer = stdtr(freedom, -_SURE_OF_MEAN) / np.maximum(stdtr(freedom, -errors), 1e-12)
    hidden = whitening.lasting**-_HIDING
    return np.asarray(np.clip(np.minimum(rarer, hidden), 1.0, columns**0.5))


def _kinds(legs: Mapping[str, Legs | TableLegs]) -> NDArray[np.int64]:
    """(k,) the same number for the same leg of different columns."""
    names = [_kind(leg) for found in legs.values() for leg in found.names]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _kind(leg: str) -> str:
    return "share" if leg.startswith("share of") else leg


def in_order(table: Table, times: NDArray[np.int64] | None) -> Table:
    """The rows in time order; as they are when times are not known."""
    if times is None or np.all(times[1:] >= times[:-1]):
        return table
    return table.rows(np.argsort(times, kind="stable"))


def reference_cut(size: BlockSize, times: NDArray[np.int64] | None, rows: int) -> Cut:
    """The reference's rows, whose sorted (n,) times are known or not, in blocks of a size."""
    if times is None or times[0] == times[-1]:
        return cut_evenly(rows, size.rows)
    if size.duration_us is not None:
        return cut_by_time(times, size.duration_us)
    return cut_by_rows(times, size.rows)


def _digest(
    references: Mapping[str, ReferenceColumn],
    table: Table,
    times: NDArray[np.int64] | None,
    terms: AlarmTerms,
    together: Legs | TableLegs | None,
) -> str:
    """SHA-256 of what the alarms are fitted on: another reference, or another budget, begins anew."""
    told = hashlib.sha256(_FORMAT + f"{terms.window} {terms.budget} {terms.tolerance!r}".encode())
    if times is not None:
        told.update(np.ascontiguousarray(times).tobytes())
    for name in references:
        told.update(f"\n{name}\n".encode("utf-8", "surrogatepass"))
        told.update(_bytes(table[name]))
    if together is not None:
        told.update("\n".join(("\nall features", *together.names)).encode())
    return told.hexdigest()


def _bytes(column: Column) -> bytes:
    if isinstance(column, Categories):
        return column.codes.tobytes() + "\n".join(column.labels).encode("utf-8", "surrogatepass")
    if column.dtype.kind == "O":
        return "\n".join(map(str, column)).encode("utf-8", "surrogatepass")
    return np.ascontiguousarray(column).tobytes()
