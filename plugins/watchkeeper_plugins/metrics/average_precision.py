"""Average precision: precision averaged over the positives, each at the threshold that just finds it.

Formula: ``Σ (R_i - R_(i-1)) P_i`` over the distinct scores from the highest down, the area under the
precision-recall steps; for more than two classes each against the rest, averaged (macro). The share of positives is
chance. Undefined without scores, or when a class has no true rows. Interval: on the logit scale with the error
``√(AP (1 - AP) / positives)``; at 1 Wilson's for the positives. Cost: one sort, shared with `roc_auc`.

References
----------
Boyd, Eng & Page (2013), Area under the precision-recall curve: point estimates and confidence intervals, ECML PKDD
451, the logit interval.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> scores = [0.1, 0.4, 0.35, 0.8]
>>> rows = Evaluation("classification", [0, 0, 1, 1], [0, 0, 0, 1], scores=scores, classes=("no", "yes"))
>>> round(build(NoOptions()).compute(rows).number, 4)
0.8333
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import logit, wilson
from watchkeeper.domain.ranking import Ranking
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .preconditions import CLASSES, ranking_refusal


class AveragePrecision:
    """Precision averaged over the positives, each at the threshold that just finds it."""

    tasks = CLASSES
    higher_is_better = True
    limits = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The area under the precision-recall steps."""
        if refused := ranking_refusal(evaluation):
            return refused
        parts = [_average_precision(ranking) for ranking in evaluation.rankings]
        positives = [
            ranking.positive_weight**2 / float(ranking.positives_squared.sum()) for ranking in evaluation.rankings
        ]
        number = math.fsum(parts) / len(parts)
        # the classes' errors are added as if independent
        variance = math.fsum(part * (1 - part) / rows for part, rows in zip(parts, positives, strict=True))
        interval = logit(number, math.sqrt(variance) / len(parts)) or wilson(number, min(positives))
        return Value.of(number, samples=len(evaluation), interval=interval)


def _average_precision(ranking: Ranking) -> float:
    """Of one class against the rest."""
    total, rest, area = ranking.positive_weight, ranking.negative_weight, 0.0
    for part in ranking.stretches():
        found = total - part.positives_below + part.positives * 0.5
        false = rest - part.negatives_below + part.negatives * 0.5
        false += found
        precision = np.zeros(len(found))
        np.divide(found, false, out=precision, where=part.positives > 0)
        precision *= part.positives
        area += float(precision.sum())
    return min(area / total, 1.0)


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return AveragePrecision()


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Precision averaged over the positives, from the highest score down"
    yield Plugin(Kind.METRIC, "average_precision", build, NoOptions, summary=summary)
