"""Hit rate: how often a signal had the sign of what came of it.

Formula: ``Σ w [sign(predicted) = sign(truth)] / Σ w`` over the rows where neither is 0: no position, or no move, is
neither a hit nor a miss. Undefined when there is no such row. Interval: Wilson's. Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("score", truth=[0.01, -0.02, 0.03, 0.0], predicted=[1.0, 1.0, 2.0, 1.0])
>>> round(build(NoOptions()).compute(rows).number, 3)
0.667
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import wilson
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .preconditions import SIGNALS, refusal


class HitRate:
    """How often a signal had the sign of what came of it."""

    tasks = SIGNALS
    higher_is_better = True
    limits = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """Rows of equal sign among rows that have signs."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        products = np.sign(evaluation.predicted) * np.sign(evaluation.truth)
        weights = np.ones(len(evaluation)) if evaluation.weights is None else evaluation.weights
        counted = np.where(products != 0, weights, 0.0)
        total, rows = float(counted.sum()), int(np.count_nonzero(counted))
        if not rows:
            return Value.undefined("every row has a signal or an outcome of 0", samples=len(evaluation))
        share = min(float(counted[products > 0].sum()) / total, 1.0)
        return Value.of(share, samples=rows, interval=wilson(share, total**2 / float(np.square(counted).sum())))


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return HitRate()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How often a signal had the sign of what came of it"
    yield Plugin(Kind.METRIC, "hit_rate", build, NoOptions, summary=summary)
