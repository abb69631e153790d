"""Precision: of the rows predicted as a class, the share that truly are of it.

Formula: ``TP / (TP + FP)`` of the second class, or the classes' average (option `average`). Undefined when a class
that counts was never predicted. Interval: Wilson's for one class and for `micro`; else the delta method on the logit
scale, its error taken from the table with four rows more (Agresti & Coull 1998). Cost: O(n) for the shared counts,
then O(k²).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 1, 1, 0], predicted=[0, 1, 1, 1], classes=("no", "yes"))
>>> round(build(Options()).compute(rows).number, 3)
0.667
>>> build(Options(average="macro")).compute(rows).number == (1 + 2 / 3) / 2
True
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .averages import Average, AverageOptions, averaged
from .preconditions import CLASSES, refusal

Options = AverageOptions


class Precision:
    """Of the rows predicted as a class, the share that truly are of it."""

    tasks = CLASSES
    higher_is_better = True
    limits = (0.0, 1.0)

    def __init__(self, average: Average) -> None:
        self.average = average

    def compute(self, evaluation: Evaluation) -> Value:
        """Right rows among predicted rows."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        return averaged(evaluation, 0.0, self.average)


def build(options: AverageOptions) -> Metric:
    """Make the metric."""
    return Precision(options.average)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Of the rows predicted as a class, the share that truly are of it"
    yield Plugin(Kind.METRIC, "precision", build, Options, summary=summary)
