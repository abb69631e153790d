"""Legs: the numbers by which a block of one column is known, smooth ones, with a sampling sd of 1/sqrt(rows)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from watchkeeper.domain.cells import LabelCells, NumberCells
from watchkeeper.domain.profile import LabelProfile, NumberProfile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column, missing

MEAN, SPREAD, MIDDLE, MISSING, UNSEEN, OTHER = "mean", "spread", "middle", "missing", "unseen", "other labels"
_NUMBER_WEIGHTS: Final = {MEAN: 0.65, SPREAD: 0.2, MIDDLE: 0.1, MISSING: 0.05}
_LABEL_WEIGHT: Final = 0.95
_NAMED_LABELS: Final = 8
"""The labels that have a share of their own; the rarer ones are one together."""
_SMALLEST_SHARE: Final = 0.01
"""Shares below this are taken for it: a first missing row in a thousand is no change that matters."""
_SMALLEST_VARIANCE: Final = 1e-4
_QUARTILE: Final = 0.6744897501960817
"""Of a standard normal."""
_MIDDLE_NOISE: Final = 0.795
"""Sampling sd of the angle of the middle share beside what the spread explains of it, in a normal."""
_FURTHEST: Final = 3.0
"""Values further beyond the reference's extremes than so many of its sds are all the same."""


class Legs(Protocol):
    """What a column is reduced to, block by block."""

    @property
    def names(self) -> tuple[str, ...]:
        """The legs' names."""
        ...

    @property
    def weights(self) -> tuple[float, ...]:
        """Each leg's part of the column's evidence; they add up to 1."""
        ...

    def statistics(self, column: Column, block: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """(count, legs) float64, NaN where undefined. `block` (n,) tells which block each row is in."""
        ...


def legs_of(reference: ReferenceColumn) -> Legs | None:
    """The legs of a numeric or categorical column; None when it holds anything else, or nothing."""
    cells, counted = reference.cells, reference.profile
    if isinstance(cells, NumberCells) and isinstance(counted, NumberProfile) and counted.present:
        return NumberLegs.of(cells, counted)
    if isinstance(cells, LabelCells) and isinstance(counted, LabelProfile) and counted.present:
        return LabelLegs.of(cells, counted)
    return None


def angle(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """``2 asin(sqrt(share))``: a change of a share in sds of one row, whatever the share (Cohen's h)."""
    return 2.0 * np.arcsin(np.sqrt(np.clip(share, _SMALLEST_SHARE, 1.0 - _SMALLEST_SHARE)))


@attrs.frozen(eq=False)
class NumberLegs:
    """Mean, spread, middle and missing share of a block, by the reference's normal scores.

    A value's score is the normal quantile of its rank in the reference, and goes on for three sds beyond the
    reference's extremes: one wild value moves a block only so far. The middle is the share of values in the reference's
    middle half beside what a normal of the block's mean and spread has there. O(n log cells).
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    cells: NumberCells
    scores: NDArray[np.float64]
    """(cells,) in sds of the reference's scores."""
    in_middle: NDArray[np.float64]
    """(cells,) 1 for cells in the middle half of the reference's ranks."""
    is_beyond: NDArray[np.float64]
    """(cells,) 1 for cells outside the reference's range."""

    @classmethod
    def of(cls, cells: NumberCells, counted: NumberProfile) -> NumberLegs:
        """The legs of one reference column; those that cannot move are left out."""
        share = counted.counts / counted.present
        rank = np.cumsum(share) - 0.5 * share
        edge = 0.5 / counted.present
        beyond = _beyond(cells, counted)
        scores = ndtri(np.clip(rank, edge, 1.0 - edge)) + np.clip(beyond, -_FURTHEST, _FURTHEST)
        spread = float(np.sqrt(np.sum(share * scores**2) - np.sum(share * scores) ** 2))
        in_middle = ((rank > 0.25) & (rank < 0.75)).astype(np.float64)
        kept = dict(_NUMBER_WEIGHTS)
        if not 0.05 < float(np.sum(share * in_middle)) < 0.95:  # or a heavy value fills it, or leaves it empty
            del kept[MIDDLE]
        if np.count_nonzero(counted.counts) <= 2:  # of two values the spread follows the mean
            del kept[SPREAD]
        total = sum(kept.values())
        weights = tuple(weight / total for weight in kept.values())
        return cls(tuple(kept), weights, cells, scores / (spread or 1.0), in_middle, (beyond != 0) * 1.0)

    def statistics(self, column: Column, block: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """(count, legs); a column that holds no numbers says nothing."""
        if isinstance(column, Categories) or column.dtype.kind not in "fiub":
            return np.full((count, len(self.names)), np.nan)
        lacking = missing(column)
        rows = present = np.bincount(block, minlength=count)
        kept, values = block, column
        if lacking.any():
            kept, values = block[~lacking], column[~lacking]
            present = np.bincount(kept, minlength=count)
        cell = self.cells.positions(values)
        scores = self.scores[cell]
        size = len(self.scores)
        held = np.bincount(kept * size + cell, minlength=count * size).reshape(count, size)
        in_middle, beyond = held @ self.in_middle, held @ self.is_beyond
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(kept, scores, count) / present
            variance = np.bincount(kept, scores * scores, count) / present - mean * mean
            sample_variance = np.maximum(variance * present / (present - 1.0), _SMALLEST_VARIANCE)
            # the logarithm is too low by 1 / (n - 1) on average: uncorrected, smaller blocks would read as a change
            spread = (np.log(sample_variance) + 1.0 / (present - 1.0)) / np.sqrt(2.0)
            middle = angle(in_middle / present)
            middle = (middle - angle(_normal_middle(mean, np.sqrt(sample_variance)))) / _MIDDLE_NOISE
            gone = angle((rows - present) / rows)
            # scores all but end where the reference does, and a block that lies beyond it would seem to have no spread
            has_spread = (present > 1) & (beyond < 0.5 * present)
        found = {MEAN: mean, SPREAD: np.where(has_spread, spread, np.nan), MIDDLE: middle, MISSING: gone}
        return np.column_stack([found[name] for name in self.names])


def _normal_middle(mean: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of a normal in the middle half of the standard one: what a moved level takes from it is no shape."""
    spread = np.where(np.isfinite(spread), spread, 1.0)
    return np.asarray(ndtr((_QUARTILE - mean) / spread) - ndtr((-_QUARTILE - mean) / spread))


def _beyond(cells: NumberCells, counted: NumberProfile) -> NDArray[np.float64]:
    """(cells,) how many of the reference's sds each cell lies above its range, below it as a negative number."""
    deviation = counted.deviation(cells).number
    if counted.minimum is None or counted.maximum is None or deviation is None:
        return np.zeros(len(cells))
    middle = np.concatenate((cells.edges[:1], 0.5 * cells.edges[:-1] + 0.5 * cells.edges[1:], cells.edges[-1:]))
    with np.errstate(over="ignore"):
        beyond = np.maximum(middle - counted.maximum, 0.0) - np.maximum(counted.minimum - middle, 0.0)
        return beyond / (deviation or 1.0)


@attrs.frozen(eq=False)
class LabelLegs:
    """The shares of the commonest labels, of the others, of unseen labels and of missing rows in a block."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    labels: tuple[str, ...]
    """All labels of the reference."""
    group: NDArray[np.int64]
    """(labels + 2,) the leg that each label, an unseen one and a missing one belong to."""

    @classmethod
    def of(cls, cells: LabelCells, counted: LabelProfile) -> LabelLegs:
        """The legs of one reference column."""
        order = np.argsort(-counted.counts, kind="stable")
        named = [cells.labels[at] for at in order[:_NAMED_LABELS]]
        names = [f'share of "{label}"' for label in named]
        group = np.full(len(cells.labels) + 2, len(names), dtype=np.int64)
        group[order[:_NAMED_LABELS]] = np.arange(len(named))
        if len(cells.labels) > len(named):
            names.append(OTHER)
        group[-2:] = len(names), len(names) + 1
        share = _LABEL_WEIGHT / (len(names) + 1)
        return cls((*names, UNSEEN, MISSING), (*[share] * (len(names) + 1), 1.0 - _LABEL_WEIGHT), cells.labels, group)

    def statistics(self, column: Column, block: NDArray[np.int64], count: int) -> NDArray[np.float64]:
        """(count, legs); a column that holds no labels says nothing. O(n)."""
        if not isinstance(column, Categories):
            return np.full((count, len(self.names)), np.nan)
        leg = self.group[self._positions(column.labels)[column.codes]]
        legs = len(self.names)
        counts = np.bincount(block * legs + leg, minlength=count * legs).reshape(count, legs).astype(np.float64)
        rows = counts.sum(axis=1, keepdims=True)
        present = rows - counts[:, -1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.hstack((angle(counts[:, :-1] / present), angle(counts[:, -1:] / rows)))

    def _positions(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """(labels + 1,) where the window's codes are among the reference's; the last is for code -1."""
        known = {label: at for at, label in enumerate(self.labels)}
        unseen = len(self.labels)
        return np.array([*(known.get(label, unseen) for label in labels), unseen + 1], dtype=np.int64)
