"""Jensen-Shannon distance: how well one can tell from a row's bin which side it came from.

``JS = sqrt((KL(p, m) + KL(q, m)) / 2)`` with ``m = (p + q) / 2`` and logarithms to base 2, over the reference's
quantile bins or the categories; p and q are the shares of reference and current rows. Between 0 (equal shares) and 1
(no cell in common); the square is in bits. A metric: it obeys the triangle inequality.

Without drift ``8 ln 2 JS²`` divided by ``1/n + 1/m`` follows approximately a chi-square law with one degree of freedom
less than there are cells, like every smooth divergence; that gives the p-value.

References: Lin, IEEE Transactions on Information Theory 37 (1991) 145. Endres and Schindelin, the same 49 (2003) 1858.
Menéndez et al., Journal of the Franklin Institute 334 (1997) 307, for the law without drift.
Cost: O(bins) after the sort that all detectors share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
from scipy.special import rel_entr

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
class JensenShannon:
    """The Jensen-Shannon distance to base 2; the effect is the distance itself.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = JensenShannon().compare(Comparison(reference, np.arange(50.0)))
    >>> round(found.statistic.number, 4)
    0.5579
    """

    options: Options = Options()
    columns: frozenset[ColumnKind] = BINNED

    def compare(self, comparison: Comparison) -> Drift:
        """The distance over quantile bins or categories; infinite values lie in the outermost bins."""
        return over_bins(comparison, self.columns, self.options.bins, measured)


def measured(counts: Counts) -> Drift:
    """The distance with its p-value."""
    bits = divergence_bits(counts)
    return smooth_divergence(counts, math.sqrt(bits), lambda cells: 8 * math.log(2) * divergence_bits(cells))


def divergence_bits(counts: Counts) -> float:
    """The Jensen-Shannon divergence, at least 0 and at most 1."""
    p, q = counts.shares
    middle = (p + q) / 2
    entropy = float((rel_entr(p, middle) + rel_entr(q, middle)).sum())
    return min(max(entropy / (2 * math.log(2)), 0.0), 1.0)


def build(options: Options) -> JensenShannon:
    """The detector with these bins."""
    return JensenShannon(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT, "jensen_shannon", build, Options, summary="Jensen-Shannon distance to base 2 over quantile bins"
    )
