"""Kolmogorov-Smirnov: the largest gap between two distribution functions, with a p-value.

``D = max |F(x) - G(x)|``, between 0 and 1; F and G are the shares of reference and current values up to x.

References: Smirnov, Annals of Mathematical Statistics 19 (1948) 279. Hodges, Arkiv för Matematik 3 (1958) 469, for the
exact p-value by lattice paths; Gnedenko and Korolyuk, Doklady Akademii Nauk SSSR 80 (1951) 525, for equal sizes.
Vrbik, Pioneer Journal of Theoretical and Applied Statistics 15 (2018) 15, for the correction of the limit.
Cost: about 300 look-ups in the sorted values, more in those cells that can hold the maximum (at 10 sqrt(n) landmarks in
all), and a merge of the few stretches that can.
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
            distance = largest_gap(comparison.reference.landmarks, comparison.reached, *comparison.ordered)
        else:
            interval = ks_bounds(*comparison.number_profiles)
            distance = interval[0]
        statistic = Value.of(distance, samples=sizes[1], interval=interval)
        return Drift(statistic, ks_p_value(distance, *sizes), distance)


def largest_gap(marks: Landmarks, reached: NDArray[np.int64], values: Ordered, current: Ordered) -> float:
    """``max |F - G|`` over all of the reference's and the current values.

    Both functions are known at the cells' edges: `reached` (k,) tells how many current values are at or below each.
    Between two points a < b the gap is at most ``max(F(b-) - G(a), G(b-) - F(a))``: only in cells where that exceeds
    the largest gap found so far are the landmarks looked up, and only between landmarks where it does the values.
    """
    m = len(current)
    below = marks.upto[marks.borders]
    above = np.zeros(len(marks.points))
    above[marks.borders] = at_edges = reached / m
    best = float(np.abs(below - at_edges).max())
    inside = np.maximum(below[1:] - at_edges[:-1], at_edges[1:] - below[:-1])
    cells = np.flatnonzero(inside > best)
    if not len(cells):
        return best
    ends = marks.borders[cells + 1]
    between = _runs(marks.borders[cells] + 1, ends)
    above[between] = here = np.searchsorted(current, marks.points[between], "right") / m
    best = max(best, float(np.abs(marks.upto[between] - here).max(initial=0.0)))
    return max(best, _gap_between(marks, np.concatenate((between, ends)), above, (values, current), best))


def _gap_between(
    marks: Landmarks, points: NDArray[np.int64], above: NDArray[np.float64], sides: tuple[Ordered, Ordered], best: float
) -> float:
    """The largest gap between each of the points and the one before it, as far as it exceeds `best`.

    G is constant between two current values, so that the gap is largest just before one of them, at it, or just
    before the point.

    Parameters
    ----------
    above
        (p,) the share of the current values at or below each landmark that was looked up.
    """
    values, current = sides
    n, m = len(values), len(current)
    before, start = above[points], above[points - 1]
    if marks.tied is not None:
        tied = np.flatnonzero(marks.tied[points])
        before[tied] = np.searchsorted(current, marks.points[points[tied]], "left") / m
    is_open = np.maximum(marks.before[points] - start, before - marks.upto[points - 1]) > best
    if not is_open.any():
        return best
    before = before[is_open]
    found = float((marks.before[points[is_open]] - before).max())  # F - G alone: a current value may be at the point
    at = _runs(np.rint(start[is_open] * m).astype(np.int64), np.rint(before * m).astype(np.int64))
    if not len(at):
        return found
    here = current[at]
    is_first, is_last = current[at - 1] != here, current[np.minimum(at + 1, m - 1)] != here
    is_first[at == 0] = is_last[at == m - 1] = True
    at_them = np.searchsorted(values, here[is_last], "right") / n - (at[is_last] + 1) / m
    before_them = np.searchsorted(values, here[is_first], "left") / n - at[is_first] / m
    return max(found, float(np.abs(at_them).max(initial=0.0)), float(np.abs(before_them).max(initial=0.0)))


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


def _runs(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """All whole numbers from each start to before its stop."""
    lengths = np.maximum(stops - starts, 0)
    ends = np.cumsum(lengths)
    return np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)


def build(options: NoOptions) -> KolmogorovSmirnov:  # noqa: ARG001 - every plugin's build takes options
    """The detector."""
    return KolmogorovSmirnov()


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(Kind.DRIFT, "ks", build, NoOptions, summary="Largest gap between distribution functions, with p-value")
