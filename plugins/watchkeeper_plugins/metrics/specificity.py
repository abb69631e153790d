"""Specificity: of the rows that truly are not of a class, the share not predicted as it.

Formula: ``TN / (TN + FP)`` of the second class, or the classes' average, each against the rest (option `average`).
Undefined when all rows truly are of a class that counts. Interval: Wilson's for one class and for `micro`; else the
delta method on the logit scale, its error taken from the table with four rows more (Agresti & Coull 1998). Cost: O(n)
for the shared counts, then O(k²).

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 0, 0, 1], predicted=[0, 0, 1, 1], classes=("no", "yes"))
>>> round(build(Options()).compute(rows).number, 3)
0.667
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, wilson
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .averages import Average, AverageOptions, accuracy_value, binary_refusal, class_amounts, settled
from .class_metrics import ClassShare
from .tables import share_interval, smoothed_table, table_error

Options = AverageOptions


def specificity(evaluation: Evaluation, average: Average) -> Value:
    """True negatives among true others, of a classification with rows."""
    average = settled(average, evaluation)
    if refused := binary_refusal(average, evaluation):
        return refused
    counts, rows = evaluation.confusion, len(evaluation)
    others = counts.sum() - counts.sum(axis=1)
    amounts = class_amounts(average, evaluation)
    lacking = np.flatnonzero((amounts > 0) & (others <= 0))
    if lacking.size:
        return Value.undefined(f"all rows are truly {evaluation.classes[lacking[0]]!r}", samples=rows)
    if average is Average.MICRO:
        return _micro(evaluation)
    false = counts.sum(axis=0) - np.diagonal(counts)
    number = min(max(1.0 - float((amounts * false / np.where(others > 0, others, 1.0)).sum()), 0.0), 1.0)
    if average is Average.BINARY:
        effective = float(others[1]) ** 2 / float(evaluation.confusion_squared[0].sum())
        return Value.of(number, samples=rows, interval=wilson(number, effective))
    return Value.of(number, samples=rows, interval=_interval(evaluation, average, number))


def _micro(evaluation: Evaluation) -> Value:
    """All classes' counts thrown together: a wrong row is one false among the k - 1 others of each row."""
    right, others = accuracy_value(evaluation), len(evaluation.classes) - 1
    if right.number is None or right.interval is None:
        return right
    low, high = (1.0 - (1.0 - bound) / others for bound in right.interval)
    return Value.of(1.0 - (1.0 - right.number) / others, samples=right.samples, interval=(low, high))


def _interval(evaluation: Evaluation, average: Average, number: float) -> Interval | None:
    counts, squares = smoothed_table(evaluation)
    support, total = counts.sum(axis=1), counts.sum()
    others, false = total - support, counts.sum(axis=0) - np.diagonal(counts)
    is_weighted = average is Average.WEIGHTED
    amounts = support / total if is_weighted else class_amounts(average, evaluation)
    shares = 1.0 - false / others
    centre = float((amounts * shares).sum())
    # of 1 - Σ amount · false / others by the weight in each cell
    moved = amounts * false / others**2
    gradient = (moved.sum() - moved)[:, None] - np.where(np.eye(len(counts)) > 0, 0.0, (amounts / others)[None, :])
    if is_weighted:
        gradient = gradient + ((shares - centre) / total)[:, None]
    return share_interval(number, centre, table_error(gradient, squares))


def build(options: AverageOptions) -> Metric:
    """Make the metric."""
    return ClassShare(partial(specificity, average=options.average))


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Of the rows that truly are not of a class, the share not predicted as it"
    yield Plugin(Kind.METRIC, "specificity", build, Options, summary=summary)
