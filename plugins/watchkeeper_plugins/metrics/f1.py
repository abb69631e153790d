"""F1: the harmonic mean of precision and recall.

Formula: ``2 TP / (2 TP + FP + FN)`` of the second class, or the classes' average (option `average`). Undefined when a
class that counts has no true rows, because its recall is. Interval: F1 grows with the share ``TP / (TP + FP + FN)``
(Hand, Christen & Kirielle 2021, Machine Learning 110:451), so Wilson's interval of that share carries over; several
classes are combined by MOVER (Zou, Huang & Zhang 2009). Cost: O(n) for the shared counts, then O(k²).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 1, 1, 0], predicted=[0, 1, 1, 1], classes=("no", "yes"))
>>> build(Options()).compute(rows).number
0.8
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .averages import Average, AverageOptions, ClassShares, averaged
from .preconditions import CLASSES, refusal

Options = AverageOptions


class F1:
    """The harmonic mean of precision and recall."""

    tasks = CLASSES
    higher_is_better = True

    def __init__(self, average: Average) -> None:
        self.average = average

    def compute(self, evaluation: Evaluation) -> Value:
        """Right rows of a class among the rows that are, or were said to be, of it."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        counts, squares = evaluation.confusion, evaluation.confusion_squared
        hits, support = np.diagonal(counts), counts.sum(axis=1)
        shares = ClassShares(
            hits=hits,
            trials=np.where(support > 0, support + counts.sum(axis=0) - hits, 0.0),
            trials_squared=squares.sum(axis=1) + squares.sum(axis=0) - np.diagonal(squares),
            empty="no row is truly {}, so that its recall is undefined",
            scale=_f1_of_share,
        )
        return averaged(evaluation, shares, self.average)


def _f1_of_share(share: float) -> float:
    """F1 from TP / (TP + FP + FN)."""
    return 2 * share / (1 + share)


def build(options: AverageOptions) -> Metric:
    """Make the metric."""
    return F1(options.average)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "f1", build, Options, summary="The harmonic mean of precision and recall")
