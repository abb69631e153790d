"""Rows of one class against the rest, gathered by equal score: what every ranking metric starts from."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray


@attrs.frozen(eq=False)
class Ranking:
    """Weights of the positives and of the rest at each of m distinct scores, lowest score first.

    Never written into. With all weights 1 the squared weights are the weights themselves.
    """

    positives: NDArray[np.float64]
    """(m,) float64: total weight of the positive rows that have this score."""
    negatives: NDArray[np.float64]
    """(m,) float64: total weight of the other rows."""
    positives_squared: NDArray[np.float64]
    """(m,) float64: the positive rows' squared weights, summed."""
    negatives_squared: NDArray[np.float64]
    """(m,) float64: the other rows' squared weights, summed."""
    group: NDArray[np.intp] | None = None
    """(n,): each row's place among the m scores; None when the rows were sorted without their positions."""

    @classmethod
    def of(
        cls, scores: NDArray[np.float64], is_positive: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
    ) -> Ranking:
        """Sort n rows by score and gather ties; O(n log n), the rows' places kept.

        Parameters
        ----------
        scores
            (n,) float64, finite.
        is_positive
            (n,) bool.
        weights
            (n,) float64, at least 0; None: each row counts 1.
        """
        order = np.argsort(scores)
        ordered = scores[order]
        starts = np.ones(len(scores), dtype=np.bool_)
        np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
        group = np.empty(len(scores), dtype=np.intp)
        group[order] = np.cumsum(starts) - 1
        size = int(np.count_nonzero(starts))
        ones = np.ones(len(scores)) if weights is None else weights
        positives, negatives = _sums(group, size, is_positive, ones)
        if weights is None:
            return cls(positives, negatives, positives, negatives, group)
        return cls(positives, negatives, *_sums(group, size, is_positive, weights**2), group)

    @classmethod
    def of_counts(cls, scores: NDArray[np.float64], labels: NDArray[np.int64]) -> Ranking:
        """The same for unweighted rows with scores of 0 or more, without the rows' places: three times faster.

        The bits of a float64 that is not negative sort as an integer and leave the highest bit free. Shifting them
        up by one makes room for the label, so that sorting plain integers carries it along: no argsort, no gather.

        Parameters
        ----------
        scores
            (n,) float64, finite, at least 0.
        labels
            (n,) int64, 0 or 1.
        """
        one = np.uint64(1)
        keys = (scores + 0.0).view(np.uint64)  # + 0.0 copies, and turns -0.0, whose sign bit is set, into 0.0
        keys <<= one
        keys |= labels.view(np.uint64)
        keys.sort()
        positive = (keys & one).astype(np.float64)
        keys >>= one
        ends = keys[1:] != keys[:-1]
        if ends.all():
            return cls(positive, 1.0 - positive, *(positive, 1.0 - positive))
        last = np.append(np.flatnonzero(ends), len(keys) - 1)
        positives = np.diff(np.cumsum(positive)[last], prepend=0.0)
        negatives = np.diff(last, prepend=-1) - positives
        return cls(positives, negatives, positives, negatives)


def _sums(
    group: NDArray[np.intp], size: int, is_positive: NDArray[np.bool_], amounts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Amounts of the positive rows and of the others, summed over each group."""
    sides = (amounts * is_positive, amounts * ~is_positive)
    positives, negatives = (np.bincount(group, weights=side, minlength=size).astype(np.float64) for side in sides)
    return positives, negatives
