"""Cramér-von Mises: the mean square gap between two distribution functions, over the pooled rows, with a p-value.

``T = n m / N² sum((F(z) - G(z))²)`` over all ``N = n + m`` pooled rows z; F and G are the shares of reference and
current values up to z. T grows with the rows; the effect is the root mean square gap ``sqrt(T N / (n m))``, between 0
and 1.

Without ties this is the rank statistic of the textbooks, and scipy's. With ties scipy's mid-ranks inflate T (two equal
constant columns are far apart there); this form stays 0 for equal shares.

The p-value is that of the limiting law after matching mean and variance. The law is for continuous columns and many
rows: when one value has more than 5 % of the pooled rows, so always with fewer than 20, there is none.

References: Anderson, Annals of Mathematical Statistics 33 (1962) 1148. Csörgő and Faraway, JRSS B 58 (1996) 221, for
the limiting law.
Cost: one linear merge of both sides' sorted values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, kve

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.cells import NumberCells
from watchkeeper.domain.comparison import Comparison, Merged
from watchkeeper.domain.profile import NumberProfile
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

_HEAVIEST_TIE = 0.05


@attrs.frozen
class CramerVonMises:
    """The two-sample Cramér-von Mises test; the effect is the root mean square gap.

    Between profiles the gap is known at the cells' edges only: the statistic takes it as changing evenly in between,
    and the interval holds what any order of the rows within the cells can give.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = CramerVonMises().compare(Comparison(reference, np.arange(50.0, 150.0)))
    >>> round(found.statistic.number, 4), found.p_value < 1e-6
    (8.3338, True)
    """

    columns: frozenset[ColumnKind] = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison: Comparison) -> Drift:
        """The statistic over all pooled rows; infinite values count at the ends."""
        reason = comparison.obstacle(self.columns)
        if reason is not None:
            return Drift(Value.undefined(reason, samples=comparison.rows))
        n, m = comparison.reference.present, comparison.rows
        interval = None
        if comparison.is_exact:
            statistic, heaviest = mean_square_gap(comparison.merged), _heaviest(comparison.merged)
        else:
            cells, before, now = comparison.number_profiles
            statistic, interval = profile_statistic(cells, before, now)
            heaviest = float(((before.counts + now.counts)[cells.is_single]).max() / (n + m))
        effect = min(math.sqrt(statistic * (n + m) / (n * m)), 1.0)
        p_value = limit_p_value(statistic, n, m) if heaviest <= _HEAVIEST_TIE else None
        return Drift(Value.of(statistic, samples=m, interval=interval), p_value, effect)


def mean_square_gap(merged: Merged) -> float:
    """T of two samples: the rows at each point count with the gap there."""
    n, m = int(merged.reference[-1]), int(merged.current[-1])
    rows = np.diff(merged.reference + merged.current, prepend=0)
    gaps = merged.reference / n - merged.current / m
    return _weighed(rows, gaps**2, n, m)


def profile_statistic(
    cells: NumberCells, reference: NumberProfile, current: NumberProfile
) -> tuple[float, tuple[float, float]]:
    """T for gaps that change evenly within cells, and what it is at least and at most."""
    n, m = reference.present, current.present
    below, above = np.cumsum(reference.counts) / n, np.cumsum(current.counts) / m
    before, now = np.concatenate(([0.0], below[:-1])), np.concatenate(([0.0], above[:-1]))
    start, stop = before - now, below - above
    low, high = before - above, below - now
    least = np.where((low < 0) & (high > 0), 0.0, np.minimum(low**2, high**2))
    most = np.maximum(low**2, high**2)
    even = (start**2 + start * stop + stop**2) / 3
    rows = reference.counts + current.counts
    statistic, lower, upper = (
        _weighed(rows, np.where(cells.is_single, stop**2, squares), n, m) for squares in (even, least, most)
    )
    return min(max(statistic, lower), upper), (lower, upper)


def limit_p_value(statistic: float, n: int, m: int) -> float:
    """The chance of at least this T without drift, from the limiting law at the same mean and variance."""
    size = n + m
    variance = (size + 1) * (4 * n * m * size - 3 * (n * n + m * m) - 2 * n * m) / (45 * size * size * 4 * n * m)
    if variance <= 0:
        return 1.0
    x = 1 / 6 + (statistic - (1 + 1 / size) / 6) / math.sqrt(45 * variance)
    if x < 0.003:  # the law is below 1e-16 there, and its terms underflow
        return 1.0
    if x > 10:  # the chance is below 1e-20
        return 0.0
    k = np.arange(40.0)
    y = (4 * k + 1) ** 2 / (16 * x)
    weights = np.exp(gammaln(k + 0.5) - gammaln(0.5) - gammaln(k + 1)) * np.sqrt(4 * k + 1)
    law = float((weights * kve(0.25, y) * np.exp(-2 * y)).sum()) / (math.pi * math.sqrt(x))
    return min(max(1 - law, 0.0), 1.0)


def _heaviest(merged: Merged) -> float:
    """The share of the pooled rows at the most frequent value."""
    upto = merged.reference + merged.current
    return float(np.diff(upto, prepend=0).max() / upto[-1])


def _weighed(rows: NDArray[np.int64], squares: NDArray[np.float64], n: int, m: int) -> float:
    return float((rows * squares).sum()) * n * m / (n + m) ** 2


def build(options: NoOptions) -> CramerVonMises:  # noqa: ARG001 - every plugin's build takes options
    """The detector."""
    return CramerVonMises()


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "cramer_von_mises", build, NoOptions, summary="Mean square gap of ranks, with p-value")
