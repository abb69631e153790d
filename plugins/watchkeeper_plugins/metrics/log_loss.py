"""Log loss: how surprised the model's probabilities are by what turned out to be true.

Formula: ``-Σ w ln p(truth) / Σ w``, with p held within float64's epsilon of 0 and 1, as scikit-learn does. Undefined
without scores, or when they are no probabilities. Interval: Student's t over the rows' losses, on the log scale.
Cost: O(n).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", [0, 1], [0, 1], scores=[0.5, 0.5], classes=("no", "yes"))
>>> round(build(NoOptions()).compute(rows).number, 3)
0.693
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import CLASSES, probability_refusal


class LogLoss:
    """How surprised the model's probabilities are by what turned out to be true."""

    tasks = CLASSES
    higher_is_better = False
    limits = (0.0, math.inf)

    def compute(self, evaluation: Evaluation) -> Value:
        """The mean of -ln p(truth)."""
        if refused := probability_refusal(evaluation):
            return refused
        epsilon = np.finfo(np.float64).eps
        losses = np.clip(evaluation.truth_probabilities, epsilon, 1 - epsilon)
        np.log(losses, out=losses)
        return mean_value(np.negative(losses, out=losses), evaluation, is_loss=True)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return LogLoss()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Mean of -ln of the probability given to what turned out to be true"
    yield Plugin(Kind.METRIC, "log_loss", build, NoOptions, summary=summary)
