"""Business value: what a row earns or costs on average, by the user's own table of values.

Formula: ``Σ w value[truth][predicted] / Σ w``; the option `values` has a row for each true class and a column for each
predicted one, in the order of the model's classes. Without it a right row earns 1 and a wrong one costs 1. Undefined
when the table does not fit the number of classes. Interval: Student's t, its error taken from the confusion table with
four rows more (Agresti & Coull 1998), so that a costly cell that was not seen still counts. Cost: O(n) for the shared
counts, then O(k²).

References
----------
Elkan (2001), The foundations of cost-sensitive learning, IJCAI 17:973.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 0, 1, 1], predicted=[0, 1, 0, 1], classes=("good", "fraud"))
>>> build(Options(values=((0, -5), (-100, 20)))).compute(rows).number
-21.25
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import student
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import TOO_FAR
from .preconditions import CLASSES, refusal
from .tables import smoothed_table


def _square(_options: object, _field: attrs.Attribute[Any], values: tuple[tuple[float, ...], ...]) -> None:
    if any(len(row) != len(values) for row in values):
        told = ", ".join(str(len(row)) for row in values)
        raise ValueError(f"values must have as many columns as rows: found {len(values)} rows of {told} columns")
    if not all(math.isfinite(value) for row in values for value in row):
        raise ValueError("values must be finite numbers: found one that is not")


@attrs.frozen
class Options:
    """What each pair of a true and a predicted class is worth."""

    values: tuple[tuple[float, ...], ...] = attrs.field(default=(), validator=_square)
    """A row for each true class, a column for each predicted one; empty: 1 for a right row, -1 for a wrong one."""


class BusinessValue:
    """What a row earns or costs on average."""

    tasks = CLASSES
    higher_is_better = True

    def __init__(self, values: tuple[tuple[float, ...], ...]) -> None:
        self.values = np.array(values, dtype=np.float64)

    def compute(self, evaluation: Evaluation) -> Value:
        """The table of values, weighed by the confusion counts."""
        if refused := refusal(evaluation, CLASSES):
            return refused
        k, samples = len(evaluation.classes), len(evaluation)
        values: NDArray[np.float64] = self.values if len(self.values) else 2.0 * np.eye(k) - 1.0
        if len(values) != k:
            return Value.undefined(
                f"the table of values is for {len(values)} classes, the model has {k}", samples=samples
            )
        shares = evaluation.confusion / evaluation.total_weight
        with np.errstate(over="ignore", invalid="ignore"):
            mean = float((shares * values).sum())
            spread = float((smoothed_table(evaluation)[1] * np.square(values - mean)).sum())
        if not math.isfinite(spread):
            return Value.undefined(TOO_FAR, samples=samples)
        rows = evaluation.effective_rows
        if rows <= 1 + 1e-9:
            return Value.of(mean, samples=samples)
        error = math.sqrt(spread * rows / (rows - 1)) / evaluation.total_weight
        return Value.of(mean, samples=samples, interval=student(mean, error, rows - 1))


def build(options: Options) -> Metric:
    """Make the metric."""
    return BusinessValue(options.values)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "What a row earns or costs on average, by a table of values"
    yield Plugin(Kind.METRIC, "business_value", build, Options, summary=summary)
