"""Cramér-von Mises: the mean square gap between two distribution functions, over the pooled rows, with a p-value.

``T = U / (n m N) - (4 n m - 1) / (6 N)`` with ``N = n + m`` and ``U = n sum((r_i - i)²) + m sum((s_j - j)²)``; r and s
are the pooled ranks (ties: mid-ranks) of the sorted reference and current values. T grows with the rows; the effect is
``sqrt(T N / (n m))``, about the root mean square gap, between 0 and 1.

The p-value is that of the limiting law after matching mean and variance; with fewer than 20 rows on both sides it is
rough.

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


@attrs.frozen
class CramerVonMises:
    """The two-sample Cramér-von Mises test; the effect is the root mean square gap.

    Between profiles ranks within a cell are not known: the statistic takes each cell's values as one tied value,
    and the interval holds what any order within the cells can give.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = CramerVonMises().compare(Comparison(reference, np.arange(50.0, 150.0)))
    >>> round(found.statistic.number, 4), found.p_value < 1e-6
    (8.3337, True)
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
            statistic = rank_statistic(comparison.merged)
        else:
            statistic, interval = profile_statistic(*comparison.number_profiles)
        effect = min(math.sqrt(statistic * (n + m) / (n * m)), 1.0)
        return Drift(Value.of(statistic, samples=m, interval=interval), limit_p_value(statistic, n, m), effect)


def rank_statistic(merged: Merged) -> float:
    """T of two samples: f and g rows of the sides share each point, after F and G rows."""
    n, m = int(merged.reference[-1]), int(merged.current[-1])
    f, g = np.diff(merged.reference, prepend=0), np.diff(merged.current, prepend=0)
    total = _tied(f, g, merged.reference - f, merged.current - g, (n, m)).sum()
    return _standardised(float(total), n, m)


def profile_statistic(
    cells: NumberCells, reference: NumberProfile, current: NumberProfile
) -> tuple[float, tuple[float, float]]:
    """T as expected when rows lie in random order within each cell, and what it is at least and at most."""
    n, m = reference.present, current.present
    f, g = reference.counts.astype(np.float64), current.counts.astype(np.float64)
    before, now = np.cumsum(f) - f, np.cumsum(g) - g
    tied = _tied(f, g, before, now, (n, m))
    mixed = n * f * (now**2 + now * g + g * (2 * g + 1) / 6) + m * g * (before**2 + before * f + f * (2 * f + 1) / 6)
    least, most = _limits(f, g, before, now, (n, m))
    alone = cells.is_single
    found = [float(np.where(alone, tied, part).sum()) for part in (mixed, least, most)]
    statistic, lower, upper = (_standardised(total, n, m) for total in found)
    return statistic, (lower, upper)


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


_Rows = NDArray[np.float64] | NDArray[np.int64]


def _tied(f: _Rows, g: _Rows, before: _Rows, now: _Rows, sizes: tuple[int, int]) -> NDArray[np.float64]:
    """What each group adds to U when all its rows are tied."""
    n, m = sizes
    own = f * ((now + g / 2) ** 2 + (np.square(f, dtype=np.float64) - 1) / 12)
    other = g * ((before + f / 2) ** 2 + (np.square(g, dtype=np.float64) - 1) / 12)
    return np.asarray(n * own + m * other)


def _limits(
    f: NDArray[np.float64],
    g: NDArray[np.float64],
    before: NDArray[np.float64],
    now: NDArray[np.float64],
    sizes: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What each group adds to U at least and at most, whatever the order of its rows.

    With a_i current rows of the group below its i-th reference row, b_j the other way round, A and B their sums,
    ``A + B = f g``, and a group adds ``n sum((G + a_i)²) + m sum((F + b_j)²)``, plus at most ``n f³ / 12 + m g³ / 12``
    for ties on one side. At least: ``sum(a²) >= A² / f``, a parabola in A. At most: ``sum(a²) <= g A``, linear in A.
    """
    n, m = sizes
    fixed = n * f * now**2 + m * g * before**2 + 2 * m * before * f * g
    slope = 2 * (n * now - m * before)
    curve = np.divide(n, f, out=np.zeros_like(f), where=f > 0) + np.divide(m, g, out=np.zeros_like(g), where=g > 0)
    lowest = np.divide(2 * m * f - slope, 2 * curve, out=np.zeros_like(f), where=curve > 0)
    a = np.clip(lowest, 0, f * g)
    own = np.divide(n * a**2, f, out=np.zeros_like(f), where=f > 0)
    other = np.divide(m * (f * g - a) ** 2, g, out=np.zeros_like(g), where=g > 0)
    ties = (n * f**3 + m * g**3) / 12
    most = np.maximum(m * f * f * g, slope * f * g + n * f * g * g)
    return fixed + slope * a + own + other, fixed + most + ties


def _standardised(total: float, n: int, m: int) -> float:
    """T from U, at least 0."""
    size = n + m
    return max(total / (float(n) * m * size) - (4 * float(n) * m - 1) / (6 * size), 0.0)


def build(options: NoOptions) -> CramerVonMises:  # noqa: ARG001 - every plugin's build takes options
    """The detector."""
    return CramerVonMises()


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "cramer_von_mises", build, NoOptions, summary="mean square gap of ranks, with p-value")
