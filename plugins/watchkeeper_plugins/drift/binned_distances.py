"""Distances between two histograms: the option, the obstacles and the chi-square law that they share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.cells import is_bin_count
from watchkeeper.domain.comparison import Comparison, Counts
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value

BINNED: Final = frozenset({ColumnKind.NUMERIC, ColumnKind.CATEGORY})
"""The kinds of column that have cells to count in."""
_FEWEST_EXPECTED: Final = 5.0


@attrs.frozen
class BinOptions:
    """How the values are binned."""

    bins: int = attrs.field(default=10, validator=is_bin_count)
    """Quantile bins of the reference, a divisor of 240; categories are their own bins."""


def over_bins(
    comparison: Comparison, columns: Collection[ColumnKind], bins: int, measured: Callable[[Counts], Drift]
) -> Drift:
    """What is measured between the counts of both sides, or undefined with the reason why there are none.

    Parameters
    ----------
    comparison
        One column; infinite values lie in the outermost bins.
    columns
        The kinds of column that the detector is defined for.
    bins
        How many quantile bins, a divisor of 240.
    measured
        The detector's distance.
    """
    reason = comparison.obstacle(columns)
    if reason is not None:
        return Drift(Value.undefined(reason, samples=comparison.rows))
    return measured(comparison.counts(bins))


def smooth_divergence(counts: Counts, distance: float, divergence: Callable[[Counts], float]) -> Drift:
    """A distance that is its own effect, with its p-value.

    Parameters
    ----------
    counts
        Both sides' rows in the same cells.
    distance
        The statistic.
    divergence
        Of counts, what, divided by ``1/n + 1/m``, follows approximately a chi-square law without drift.
    """
    before, now = counts.rows
    p_value = chi_square_p_value(counts, lambda cells: divergence(cells) / (1 / before + 1 / now))
    return Drift(Value.of(distance, samples=now), p_value, distance)


def chi_square_p_value(counts: Counts, statistic: Callable[[Counts], float]) -> float | None:
    """The chance of at least the statistic of the cells that are `filled`, one degree of freedom less than there are.

    1 for a single cell; None where there are several, and too few rows to tell them apart.
    """
    if len(counts.reference) == 1:
        return 1.0
    cells = filled(counts)
    freedom = len(cells.reference) - 1
    return float(chdtrc(freedom, statistic(cells))) if freedom else None


def filled(counts: Counts) -> Counts:
    """The cells in which at least 5 rows of either side are expected without drift; sparse ones are put together.

    The law of Pearson's statistic does not hold where fewer are expected (Cochran 1954), and less so that of other
    divergences. Sparse bins join those beside them; sparse labels are one cell, as their order tells which of them the
    reference never had. What is still sparse then goes with the last, or the smallest, of the others. O(cells).
    """
    both = counts.reference + counts.current
    needed = _FEWEST_EXPECTED * sum(counts.rows) / min(counts.rows)
    if not (both < needed).any():
        return counts
    place = _neighbours(both, needed) if counts.is_ordered else _together(both, needed)
    before, now = (np.bincount(place, side).astype(np.int64) for side in (counts.reference, counts.current))
    return Counts(before, now, counts.is_ordered)


def _neighbours(both: NDArray[np.int64], needed: float) -> NDArray[np.int64]:
    """(b,) the new cell of each: from left to right, each as large as needed."""
    place, total, group = np.empty(len(both), dtype=np.int64), 0, 0
    for at, rows in enumerate(both.tolist()):
        place[at] = group
        total += rows
        if total >= needed:
            total, group = 0, group + 1
    return np.minimum(place, max(group - 1, 0))


def _together(both: NDArray[np.int64], needed: float) -> NDArray[np.int64]:
    """(b,) the new cell of each: one for all that are sparse, which are the last, and with them what it lacks."""
    ranks = np.argsort(np.argsort(-both, kind="stable"))
    alone = int((both >= needed).sum())
    if alone and both[both < needed].sum() < needed:
        alone -= 1
    return np.minimum(ranks, alone).astype(np.int64)
