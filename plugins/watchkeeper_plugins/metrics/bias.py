"""Bias: how far predictions lie above the truth on average; below 0 they are too low.

Formula: ``Σ w (predicted - truth) / Σ w``, in the unit of the truth; nearest to 0 is best. Undefined without rows.
Interval: Student's t over the rows. Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> build(NoOptions()).compute(Evaluation("regression", truth=[1.0, 2.0], predicted=[1.5, 1.0])).number
-0.25
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import NUMBERS, refusal


class Bias:
    """How far predictions lie above the truth on average."""

    tasks = NUMBERS
    higher_is_better = False

    def compute(self, evaluation: Evaluation) -> Value:
        """The mean of the residuals."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        return mean_value(evaluation.residuals, evaluation)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return Bias()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How far predictions lie above the truth on average; nearest to 0 is best"
    yield Plugin(Kind.METRIC, "bias", build, NoOptions, summary=summary)
