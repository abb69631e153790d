"""Rank information coefficient: whether higher signals were followed by higher outcomes, from -1 to 1.

Formula: Spearman's correlation of `predicted` and `truth`: Pearson's of their ranks, ties sharing their mean rank; a
weight counts like that many equal rows. Undefined when one of them is constant, or with fewer than three rows.
Interval: after Fisher's z with the variance ``(1 + r²/2) / (n - 3)`` (Bonett & Wright 2000). Rows of one day that move
together are not independent: the interval is then too narrow. Cost: two sorts, O(n log n).

References
----------
Spearman (1904), American Journal of Psychology 15:72. Bonett & Wright (2000), Psychometrika 65:23.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.01, -0.02, 0.5], predicted=[1.0, -2.0, 3.0])
>>> round(build(NoOptions()).compute(rows).number, 6)
1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, fisher
from watchkeeper.hookspecs import hookimpl

from .correlation import Correlation, correlation, midranks
from .signal_correlation import SignalCorrelation


def correlated(rows: Evaluation) -> Correlation | None:
    """Spearman's correlation of prediction and truth."""
    weights = rows.weights
    return correlation(midranks(rows.predicted, weights), midranks(rows.truth, weights), weights)


def interval(found: Correlation) -> Interval | None:
    """After Fisher's z, with the variance of ranks; None for three rows."""
    if found.rows <= 3:
        return None
    spread = math.sqrt((1 + found.number**2 / 2) / (found.rows - 3))
    return fisher(found.number, spread * (1 - found.number**2))


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return SignalCorrelation(correlated, interval)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Whether higher signals were followed by higher outcomes (Spearman)"
    yield Plugin(Kind.METRIC, "rank_ic", build, NoOptions, summary=summary)
