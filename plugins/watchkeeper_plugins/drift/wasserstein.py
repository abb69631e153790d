"""Wasserstein distance: how far values would have to move, on average, to turn one side into the other.

``W1 = integral of |F(x) - G(x)| dx = integral of |F^-1(u) - G^-1(u)| du``, in the column's unit. The effect is the
distance in standard deviations of the reference.

References: Vallender, Theory of Probability and its Applications 18 (1974) 784.
Cost: O(n + m) after the sort that all detectors share: the sorted values are coupled by rank, nothing is merged.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np

from watchkeeper.contracts.drift import Drift
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.bounds import wasserstein_bounds
from watchkeeper.domain.cells import Ordered
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl


@attrs.frozen
class Wasserstein:
    """The first Wasserstein distance; undefined when a value is infinite, because the distance then is, too.

    Between profiles the statistic is the lower bound and the interval holds the true distance.

    Examples
    --------
    >>> import numpy as np
    >>> from watchkeeper.domain.comparison import Comparison
    >>> from watchkeeper.domain.reference import ReferenceColumn
    >>> reference = ReferenceColumn.fit("ret1", np.arange(100.0))
    >>> found = Wasserstein().compare(Comparison(reference, np.arange(100.0) + 3))
    >>> found.statistic.number
    3.0
    """

    columns: frozenset[ColumnKind] = frozenset({ColumnKind.NUMERIC})

    def compare(self, comparison: Comparison) -> Drift:
        """The distance in the column's unit, and in reference standard deviations as the effect."""
        reason = comparison.obstacle(self.columns) or comparison.infinity
        if reason is not None:
            return Drift(Value.undefined(reason, samples=comparison.rows))
        interval = None
        if comparison.is_exact:
            distance = coupled_distance(*comparison.ordered)
        else:
            interval = wasserstein_bounds(*comparison.number_profiles)
            distance = interval[0]
        deviation = comparison.reference.deviation.number
        statistic = Value.of(distance, samples=comparison.rows, interval=interval)
        return Drift(statistic, None, distance / deviation if deviation and statistic.is_defined else None)


def coupled_distance(first: Ordered, second: Ordered) -> float:
    """The mean distance between equal quantiles of two sorted samples of n and m values.

    The quantile functions are steps that change at multiples of 1/n and 1/m, so the positions to couple follow from
    the sizes alone. Lengths of steps are counted in units of 1/(n m), exactly.
    """
    n, m = len(first), len(second)
    with np.errstate(over="ignore"):
        if n == m:
            return float(np.abs(np.subtract(first, second, dtype=np.float64)).mean())
        own = np.arange(n)
        other = own * m // n
        lengths = np.minimum((own + 1) * m, (other + 1) * n) - own * m
        total = float((lengths * np.abs(np.subtract(first, second[other], dtype=np.float64))).sum())
        own = np.arange(m)[np.arange(m) * n % m > 0]
        other = own * n // m
        lengths = np.minimum((own + 1) * n, (other + 1) * m) - own * n
        total += float((lengths * np.abs(np.subtract(second[own], first[other], dtype=np.float64))).sum())
    return total / (n * m)


def build(options: NoOptions) -> Wasserstein:  # noqa: ARG001 - every plugin's build takes options
    """The detector."""
    return Wasserstein()


@hookimpl
def watchkeeper_drift() -> Iterable[Plugin]:
    """Offer the detector."""
    yield Plugin(
        Kind.DRIFT, "wasserstein", build, NoOptions, summary="Mean distance between quantiles, in reference sds"
    )
