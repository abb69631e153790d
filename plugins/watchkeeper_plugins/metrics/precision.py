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
from functools import partial

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.hookspecs import hookimpl

from .averages import AverageOptions, averaged
from .class_metrics import ClassShare

Options = AverageOptions


def build(options: AverageOptions) -> Metric:
    """Make the metric: right rows among predicted rows."""
    return ClassShare(partial(averaged, truth_part=0.0, average=options.average))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Of the rows predicted as a class, the share that truly are of it"
    yield Plugin(Kind.METRIC, "precision", build, Options, summary=summary)
