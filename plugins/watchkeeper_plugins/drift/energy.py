"""Energy distance: how much farther apart values of different sides are than values of the same side.

``D = sqrt(2 E|X - Y| - E|X - X'| - E|Y - Y'|) = sqrt(2 integral of (F(x) - G(x))² dx)``, in the root of the column's
unit. The effect is the coefficient of inhomogeneity ``D² / (2 E|X - Y|)``, between 0 and 1.

References: Székely and Rizzo, Journal of Statistical Planning and Inference 143 (2013) 1249.
Cost: one linear merge of both sides' sorted values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.bounds import energy_bounds
from watchkeeper.domain.comparison import Comparison, Merged
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl


@attrs.frozen
class Energy:
    """The energy distance; undefined when a value is infinite, because the distance then is, too.

    Between profiles the statistic is the lower bound, the interval holds the true distance, and there is no effect.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.array([0.0, 2.0]))
    >>> found = Energy().compare(Comparison(reference, np.array([1.0, 3.0])))
    >>> found.statistic.number, found.effect
    (1.0, 0.3333333333333333)
    """

    columns: frozenset[ColumnKind] = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison: Comparison) -> Drift:
        """The distance in the root of the column's unit."""
        reason = comparison.obstacle(self.columns) or comparison.infinity
        if reason is not None:
            return Drift(Value.undefined(reason, samples=comparison.rows))
        if not comparison.is_exact:
            lower, upper = energy_bounds(*comparison.number_profiles)
            return Drift(Value.of(lower, samples=comparison.rows, interval=(lower, upper)))
        between, apart = gap_integrals(comparison.merged)
        statistic = Value.of(math.sqrt(2 * between), samples=comparison.rows)
        effect = min(between / apart, 1.0) if apart > 0 else 0.0
        return Drift(statistic, None, effect if statistic.is_defined else None)


def gap_integrals(merged: Merged) -> tuple[float, float]:
    """The integral of ``(F - G)²`` and that of ``F (1 - G) + G (1 - F)``, which is ``E|X - Y|``."""
    below = merged.reference[:-1] / merged.reference[-1]
    above = merged.current[:-1] / merged.current[-1]
    with np.errstate(over="ignore"):
        widths = np.diff(merged.points.astype(np.float64, copy=False))
        # sums of products rather than dot products: those depend on how many threads the BLAS library takes
        between = float(((below - above) ** 2 * widths).sum())
        apart = float(((below * (1 - above) + above * (1 - below)) * widths).sum())
    return between, apart


def build(options: NoOptions) -> Energy:  # noqa: ARG001 - every plugin's build takes options
    """The detector."""
    return Energy()


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "energy", build, NoOptions, summary="Energy distance, with coefficient of inhomogeneity")
