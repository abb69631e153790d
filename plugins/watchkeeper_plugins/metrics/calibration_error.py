"""Expected calibration error: how far probabilities are from how often it was so.

Formula: rows are put into `bins` bins of equal width by probability, each bin open below and closed above;
``Σ_b (weight of b / all) |mean probability - share true|``. For two classes the probability is that of the second; for
more it is that of the class predicted, and the share is of right rows. Undefined without scores, or when they are no
probabilities. It is biased upwards: a perfectly calibrated model of few rows is above 0.
Interval: wider below than above by that bias, so that it holds at least 95 % and reaches 0 for a calibrated model
(`watchkeeper.domain.intervals.sum_of_sizes`); each bin's error is binomial with four rows more (Agresti & Coull 1998).
Cost: O(n log bins).

References
----------
Naeini, Cooper & Hauskrecht (2015), AAAI 29:2901. Guo, Pleiss, Sun & Weinberger (2017), ICML 1321.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", [0, 1], [0, 0], scores=[0.25, 0.25], classes=("no", "yes"))
>>> build(Options()).compute(rows).number
0.25
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import sum_of_sizes
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .preconditions import CLASSES, probability_refusal
from .tables import PSEUDO_ROWS


@attrs.frozen
class Options:
    """How rows are put into bins."""

    bins: int = attrs.field(default=10, validator=[attrs.validators.ge(1), attrs.validators.le(1000)])
    """How many bins of equal width, 1 to 1000."""


class CalibrationError:
    """How far probabilities are from how often it was so."""

    tasks = CLASSES
    higher_is_better = False
    limits = (0.0, 1.0)

    def __init__(self, bins: int) -> None:
        self.edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]

    def compute(self, evaluation: Evaluation) -> Value:
        """Gaps of the bins, each by its share of the rows."""
        if refused := probability_refusal(evaluation):
            return refused
        said, happened = _claims(evaluation)
        place = np.searchsorted(self.edges, said)
        weights = evaluation.weights
        weight = self._sums(place, weights)
        squared = weight if weights is None else self._sums(place, np.square(weights))
        hits = self._sums(place, happened if weights is None else happened * weights)
        gaps = self._sums(place, said if weights is None else said * weights) - hits
        number = float(np.abs(gaps).sum()) / evaluation.total_weight
        filled = weight > 0
        rows = weight[filled] ** 2 / squared[filled]
        rate = (hits[filled] / weight[filled] * rows + PSEUDO_ROWS / 2) / (rows + PSEUDO_ROWS)
        errors = weight[filled] / evaluation.total_weight * np.sqrt(rate * (1 - rate) / rows)
        return Value.of(number, samples=len(evaluation), interval=sum_of_sizes(number, errors))

    def _sums(self, place: NDArray[np.intp], amounts: NDArray[np.float64] | None) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.bincount(place, amounts, len(self.edges) + 1).astype(np.float64)
        return sums


def _claims(evaluation: Evaluation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each row the probability that the model stated, and 1 where it came true; both (n,) float64."""
    scores = evaluation.scores
    if scores is None:
        raise ValueError("without scores there are no claims: ask `score_problem` first")
    if evaluation.is_binary:
        return (scores if scores.ndim == 1 else scores[:, 1]), evaluation.truth.astype(np.float64)
    said = np.take_along_axis(scores, evaluation.predicted[:, None].astype(np.intp), axis=1)[:, 0]
    return said, (evaluation.predicted == evaluation.truth).astype(np.float64)


def build(options: Options) -> Metric:
    """Make the metric."""
    return CalibrationError(options.bins)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How far probabilities are from how often it was so, over bins (ECE)"
    yield Plugin(Kind.METRIC, "calibration_error", build, Options, summary=summary)
