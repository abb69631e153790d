"""Pearson's chi-square: whether two histograms can come from the same shares.

``chi2 = sum((observed - expected)² / expected)`` over both sides and all cells: the categories, those that the
reference never saw included, or the reference's quantile bins. Cells that are empty on both sides are left out; there
is no continuity correction. The statistic grows with the rows; the effect is Cramér's V, ``sqrt(chi2 / (n + m))``,
between 0 and 1.

References: Pearson, Philosophical Magazine 50 (1900) 157. Cramér, Mathematical Methods of Statistics, 1946.
Cost: O(cells) after the counts that all detectors share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.comparison import Comparison, Counts
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .binned_distances import BINNED, BinOptions, chi_square_p_value, over_bins


@attrs.frozen
class Options(BinOptions):
    """How numbers are binned."""


@attrs.frozen
class ChiSquare:
    """Pearson's chi-square test of homogeneity; the effect is Cramér's V.

    Examples
    --------
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> from watchkeeper.domain.table import Categories
    >>> reference = ReferenceColumn.fit("venue", Categories.of(["A"] * 40 + ["B"] * 40))
    >>> found = ChiSquare().compare(Comparison(reference, Categories.of(["A"] * 20 + ["C"] * 20)))
    >>> round(found.statistic.number, 6), found.p_value < 1e-12, round(found.effect, 4)
    (60.0, True, 0.7071)
    """

    options: Options = Options()
    columns: frozenset[ColumnKind] = BINNED

    def compare(self, comparison: Comparison) -> Drift:
        """The statistic over categories or quantile bins."""
        return over_bins(comparison, self.columns, self.options.bins, measured)


def measured(counts: Counts) -> Drift:
    """The statistic with its p-value and Cramér's V."""
    statistic = chi_square(counts)
    value = Value.of(statistic, samples=counts.rows[1])
    return Drift(value, chi_square_p_value(counts, chi_square), math.sqrt(statistic / sum(counts.rows)))


def chi_square(counts: Counts) -> float:
    """The statistic of a table of two rows, in a form without expected counts."""
    before, now = counts.rows
    excess = counts.reference * float(now) - counts.current * float(before)
    return float((excess**2 / (counts.reference + counts.current)).sum() / (float(before) * now))


def build(options: Options) -> ChiSquare:
    """The detector with these bins."""
    return ChiSquare(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT, "chi2", build, Options, summary="Pearson's chi-square over categories or bins, with p-value"
    )
