"""F1: the harmonic mean of precision and recall.

Formula: ``2 TP / (2 TP + FP + FN)`` of the second class, or the classes' average (option `average`). Undefined when a
class that counts has no true rows, because its recall is. Interval: F1 grows with the share ``TP / (TP + FP + FN)``
(Hand, Christen & Kirielle 2021, Machine Learning 110:451), so Wilson's interval of that share carries over; averages
of classes take the delta method (Takahashi et al. 2022, Applied Intelligence 52:4961) on the logit scale, the error
from the table with four rows more (Agresti & Coull 1998). Cost: O(n) for the shared counts, then O(k²).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 1, 1, 0], predicted=[0, 1, 1, 1], classes=("no", "yes"))
>>> build(Options()).compute(rows).number
0.8
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.hookspecs import hookimpl

from .averages import AverageOptions, averaged
from .class_metrics import ClassShare

Options = AverageOptions


def build(options: AverageOptions) -> Metric:
    """Make the metric: right rows of a class among the rows that are, or were said to be, of it."""
    return ClassShare(partial(averaged, truth_part=0.5, average=options.average))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "f1", build, Options, summary="The harmonic mean of precision and recall")
