"""Confusion matrix: of the rows of each class, the share that was predicted as each class.

Formula: ``cell(t, p) = Σ w [truth = t, predicted = p] / Σ w [truth = t]``, and over all ``Σ w [truth ≠ predicted] /
Σ w``, the share that lies off the diagonal. Undefined without rows; a row of the table without true rows. Interval:
Wilson's, of each cell, with the effective number of rows when they are weighted. Cost: O(n) for the shared counts, then
O(k²); the cells of more than 12 classes are left out.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 1, 1, 1], predicted=[0, 1, 0, 1], classes=("no", "yes"))
>>> metric = build(NoOptions())
>>> metric.compute(rows).number
0.25
>>> [(labels["truth"], labels["predicted"], round(cell.number, 2)) for labels, cell in metric.cells(rows)]
[('no', 'no', 1.0), ('no', 'yes', 0.0), ('yes', 'no', 0.33), ('yes', 'yes', 0.67)]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import wilson
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .preconditions import CLASSES, refusal

_MOST_CLASSES: Final = 12


class ConfusionMatrix:
    """How often each class is taken for each other."""

    tasks = CLASSES
    higher_is_better = False
    limits = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The share of rows that were predicted as another class."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        total = evaluation.total_weight
        share = min(max(float(total - evaluation.confusion.trace()) / total, 0.0), 1.0)
        interval = wilson(share, evaluation.effective_rows)
        return Value.of(share, samples=len(evaluation), interval=interval)

    def cells(self, evaluation: Evaluation) -> list[tuple[Mapping[str, str], Value]]:
        """Each cell with its labels ``truth`` and ``predicted``, row by row."""
        if refusal(evaluation, self.tasks) is not None or len(evaluation.classes) > _MOST_CLASSES:
            return []
        found: list[tuple[Mapping[str, str], Value]] = []
        for row, truth in enumerate(evaluation.classes):
            counts, squares = evaluation.confusion[row], evaluation.confusion_squared[row]
            total = float(counts.sum())
            for column, predicted in enumerate(evaluation.classes):
                labels = {"truth": truth, "predicted": predicted}
                if not total:
                    found.append((labels, Value.undefined(f"no row is truly {truth}")))
                    continue
                share = min(float(counts[column]) / total, 1.0)
                trials = total**2 / float(squares.sum())
                found.append((labels, Value.of(share, samples=round(total), interval=wilson(share, trials))))
        return found


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return ConfusionMatrix()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    yield Plugin(Kind.METRIC, "confusion_matrix", build, NoOptions, summary="How often each class is taken for each")
