"""The probabilities that a model stated beside what came true, added up in bins."""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation

from .preconditions import CLASSES
from .tables import PSEUDO_ROWS

Sums = NDArray[np.float64]
"""(bins,) float64."""
_ASSUMED_BY_ESTIMATES: Final = (
    "estimates are made by taking it that a probability means what it meant in the reference, which is what it "
    "measures: without outcomes nothing tells how far that is so"
)


@attrs.frozen(eq=False)
class Claims:
    """For each of n rows the probability that the model stated, 1 where it came true, its weight and its bin."""

    said: NDArray[np.float64]
    happened: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    place: NDArray[np.intp]
    bins: int

    @classmethod
    def of(cls, evaluation: Evaluation, edges: NDArray[np.float64]) -> Claims:
        """Put in bins between `edges`, each open below and closed above; O(n log bins)."""
        said, happened = _claims(evaluation)
        return cls(said, happened, evaluation.weights, np.searchsorted(edges, said), len(edges) + 1)

    def sums(self, amounts: NDArray[np.float64] | None = None) -> Sums:
        """The weighted sum of the rows' amounts in each bin; without amounts the rows' weight."""
        weights = self.weights
        given = weights if amounts is None else amounts if weights is None else amounts * weights
        return self._counted(given)

    def squared_sums(self, amounts: NDArray[np.float64] | None = None) -> Sums:
        """The same by the squares of weights: of amounts that are variances, the variance of a weighted sum."""
        weights = None if self.weights is None else np.square(self.weights)
        given = weights if amounts is None else amounts if weights is None else amounts * weights
        return self._counted(given)

    def _counted(self, amounts: NDArray[np.float64] | None) -> Sums:
        return np.bincount(self.place, amounts, self.bins).astype(np.float64)

    @property
    def errors(self) -> Sums:
        """The standard error of each bin's share true; binomial with four rows more (Agresti & Coull 1998).

        Weighted rows count by their effective number (Kish 1965). Infinite in a bin without rows.
        """
        weight, squared = self.sums(), self.squared_sums()
        filled = weight > 0
        rows = np.square(weight[filled]) / squared[filled]
        rate = (self.sums(self.happened)[filled] / weight[filled] * rows + PSEUDO_ROWS / 2) / (rows + PSEUDO_ROWS)
        errors = np.full(self.bins, math.inf)
        errors[filled] = np.sqrt(rate * (1 - rate) / rows)
        return errors

    @property
    def sizes_by_chance(self) -> Sums:
        """How large ``|Σ (probability - came true)|`` of each bin is on average where every probability is right.

        A binomial sum's mean distance from its mean (De Moivre 1730), scaled to the standard deviation that rows of
        these different probabilities have: exact for rows of the same probability, by which it also covers bins of few
        rows and rare events, where a half-normal distribution would be far off. O(n + bins).

        References
        ----------
        Diaconis & Zabell (1991), Statistical Science 6:284, for De Moivre's formula.
        """
        weight, squared, said = self.sums(), self.squared_sums(), self.sums(self.said)
        deviation = np.sqrt(self.squared_sums(self.said * (1.0 - self.said)))
        found = np.zeros(self.bins)
        for bin_ in np.flatnonzero(deviation > 0).tolist():
            rows = max(round(weight[bin_] ** 2 / squared[bin_]), 1)
            found[bin_] = deviation[bin_] * _relative_distance(rows, said[bin_] / weight[bin_])
        return found


@attrs.frozen
class Options:
    """How rows are put into bins."""

    bins: int = attrs.field(default=10, validator=[attrs.validators.ge(1), attrs.validators.le(1000)])
    """How many bins of equal width, 1 to 1000."""


class OfClaims:
    """What metrics of claims in bins have in common."""

    tasks = CLASSES
    higher_is_better = False
    limits = (0.0, 1.0)
    estimate_refusal = _ASSUMED_BY_ESTIMATES

    def __init__(self, bins: int) -> None:
        self.edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]


def _relative_distance(rows: int, rate: float) -> float:
    """A binomial number's mean distance from its mean, in its standard deviations: ``√(2/π)`` for many rows."""
    above = min(math.floor(rows * rate) + 1, rows)
    ways = math.lgamma(rows + 1) - math.lgamma(above + 1) - math.lgamma(rows - above + 1)
    distance = ways + above * math.log(rate) + (rows - above + 1) * math.log1p(-rate)
    return 2.0 * above * math.exp(distance) / math.sqrt(rows * rate * (1.0 - rate))


def _claims(evaluation: Evaluation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each row the probability that the model stated, and 1 where it came true; both (n,) float64."""
    scores = evaluation.scores
    if scores is None:
        raise ValueError("without scores there are no claims: ask `score_problem` first")
    if evaluation.is_binary:
        return (scores if scores.ndim == 1 else scores[:, 1]), evaluation.truth.astype(np.float64)
    said = np.take_along_axis(scores, evaluation.predicted[:, None].astype(np.intp), axis=1)[:, 0]
    return said, (evaluation.predicted == evaluation.truth).astype(np.float64)
