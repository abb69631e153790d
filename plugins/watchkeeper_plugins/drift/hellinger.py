"""Hellinger distance: the angle-like distance between the square roots of two histograms.

``H = sqrt(sum((sqrt(p) - sqrt(q))²) / 2)`` over the reference's quantile bins or the categories; p and q are the shares
of reference and current rows. Between 0 (equal shares) and 1 (no cell in common). A metric. Empty cells need no
smoothing.

Without drift ``8 H²`` divided by ``1/n + 1/m`` follows approximately a chi-square law with one degree of freedom less
than there are cells, like every smooth divergence; that gives the p-value.

References: Hellinger, Journal für die reine und angewandte Mathematik 136 (1909) 210. Menéndez et al., Journal of the
Franklin Institute 334 (1997) 307, for the law without drift.
Cost: O(bins) after the sort that all detectors share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.comparison import Comparison, Counts
from watchkeeper.domain.table import ColumnKind
from watchkeeper.hookspecs import hookimpl

from .binned_distances import BINNED, BinOptions, over_bins, smooth_divergence


@attrs.frozen
class Options(BinOptions):
    """How the values are binned."""


@attrs.frozen
class Hellinger:
    """The Hellinger distance; the effect is the distance itself.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = Hellinger().compare(Comparison(reference, np.arange(50.0)))
    >>> round(found.statistic.number, 4)
    0.5412
    """

    options: Options = Options()
    columns: frozenset[ColumnKind] = BINNED

    def compare(self, comparison: Comparison) -> Drift:
        """The distance over quantile bins or categories; infinite values lie in the outermost bins."""
        return over_bins(comparison, self.columns, self.options.bins, measured)


def measured(counts: Counts) -> Drift:
    """The distance with its p-value."""
    square = squared_distance(counts)
    return smooth_divergence(counts, math.sqrt(square), lambda cells: 8 * squared_distance(cells))


def squared_distance(counts: Counts) -> float:
    """The squared Hellinger distance, at least 0 and at most 1."""
    p, q = counts.shares
    return min(float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()) / 2, 1.0)


def build(options: Options) -> Hellinger:
    """The detector with these bins."""
    return Hellinger(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "hellinger", build, Options, summary="Hellinger distance over quantile bins, with p-value")
