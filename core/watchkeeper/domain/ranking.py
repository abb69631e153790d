"""Rows of one class against the rest, gathered by equal score: what every ranking metric starts from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

STRETCH = 16_384
"""Scores looked at together: the eight arrays of a stretch fit a processor's second-level cache."""
_ONE = np.uint64(1)
_BITS_OF_ONE = np.uint64(0x3FF0000000000000)
"""How float64 writes 1.0; times 0 or 1 that is the float 0.0 or 1.0, faster than a conversion."""


@attrs.frozen(eq=False)
class Stretch:
    """Some neighbouring scores of a ranking, with what lies below them; arrays of the same length."""

    positives: NDArray[np.float64]
    """Weight of the positive rows that have each score."""
    negatives: NDArray[np.float64]
    """Weight of the other rows."""
    positives_below: NDArray[np.float64]
    """Weight of the positive rows with a lower score, plus half of those with the same."""
    negatives_below: NDArray[np.float64]
    """The same of the other rows."""
    positives_squared: NDArray[np.float64]
    """The positive rows' squared weights, summed."""
    negatives_squared: NDArray[np.float64]
    """The other rows' squared weights, summed."""


@attrs.frozen(eq=False, slots=False)
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
    order: NDArray[np.intp] | None = None
    """(n,): the rows, lowest score first; None when they were sorted without their places."""
    first: NDArray[np.intp] | None = None
    """(m,): where in that order each score begins; None when no two rows have the same score."""

    @cached_property
    def positive_weight(self) -> float:
        """The total weight of the positive rows."""
        return float(self.positives.sum())

    @cached_property
    def negative_weight(self) -> float:
        """The total weight of the other rows."""
        return float(self.negatives.sum())

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
        first = _begins(ordered[1:] != ordered[:-1])
        own = is_positive[order].astype(np.float64)
        rest = 1.0 - own
        if weights is None:
            sides = _gathered(own, first), _gathered(rest, first)
            return cls(*sides, *sides, order, first)
        amounts = weights[order]
        sides = _gathered(own * amounts, first), _gathered(rest * amounts, first)
        np.square(amounts, out=amounts)
        return cls(*sides, _gathered(own * amounts, first), _gathered(rest * amounts, first), order, first)

    @classmethod
    def of_counts(cls, scores: NDArray[np.float64], labels: NDArray[np.int64]) -> Ranking:
        """The same for unweighted rows with scores of 0 or more, without the rows' places: four times faster.

        The bits of a float64 that is not negative sort as an integer and leave the highest bit free. Shifting them
        up by one makes room for the label, so that sorting plain integers carries it along: no argsort, no gather.

        Parameters
        ----------
        scores
            (n,) float64, finite, at least 0.
        labels
            (n,) int64, 0 or 1.
        """
        keys = (scores + 0.0).view(np.uint64)  # + 0.0 copies, and turns -0.0, whose sign bit is set, into 0.0
        keys <<= _ONE
        keys |= labels.view(np.uint64)
        keys.sort()
        # neighbours that differ in no other bit than the label's have the same score
        first = _begins((keys[1:] ^ keys[:-1]) > _ONE)
        keys &= _ONE
        keys *= _BITS_OF_ONE
        positives = _gathered(keys.view(np.float64), first)
        rows = 1.0 if first is None else np.diff(first, append=len(keys)).astype(np.float64)
        sides = positives, rows - positives
        return cls(*sides, *sides, first=first)

    @classmethod
    def of_expected(cls, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> Ranking:
        """Rows that count twice: n negatives, then the same n as positives, of the weights in the two columns.

        What `of` finds in those 2 n rows, with a sort of n.

        Parameters
        ----------
        scores, weights
            (n,) and (n, 2) float64, finite; weights at least 0.
        """
        order = np.argsort(scores)
        ordered, rest, own = scores[order], weights[order, 0], weights[order, 1]
        first = _begins(ordered[1:] != ordered[:-1])
        sides = _gathered(own, first), _gathered(rest, first)
        squares = _gathered(own * own, first), _gathered(rest * rest, first)
        places = np.column_stack([order, order + len(scores)]).ravel()
        begins = np.arange(len(scores), dtype=np.intp) if first is None else first
        return cls(*sides, *squares, places, 2 * begins)

    @property
    def is_weighted(self) -> bool:
        """Whether rows count differently, so that the squared weights are arrays of their own."""
        return self.positives_squared is not self.positives

    def stretches(self, length: int = STRETCH) -> Iterator[Stretch]:
        """The scores in stretches, lowest first; several passes over a stretch in the cache beat one over memory."""
        positives_before = negatives_before = 0.0
        for start in range(0, len(self.positives), length):
            here = slice(start, start + length)
            positives, negatives = self.positives[here], self.negatives[here]
            positives_below = np.cumsum(positives)
            positives_below += positives_before
            if self.first is None and not self.is_weighted:
                # one row a score: counting is faster than summing
                negatives_below = np.arange(start + 1.0, start + len(positives) + 1.0)
                negatives_below -= positives_below
            else:
                negatives_below = np.cumsum(negatives)
                negatives_below += negatives_before
            positives_before, negatives_before = positives_below[-1], negatives_below[-1]
            positives_below -= positives * 0.5
            negatives_below -= negatives * 0.5
            squared = self.positives_squared[here], self.negatives_squared[here]
            yield Stretch(positives, negatives, positives_below, negatives_below, *squared)

    def by_row(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) float64: for each row the value, of (m,), that belongs to its score."""
        if self.order is None:
            raise ValueError("this ranking was sorted without the rows' places: make it with Ranking.of")
        rows = np.empty(len(self.order))
        counts = None if self.first is None else np.diff(self.first, append=len(rows))
        rows[self.order] = values if counts is None else np.repeat(values, counts)
        return rows


def _begins(differs: NDArray[np.bool_]) -> NDArray[np.intp] | None:
    """Where each distinct score begins, from whether each but the first differs from its neighbour; None if all do."""
    return None if differs.all() else np.append(0, np.flatnonzero(differs) + 1)


def _gathered(amounts: NDArray[np.float64], first: NDArray[np.intp] | None) -> NDArray[np.float64]:
    """The amounts summed over each score."""
    return amounts if first is None else np.add.reduceat(amounts, first)
