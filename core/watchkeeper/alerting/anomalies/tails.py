"""How rare a score is among those of a clean history, also when it is higher than all of them."""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

_TAIL_SHARE: Final = 0.1
_FEWEST_IN_TAIL: Final = 10
_HEAVIEST: Final = 0.5
STRETCH: Final = 12
"""High scores that are no further apart are one stretch: they look back over the same checks, one observation."""


@attrs.frozen(eq=False)
class Tail:
    """Sorted scores of a clean history, with a generalized Pareto tail beyond the highest.

    Up to the highest score a p-value is a rank, ``(scores at least as high + 1) / (n + 1)``: for exchangeable scores
    at most a share a of them has a p-value of at most a, whatever their distribution (Vovk, Gammerman and Shafer 2005).
    What is higher goes on from ``1 / (n + 1)`` along a generalized Pareto tail of the highest tenth (Pickands 1975),
    fitted by probability-weighted moments (Hosking and Wallis 1987). Its shape is kept between 0 and 0.5: never lighter
    than exponential, so that a short history does not promise what it has not seen. Nor is it lighter than one over the
    number of stretches in which the highest tenth came: of an exponential tail whose scale is known by c observations
    alone, the next observation is generalized Pareto of shape 1 / c (the scale's posterior integrated out).
    """

    scores: NDArray[np.float64]
    """(n,) ascending, finite."""
    left_out: int
    """So many higher scores were taken out of the history as anomalies although chance explains them."""
    shape: float
    scale: float
    begins: float
    """The score at which the tail begins."""

    @classmethod
    def of(cls, scores: NDArray[np.float64], left_out: int = 0) -> Tail:
        """Fit the tail of ``scores`` (n,), in the order of time, n at least 20. O(n log n)."""
        ordered = np.sort(scores)
        count = max(int(_TAIL_SHARE * len(ordered)), _FEWEST_IN_TAIL)
        begins = float(ordered[-count - 1])
        shape, scale = pareto_of(ordered[-count:] - begins, 1.0 / max(_stretches(scores, begins), 1))
        return cls(ordered, left_out, shape, scale, begins)

    def p_value(self, score: float) -> float:
        """How likely a clean check has a score at least as high."""
        count = len(self.scores) + self.left_out
        higher = len(self.scores) - int(np.searchsorted(self.scores, score, side="left")) + self.left_out
        highest = float(self.scores[-1])
        rank = (higher + 1) / (count + 1)
        if score <= highest:
            return rank
        if self.scale <= 0:
            return rank  # the highest tenth are one number: they tell nothing of what lies beyond
        return rank * self._survival(score) / self._survival(highest)

    def _survival(self, score: float) -> float:
        excess = (score - self.begins) / self.scale
        if self.shape < 1e-9:
            return math.exp(-min(excess, 700.0))
        return float((1.0 + self.shape * excess) ** (-1.0 / self.shape))


def _stretches(scores: NDArray[np.float64], begins: float) -> int:
    """In how many stretches of time the scores above `begins` came (runs declustering, Leadbetter 1983)."""
    high = np.flatnonzero(scores > begins)
    return int(np.count_nonzero(np.diff(high) > STRETCH)) + 1


def pareto_of(excesses: NDArray[np.float64], lightest: float = 0.0) -> tuple[float, float]:
    """Shape, in [`lightest`, 0.5], and scale of a generalized Pareto distribution by weighted moments. O(n).

    Parameters
    ----------
    excesses
        (n,) ascending, at least 0.
    lightest
        The least shape, which may be above 0.5.
    """
    count = len(excesses)
    mean = float(excesses.mean())
    weights = (count - np.arange(1, count + 1) + 0.35) / count
    weighted = float((weights * excesses).mean())
    if mean <= 0:
        return 0.0, 0.0
    # at the limit weighted = mean / 4 the tail is exponential; what is lighter is taken for exponential
    shape = 0.0 if mean <= 2.0 * weighted else 2.0 - mean / (mean - 2.0 * weighted)
    shape = min(max(shape, 0.0), _HEAVIEST)
    return max(shape, lightest), mean * (1.0 - shape)
