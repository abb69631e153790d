"""What must hold before any metric can be computed, and the reason that is given when it does not."""

from __future__ import annotations

from typing import Final

from watchkeeper.domain.evaluation import NO_SCORES, Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value

CLASSES: Final = frozenset({Task.CLASSIFICATION})
NUMBERS: Final = frozenset({Task.REGRESSION})
SIGNALS: Final = frozenset({Task.REGRESSION, Task.SCORE})


def refusal(evaluation: Evaluation, tasks: frozenset[Task]) -> Value | None:
    """The undefined value when there is nothing to compute from; None when there is."""
    if evaluation.task not in tasks:
        wanted = " or ".join(sorted(tasks))
        return Value.undefined(f"needs a {wanted} model, this is a {evaluation.task} model", samples=len(evaluation))
    if len(evaluation) == 0:
        return Value.undefined("no rows with both a prediction and an outcome")
    if evaluation.total_weight == 0:
        return Value.undefined("all row weights are 0", samples=len(evaluation))
    return None


def one_class_refusal(evaluation: Evaluation) -> Value | None:
    """The undefined value when all rows are of one class, in truth or as predicted; asked after `refusal`."""
    counts = evaluation.confusion
    for axis, what in ((1, "truly"), (0, "predicted as")):
        seen = counts.sum(axis=axis) > 0
        if seen.sum() < 2:
            name = evaluation.classes[int(seen.argmax())]
            reason = f"all rows are {what} {name!r}, so that nothing can go together with it"
            return Value.undefined(reason, samples=len(evaluation))
    return None


def ranking_refusal(evaluation: Evaluation) -> Value | None:
    """The same for metrics of the order of scores: they need scores, two classes, and rows of each."""
    if refused := refusal(evaluation, CLASSES):
        return refused
    rows = len(evaluation)
    if evaluation.scores is None:
        return Value.undefined(NO_SCORES, samples=rows)
    if len(evaluation.classes) < 2:
        return Value.undefined("there is one class only, and an order needs two", samples=rows)
    support = evaluation.confusion.sum(axis=1)
    for code, weight in enumerate(support):
        if weight == 0:
            return Value.undefined(f"no row is truly {evaluation.classes[code]!r}", samples=rows)
    return None


def probability_refusal(evaluation: Evaluation) -> Value | None:
    """The same for metrics of probabilities: they need scores between 0 and 1 that add up to 1."""
    if refused := refusal(evaluation, CLASSES):
        return refused
    if evaluation.score_problem is not None:
        return Value.undefined(evaluation.score_problem, samples=len(evaluation))
    if len(evaluation.classes) < 2:
        return Value.undefined("there is one class only, so every probability is 1", samples=len(evaluation))
    return None


def pair_refusal(evaluation: Evaluation) -> Value | None:
    """The undefined value for a correlation of fewer than three rows, which any two points fit."""
    if len(evaluation) >= 3:
        return None
    return Value.undefined(f"a correlation needs 3 rows, found {len(evaluation)}", samples=len(evaluation))


def weightless_dropped(evaluation: Evaluation) -> Evaluation:
    """The same without rows of weight 0, for metrics that a single row can make undefined."""
    if evaluation.weights is None or evaluation.weights.min() > 0:
        return evaluation
    kept = evaluation.weights > 0
    scores = None if evaluation.scores is None else evaluation.scores[kept]
    columns = evaluation.truth[kept], evaluation.predicted[kept], scores
    return Evaluation(evaluation.task, *columns, evaluation.classes, evaluation.weights[kept])


def unweighted_refusal(evaluation: Evaluation, metric: str) -> Value | None:
    """The undefined value when rows are weighted and the metric is of a path through time."""
    if evaluation.weights is None:
        return None
    return Value.undefined(
        f"{metric} follows rows through time, and weighted rows are no path", samples=len(evaluation)
    )
