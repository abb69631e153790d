"""ROC AUC: the chance that a row of a class scores above a row that is not of it, a tie counting half.

Formula: the Mann-Whitney statistic of the second class's scores; for more than two classes each against the rest,
averaged over the classes (one-vs-rest, macro). Undefined without scores, or when a class has no true rows.
Interval: DeLong's variance (weighted rows: with squared weights) on the logit scale; when the classes are told apart
without a mistake that variance is 0, and Wilson's interval for the smaller class's rows takes its place.
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

    def compute(self, evaluation: Evaluation) -> Value:
        """The area under the curve of true against false positives."""
        if refused := ranking_refusal(evaluation):
            return refused
        rankings = evaluation.rankings
        if len(rankings) == 1:
            area, variance = _area(rankings[0])
        else:
            areas, influences = zip(*(_influence(ranking, evaluation) for ranking in rankings), strict=True)
            area = float(np.mean(areas))
            variance = float(np.square(np.mean(influences, axis=0)).sum())
        interval = _interval(area, variance, evaluation)
        return Value.of(area, samples=len(evaluation), interval=interval)


def _area(ranking: Ranking) -> tuple[float, float]:
    """The area and DeLong's variance of it."""
    positives, negatives = ranking.positives, ranking.negatives
    above, below = _placements(ranking)
    total, rest = float(positives.sum()), float(negatives.sum())
    area = float(positives @ below) / total
    of_positives = _spread(below, area, ranking.positives_squared, total)
    of_negatives = _spread(above, area, ranking.negatives_squared, rest)
    return area, of_positives + of_negatives


def _placements(ranking: Ranking) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At each distinct score: the share of positives above it, and of negatives below it, ties counting half."""
    below = np.cumsum(ranking.negatives)
    rest = below[-1]
    below -= ranking.negatives / 2
    below /= rest
    above = np.cumsum(ranking.positives)
    total = above[-1]
    above -= ranking.positives / 2
    above /= -total
    above += 1.0
    return above, below


def _spread(placements: NDArray[np.float64], area: float, squared: NDArray[np.float64], total: float) -> float:
    """The variance that one side's rows give to the area."""
    apart = placements - area
    effective = total**2 / float(squared.sum())
    variance = float(squared @ np.square(apart, out=apart)) / total**2
    return variance * effective / (effective - 1) if effective > 1 + 1e-9 else math.nan


def _influence(ranking: Ranking, evaluation: Evaluation) -> tuple[float, NDArray[np.float64]]:
    """The area, and how much each row moves it: (n,) float64; their squares add up to its variance."""
    above, below = _placements(ranking)
    total, rest = float(ranking.positives.sum()), float(ranking.negatives.sum())
    area = float(ranking.positives @ below) / total
    code = next(code for code, other in enumerate(evaluation.rankings) if other is ranking)
    own = evaluation.truth == code
    weights = 1.0 if evaluation.weights is None else evaluation.weights
    moved = np.where(own, (below - area)[ranking.group] / total, (above - area)[ranking.group] / rest)
    return area, weights * moved


def _interval(area: float, variance: float, evaluation: Evaluation) -> Interval | None:
    if math.isnan(variance):
        return None
    if variance > 0 and (found := logit(area, math.sqrt(variance))):
        return found
    counts, squares = evaluation.confusion.sum(axis=1), evaluation.confusion_squared.sum(axis=1)
    return wilson(min(max(area, 0.0), 1.0), float((counts**2 / squares).min()))


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return RocAuc()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Chance that a row of a class scores above a row that is not of it"
    yield Plugin(Kind.METRIC, "roc_auc", build, NoOptions, summary=summary)
