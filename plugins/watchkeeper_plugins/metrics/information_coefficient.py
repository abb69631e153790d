"""Information coefficient: the correlation of a signal with what came of it, from -1 to 1.

Formula: Pearson's correlation of `predicted` and `truth`. Undefined when one of them is constant, or with fewer than
three rows. Interval: after Fisher's z, with the error of the influence function, valid for heavy tails, and Student's
t. Rows of one day that move together are not independent: give the mean signal of the day, or read the interval as too
narrow. Cost: O(n).

References
----------
Grinold & Kahn (1999), Active Portfolio Management. Hawkins (1989), The American Statistician 43:235, the error.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.01, -0.02, 0.03], predicted=[1.0, -2.0, 3.0])
>>> round(build(NoOptions()).compute(rows).number, 6)
1.0
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, fisher
from watchkeeper.hookspecs import hookimpl

from .correlation import Correlation, correlation
from .signal_correlation import SignalCorrelation


def correlated(rows: Evaluation) -> Correlation | None:
    """Pearson's correlation of prediction and truth."""
    return correlation(rows.predicted, rows.truth, rows.weights)


def interval(found: Correlation) -> Interval | None:
    """After Fisher's z, with the coefficient's own error and Student's t."""
    return fisher(found.number, found.error, found.rows - 2)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return SignalCorrelation(correlated, interval)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Correlation of a signal with what came of it (Pearson)"
    yield Plugin(Kind.METRIC, "information_coefficient", build, NoOptions, summary=summary)
