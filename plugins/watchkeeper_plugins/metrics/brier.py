"""Brier score: the mean squared distance of the probabilities from what turned out to be true.

Formula: two classes ``Σ w (p - y)² / Σ w``, from 0 to 1; more ``Σ w Σ_c (p_c - [truth = c])² / Σ w``, from 0 to 2, as
scikit-learn does (Brier 1950, Monthly Weather Review 78:1). Undefined without scores, or when they are no
probabilities. Interval: Student's t over the rows, on the log scale. Cost: O(n k).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", [0, 1], [0, 1], scores=[0.5, 1.0], classes=("no", "yes"))
>>> build(NoOptions()).compute(rows).number
0.125
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import mean_value
from .preconditions import CLASSES, probability_refusal


class Brier:
    """The mean squared distance of the probabilities from what turned out to be true."""

    tasks = CLASSES
    higher_is_better = False
    limits = (0.0, 2.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """Squared distances, averaged."""
        if refused := probability_refusal(evaluation):
            return refused
        given, scores = evaluation.truth_probabilities, evaluation.scores
        if scores is None or scores.ndim == 1 or evaluation.is_binary:
            return mean_value(np.square(1.0 - given), evaluation, is_loss=True)
        # Σ_c (p_c - [c])² over the classes, without a table of zeros and ones: Σ p² - 2 p(truth) + 1
        rows = np.square(scores).sum(axis=1) - 2.0 * given + 1.0
        return mean_value(rows, evaluation, is_loss=True)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return Brier()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Mean squared distance of the probabilities from what turned out to be true"
    yield Plugin(Kind.METRIC, "brier", build, NoOptions, summary=summary)
