"""Kolmogorov-Smirnov: the largest gap between two distribution functions, with a p-value.

``D = max |F(x) - G(x)|``, between 0 and 1; F and G are the shares of reference and current values up to x.

References: Smirnov, Annals of Mathematical Statistics 19 (1948) 279. Hodges, Arkiv för Matematik 3 (1958) 469, for the
exact p-value by lattice paths; Gnedenko and Korolyuk, Doklady Akademii Nauk SSSR 80 (1951) 525, for equal sizes.
Vrbik, Pioneer Journal of Theoretical and Applied Statistics 15 (2018) 15, for the correction of the limit.
Cost: about 10 sqrt(n) look-ups in the sorted values, and a merge of the few stretches that can hold the maximum.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, kolmogorov

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.bounds import ks_bounds
from watchkeeper.domain.cells import Ordered
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.reference import Landmarks
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

_EXACT_SIZE = 1000
_EXACT_WORK = 5_000_000


@attrs.frozen
class KolmogorovSmirnov:
    """The two-sample Kolmogorov-Smirnov test; the effect is the statistic itself.

    Between profiles the statistic is the largest gap at a cell's edge, the interval holds the true distance, and the
    p-value belongs to the lower end.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = KolmogorovSmirnov().compare(Comparison(reference, np.arange(50.0, 150.0)))
    >>> found.statistic.number, found.p_value < 1e-9
    (0.5, True)
    """

    columns: frozenset[ColumnKind] = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison: Comparison) -> Drift:
        """The largest gap between the distribution functions; infinite values count at the ends."""
        reason = comparison.obstacle(self.columns)
        if reason is not None:
            return Drift(Value.undefined(reason, samples=comparison.rows))
        sizes = comparison.reference.present, comparison.rows
        interval = None
        if comparison.is_exact:
            distance = largest_gap(comparison.reference.landmarks, *comparison.ordered)
        else:
            interval = ks_bounds(*comparison.number_profiles)
            distance = interval[0]
        statistic = Value.of(distance, samples=sizes[1], interval=interval)
        return Drift(statistic, ks_p_value(distance, *sizes), distance)


def largest_gap(marks: Landmarks, values: Ordered, current: Ordered) -> float:
    """``max |F - G|`` over all of the reference's and the current values.

    Both functions are looked up at landmarks of the reference. Between two landmarks a < b the gap is at most
    ``max(F(b-) - G(a), G(b-) - F(a))``: only where that exceeds the largest gap found so far are the values merged.
    """
    n, m = len(values), len(current)
    upto = np.searchsorted(current, marks.points, "right")
    before = upto.copy()
    tied = marks.upto - marks.before > 1
    before[tied] = np.searchsorted(current, marks.points[tied], "left")
    below, above = np.concatenate(([0.0], marks.upto / n)), np.concatenate(([0.0], upto / m))
    best = float(np.abs(below - above).max())
    inside = np.maximum(marks.before / n - above[:-1], before / m - below[:-1])
    open_stretches = np.flatnonzero(inside > best)
    if not len(open_stretches):
        return best
    starts = np.concatenate(([0], marks.upto))[open_stretches], np.concatenate(([0], upto))[open_stretches]
    stops = marks.before[open_stretches], before[open_stretches]
    points = np.concatenate(
        [_stretches(side, *ends) for side, ends in zip((values, current), zip(starts, stops, strict=True), strict=True)]
    )
    gaps = np.searchsorted(values, points, "right") / n - np.searchsorted(current, points, "right") / m
    return max(best, float(np.abs(gaps).max(initial=0.0)))


def ks_p_value(distance: float, n: int, m: int) -> float:
    """The chance of a distance at least this large between n and m independent rows of one continuous distribution.

    Below an effective size ``n m / (n + m)`` of 1000 it is exact (with ties: an upper bound), or, where counting
    lattice paths would take long, that of one sample of the effective size; above, Kolmogorov's limit with Vrbik's
    correction, off by less than 0.025 divided by the effective size.
    """
    effective = n * m / (n + m)
    if distance <= 0:
        return 1.0
    # beyond 20 the chance is below 2 exp(-40): no formula's error matters
    if effective >= _EXACT_SIZE or effective * distance**2 > 20:
        size = math.sqrt(effective) * distance
        return float(kolmogorov(size + 1 / (6 * math.sqrt(effective)) + (size - 1) / (4 * effective)))
    if n == m:
        return _equal_sizes_p_value(round(distance * n), n)
    if n * m <= _EXACT_WORK:
        return _exact_p_value(distance, n, m)
    from scipy.stats import kstwo

    return float(kstwo.sf(distance, round(effective)))


def _equal_sizes_p_value(steps: int, n: int) -> float:
    """Share of the orders of n and n rows whose distance is at least ``steps / n``: paths reflected at both borders.

    ``2 sum((-1)^(j - 1) C(2n, n - j steps) / C(2n, n))`` over j from 1. O(n / steps).
    """
    if steps < 1:
        return 1.0
    reached = np.arange(steps, n + 1, steps, dtype=np.float64)
    shares = np.exp(2 * gammaln(n + 1) - gammaln(n - reached + 1) - gammaln(n + reached + 1))
    return min(max(2 * float(shares[::2].sum() - shares[1::2].sum()), 0.0), 1.0)


def _exact_p_value(distance: float, n: int, m: int) -> float:
    """Share of the lattice paths from (0, 0) to (n, m) that leave the band ``|i/n - j/m| < distance``.

    Row by row: a point is reached from its left and from below, so the paths to a row are the running sum of the
    paths to the row before, within the band. O(n m distance), the shorter sample going by rows.
    """
    few, many = min(n, m), max(n, m)
    step, run = few // math.gcd(few, many), many // math.gcd(few, many)
    reach = round(distance * few * run)
    first, paths, logarithm = 0, np.ones((reach - 1) // step + 1), 0.0
    for row in range(1, few + 1):
        start = max(0, -((reach - 1 - row * run) // step))
        stop = min(many, (row * run + reach - 1) // step)
        paths = np.concatenate((paths[start - first :], np.zeros(max(stop - first + 1 - len(paths), 0))))
        paths = np.cumsum(paths[: stop - start + 1])
        if not len(paths) or not paths[-1]:
            return 1.0
        # the last number is kept at 1 and its logarithm summed, with that of the share of all paths that a row adds
        logarithm += math.log(paths[-1]) + math.log(row / (many + row))
        paths /= paths[-1]
        first = start
    return min(max(-math.expm1(logarithm), 0.0), 1.0)


def _stretches(values: Ordered, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Ordered:
    """The values at all positions from a start to before its stop."""
    lengths = np.maximum(stops - starts, 0)
    shifts = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    chosen: Ordered = values[shifts + np.arange(len(shifts))]
    return chosen


def build(options: NoOptions) -> KolmogorovSmirnov:  # noqa: ARG001 - every plugin's build takes options
    """The detector."""
    return KolmogorovSmirnov()


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "ks", build, NoOptions, summary="Largest gap between distribution functions, with p-value")
