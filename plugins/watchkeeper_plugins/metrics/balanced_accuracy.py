"""Balanced accuracy: the mean over classes of the share of their true rows predicted right.

Formula: the mean recall of the classes that have true rows; 1 / k is chance. Undefined when fewer than two classes
have true rows. Interval: delta method on the logit scale, its error taken from the confusion table with four rows more
(Agresti & Coull 1998). Cost: O(n) for the shared counts, then O(k²).

References
----------
Brodersen, Ong, Stephan & Buhmann (2010), International Conference on Pattern Recognition 3121.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 0, 0, 1], predicted=[0, 0, 0, 0], classes=("no", "yes"))
>>> build(NoOptions()).compute(rows).number
0.5
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .averages import class_mean
from .class_metrics import ClassShare


def balanced_accuracy(evaluation: Evaluation) -> Value:
    """The mean recall of the classes that have true rows, of a classification with rows."""
    present = np.sign(evaluation.confusion.sum(axis=1))
    if present.sum() < 2:
        name = evaluation.classes[int(present.argmax())]
        return Value.undefined(f"all rows are truly {name!r}, and a balance needs two", samples=len(evaluation))
    return class_mean(evaluation, 1.0, present / present.sum())


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return ClassShare(balanced_accuracy)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Mean over classes of the share of their true rows predicted right"
    yield Plugin(Kind.METRIC, "balanced_accuracy", build, NoOptions, summary=summary)
