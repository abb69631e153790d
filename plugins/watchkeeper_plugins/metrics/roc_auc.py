"""ROC AUC: the chance that a row of a class scores above a row that is not of it, a tie counting half.

Formula: the Mann-Whitney statistic of the second class's scores; for more than two classes each against the rest,
averaged over the classes (one-vs-rest, macro). Undefined without scores, or when a class has no true rows.
Interval: DeLong's variance (of weighted rows: with squared weights) on the logit scale, Student's t with
Satterthwaite's degrees of freedom; when the classes are told apart without a mistake that variance is 0, and Wilson's
interval for the smallest class's rows takes its place. None when a class has one row.
Cost: one sort, O(n log n), shared with `average_precision`.

References
----------
Hanley & McNeil (1982), Radiology 143:29. DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> scores = [0.1, 0.4, 0.35, 0.8]
>>> rows = Evaluation("classification", [0, 0, 1, 1], [0, 0, 0, 1], scores=scores, classes=("no", "yes"))
>>> build(NoOptions()).compute(rows).number
0.75
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, logit, wilson
from watchkeeper.domain.ranking import Ranking
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .preconditions import CLASSES, ranking_refusal


class RocAuc:
    """The chance that a row of a class scores above a row that is not of it."""

    tasks = CLASSES
    higher_is_better = True
    limits = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The area under the curve of true against false positives."""
        if refused := ranking_refusal(evaluation):
            return refused
        area = _binary_area(evaluation.rankings[0]) if evaluation.is_binary else _macro_area(evaluation)
        return Value.of(area.number, samples=len(evaluation), interval=_interval(area, evaluation))


@attrs.frozen
class _Area:
    """An estimate of the area: its variance, and the degrees of freedom that this variance has."""

    number: float
    variance: float
    freedom: float


def _binary_area(ranking: Ranking) -> _Area:
    """The area with DeLong's variance; Satterthwaite's degrees of freedom, as each side has its own.

    Sums are of pairs in the wrong order, which are whole numbers and few in a good model: no digits are lost.
    """
    total, rest = ranking.positive_weight, ranking.negative_weight
    wrong, positive_sums, negative_sums = 0.0, np.zeros(3), np.zeros(3)
    for part in ranking.stretches():
        above, below = np.subtract(rest, part.negatives_below), part.positives_below
        moment = part.positives * above
        wrong += float(moment.sum())
        if ranking.is_weighted:
            positive_sums += _sums(part.positives_squared, above)
            negative_sums += _sums(part.negatives_squared, below)
        else:
            positive_sums[2] += (moment * above).sum()
            negative_sums[2] += (part.negatives * np.square(below)).sum()
    if not ranking.is_weighted:
        positive_sums[:2], negative_sums[:2] = (total, wrong), (rest, wrong)
    number = min(max(1.0 - wrong / total / rest, 0.0), 1.0)
    sides = (
        (_variance(positive_sums, wrong, total) / rest**2, total**2 / float(positive_sums[0]) - 1),
        (_variance(negative_sums, wrong, rest) / total**2, rest**2 / float(negative_sums[0]) - 1),
    )
    variance = sides[0][0] + sides[1][0]
    if math.isnan(variance) or variance == 0:
        return _Area(number, variance, 0.0)
    return _Area(number, variance, variance**2 / math.fsum(side**2 / freedom for side, freedom in sides))


def _sums(squared: NDArray[np.float64], wrong: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,): the sums of w², w² x and w² x²."""
    moment = squared * wrong
    return np.array([squared.sum(), moment.sum(), (moment * wrong).sum()])


def _variance(sums: NDArray[np.float64], wrong: float, total: float) -> float:
    """Of one side's mean weight of wrong pairs a row, with the small-sample factor; NaN for a single row."""
    effective, mean = total**2 / sums[0], wrong / total
    if effective <= 1 + 1e-9:
        return math.nan
    spread = max(float(sums[2] - 2 * mean * sums[1] + mean**2 * sums[0]), 0.0)
    return float(spread / total**2 * effective / (effective - 1))


def _macro_area(evaluation: Evaluation) -> _Area:
    """The mean area of the classes, each against the rest, and its variance: a row moves all of them at once."""
    k = len(evaluation.classes)
    areas, moved = [], np.zeros(len(evaluation))
    for code, ranking in enumerate(evaluation.rankings):
        area, influence = _influence(ranking, evaluation.truth == code)
        areas.append(area)
        moved += influence
    if evaluation.weights is not None:
        moved *= evaluation.weights
    number = min(max(float(np.mean(areas)), 0.0), 1.0)
    return _Area(number, float(np.square(moved).sum()) / k**2, _smallest_class(evaluation) - 1)


def _smallest_class(evaluation: Evaluation) -> float:
    """The effective number of true rows of the class that has the fewest."""
    counts, squares = evaluation.confusion.sum(axis=1), evaluation.confusion_squared.sum(axis=1)
    return float((counts**2 / squares).min())


def _influence(ranking: Ranking, own: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """The area, and how much a row of weight 1 moves it, (n,) float64."""
    total, rest = ranking.positive_weight, ranking.negative_weight
    (whole,) = ranking.stretches(len(own))
    below = whole.negatives_below / rest
    area = float((ranking.positives * below).sum()) / total
    below -= area
    below /= total
    above = 1.0 - area - whole.positives_below / total
    above /= rest
    return area, np.where(own, ranking.by_row(below), ranking.by_row(above))


def _interval(area: _Area, evaluation: Evaluation) -> Interval | None:
    if math.isnan(area.variance):
        return None
    if area.variance > 1e-15 and (found := logit(area.number, math.sqrt(area.variance), area.freedom)):
        return found
    return wilson(area.number, _smallest_class(evaluation))


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return RocAuc()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Chance that a row of a class scores above a row that is not of it"
    yield Plugin(Kind.METRIC, "roc_auc", build, NoOptions, summary=summary)
