"""Accuracy: the share of rows whose class was predicted right.

Formula: ``Σ w [predicted = truth] / Σ w``. Undefined without rows. Interval: Wilson's, with the effective number of
rows when they are weighted. Cost: O(n) for the shared counts, then O(k).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 1, 1, 1], predicted=[0, 1, 0, 1], classes=("no", "yes"))
>>> build(NoOptions()).compute(rows).number
0.75
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.hookspecs import hookimpl

from .averages import accuracy_value
from .class_metrics import ClassShare


def build(_options: NoOptions) -> Metric:
    """Make the metric: right rows among all rows."""
    return ClassShare(accuracy_value)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "accuracy", build, NoOptions, summary="Share of rows whose class was predicted right")
