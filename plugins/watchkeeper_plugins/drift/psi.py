"""Population stability index: the symmetrised relative entropy between two histograms.

``PSI = sum((q - p) ln(q / p))`` over the reference's quantile bins or the categories; p and q are the shares of
reference and current rows. 0 means equal shares, there is no upper limit.

The rule of thumb (0.1 some, 0.25 much) ignores the number of rows. Without drift, PSI divided by ``1/n + 1/m`` follows
approximately a chi-square law with one degree of freedom less than there are cells, which gives the p-value here; the
critical value at level a is ``chi2(1 - a, cells - 1) (1/n + 1/m)``.

References: Lewis, An Introduction to Credit Scoring, 1994. Yurdakul, Statistical Properties of Population Stability
Index, Western Michigan University, 2018.
Cost: O(bins) after the sort that all detectors share.
"""

from __future__ import annotations

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
    """How the values are binned, and what an empty cell counts for."""

    empty_rows: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))
    """How many rows an empty cell counts for, when the other side has rows in it."""


@attrs.frozen
class PopulationStability:
    """The population stability index, with Yurdakul's p-value; the effect is the index itself.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = PopulationStability().compare(Comparison(reference, np.arange(50.0)))
    >>> round(found.statistic.number, 3)
    1.383
    """

    options: Options = Options()
    columns: frozenset[ColumnKind] = BINNED

    def compare(self, comparison: Comparison) -> Drift:
        """The index over quantile bins or categories; infinite values lie in the outermost bins."""
        return over_bins(comparison, self.columns, self.options.bins, self._measured)

    def _measured(self, counts: Counts) -> Drift:
        empty_rows = self.options.empty_rows
        index = stability_index(counts, empty_rows)
        return smooth_divergence(
            counts, index, lambda cells: index if cells is counts else stability_index(cells, empty_rows)
        )


def stability_index(counts: Counts, empty_rows: float) -> float:
    """The index; an empty cell counts as `empty_rows` rows, the others stay as they are."""
    before, now = counts.rows
    p = np.where(counts.reference == 0, empty_rows, counts.reference) / before
    q = np.where(counts.current == 0, empty_rows, counts.current) / now
    return float(((q - p) * np.log(q / p)).sum())


def build(options: Options) -> PopulationStability:
    """The detector with these bins."""
    return PopulationStability(options)


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT, "psi", build, Options, summary="Population stability index over quantile bins, with p-value"
    )
