"""Distances between two histograms: the option, the obstacles and the chi-square law that they share."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import attrs
from scipy.special import chdtrc

from watchkeeper.contracts.drift import Drift
from watchkeeper.domain.cells import is_bin_count
from watchkeeper.domain.comparison import Comparison, Counts
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value

BINNED: Final = frozenset({ColumnKind.NUMERIC, ColumnKind.CATEGORY})
"""The kinds of column that have cells to count in."""


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


def smooth_divergence(counts: Counts, distance: float, divergence: float) -> Drift:
    """A distance that is its own effect, with its p-value.

    Parameters
    ----------
    counts
        Both sides' rows in the same cells.
    distance
        The statistic.
    divergence
        What, divided by ``1/n + 1/m``, follows approximately a chi-square law without drift.
    """
    before, now = counts.rows
    p_value = chi_square_p_value(counts, divergence / (1 / before + 1 / now))
    return Drift(Value.of(distance, samples=now), p_value, distance)


def chi_square_p_value(counts: Counts, statistic: float) -> float:
    """The chance of at least this, with one degree of freedom less than there are cells; 1 for a single cell."""
    freedom = len(counts.reference) - 1
    return float(chdtrc(freedom, statistic)) if freedom else 1.0
