"""One window's truths and predictions of one model, with the statistics that metrics share."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError
from .model import Task
from .ranking import STRETCH, Ranking

NO_SCORES = (
    "the model gives no scores: name each class's column of probabilities in columns.probabilities, or leave the "
    "metric out"
)
SUM_TOLERANCE = 1e-5
"""How far a row's probabilities may add up from 1: what float32 models with a hundred classes produce."""

_REACH = 1e50
"""How much larger one weight may be than another: metrics multiply up to five of them."""


def _array(values: ArrayLike) -> NDArray[Any]:
    return np.asarray(values)


def _optional_array(values: ArrayLike | None) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values)


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(eq=False, slots=False)
class Evaluation:
    """Aligned truths and predictions of n rows; every shared statistic is computed at most once.

    Rows that are missing or not finite are for the caller to count and leave out: here they are a DataError.
    The arrays are never written into. Integers, booleans and float32 are taken as int64 or float64.

    Raises
    ------
    DataError
        Lengths, shapes, types or codes that do not fit together, weights below 0, numbers that are not finite.
    """

    task: Task = attrs.field(converter=Task)
    truth: NDArray[np.float64] | NDArray[np.int64] = attrs.field(converter=_array)
    """(n,): codes into `classes` for classification, finite float64 otherwise."""
    predicted: NDArray[np.float64] | NDArray[np.int64] = attrs.field(converter=_array)
    """(n,): codes into `classes` for classification, finite float64 otherwise."""
    scores: NDArray[np.float64] | None = attrs.field(default=None, converter=_optional_array)
    """(n,) float64: probability (or score) of ``classes[1]``; or (n, k), a column a class; None if there are none."""
    classes: tuple[str, ...] = attrs.field(default=(), converter=_texts)
    weights: NDArray[np.float64] | None = attrs.field(default=None, converter=_optional_array)
    """(n,) float64, at least 0; None: every row counts 1.

    Where products of them would leave what float64 can hold, they are in another unit, the largest being about 1, and
    those below 1e-50 of it are 0.
    """

    def __attrs_post_init__(self) -> None:
        if self.truth.ndim != 1:
            raise DataError(f"truth must be one column of rows, found shape {self.truth.shape}")
        rows = len(self)
        for name in ("truth", "predicted", "weights", "scores"):
            values = getattr(self, name)
            if values is None:
                continue
            is_code = self.task is Task.CLASSIFICATION and name in ("truth", "predicted")
            checked = _codes(name, values, len(self.classes)) if is_code else _numbers(name, values)
            # a frozen class sets its own fields so, see the attrs documentation on post-init
            object.__setattr__(self, name, checked)
            if name != "scores" and checked.shape != (rows,):
                raise DataError(f"{name} must be one column of {rows} rows like truth, found {checked.shape}")
        self._check_scores(rows)
        if self.weights is not None and len(self.weights) and self.weights.min() < 0:
            raise DataError(f"weights must be at least 0, found {self.weights.min()}; 0 leaves a row out")
        if self.weights is not None:
            object.__setattr__(self, "weights", _within_reach(self.weights))  # as above

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def is_binary(self) -> bool:
        """Whether there are exactly two classes; the second is the positive one."""
        return len(self.classes) == 2

    @cached_property
    def total_weight(self) -> float:
        """The sum of the weights; the number of rows when there are none."""
        return float(len(self)) if self.weights is None else float(self.weights.sum())

    @cached_property
    def effective_rows(self) -> float:
        """How many rows of equal weight would tell as much: (Σw)² / Σw² (Kish 1965)."""
        if self.weights is None or self.total_weight == 0:
            return self.total_weight
        return 1.0 / float(np.square(self.weights / self.total_weight).sum())

    @cached_property
    def confusion(self) -> NDArray[np.float64]:
        """(k, k) float64: total weight of the rows of each true class (down) predicted as each class (across)."""
        return self._cells(self.weights)

    @cached_property
    def confusion_squared(self) -> NDArray[np.float64]:
        """(k, k) float64: the squared weights in each cell, summed: what the cells' variances need."""
        return self.confusion if self.weights is None else self._cells(self.weights**2)

    @cached_property
    def rankings(self) -> tuple[Ranking, ...]:
        """Rows by score: of ``classes[1]`` against the other for two classes, of each class for more; O(k n log n)."""
        truth = self._require_codes("rankings")
        if self.scores is None:
            raise DataError("rankings need scores, found none; ask `scores` first")
        if not self.is_binary:
            columns = self.scores.reshape(len(self), -1).T
            return tuple(Ranking.of(column, truth == code, self.weights) for code, column in enumerate(columns))
        scores = self.scores if self.scores.ndim == 1 else self.scores[:, 1]
        if self.weights is None and len(self) and scores.min() >= 0:
            return (Ranking.of_counts(scores, truth),)
        return (Ranking.of(scores, truth == 1, self.weights),)

    @cached_property
    def score_problem(self) -> str | None:
        """Why the scores cannot be read as probabilities of the classes, in words; None when they can."""
        if self.scores is None:
            return NO_SCORES
        if len(self) == 0:
            return None
        low, high = float(self.scores.min()), float(self.scores.max())
        if low < 0 or high > 1:
            return f"the scores are not probabilities: they go from {low:g} to {high:g}, expected 0 to 1"
        if self.scores.ndim == 2:
            off = np.abs(self.scores.sum(axis=1) - 1.0)
            if off.max() > SUM_TOLERANCE:
                row = int(off.argmax())
                return f"the scores are not probabilities: row {row} adds up to {self.scores[row].sum():g}, expected 1"
        return None

    @cached_property
    def truth_probabilities(self) -> NDArray[np.float64]:
        """(n,) float64: the probability that the model gave to what turned out to be true; see `score_problem`."""
        truth = self._require_codes("truth_probabilities")
        if self.scores is None:
            raise DataError("truth_probabilities need scores, found none; ask `score_problem` first")
        if self.scores.ndim == 2:
            return _sealed(np.take_along_axis(self.scores, truth[:, None], axis=1)[:, 0])
        # |(y - 1) + p| is p where y is 1 and 1 - p where it is 0, exactly, and faster than a choice
        given = truth.astype(np.float64)
        given -= 1.0
        given += self.scores
        return _sealed(np.abs(given, out=given))

    @cached_property
    def residuals(self) -> NDArray[np.float64]:
        """(n,) float64: predicted minus truth; infinite where float64 cannot hold the difference."""
        if self.task is Task.CLASSIFICATION:
            raise DataError("residuals need numbers, and a classification has classes")
        with np.errstate(over="ignore"):
            return _sealed(np.subtract(self.predicted, self.truth, dtype=np.float64))

    def _require_codes(self, what: str) -> NDArray[np.int64]:
        if self.task is not Task.CLASSIFICATION:
            raise DataError(f"{what} need classes, and a {self.task} has numbers")
        return self.truth  # type: ignore[return-value]  # of a classification, int64 since __attrs_post_init__

    def _cells(self, amounts: NDArray[np.float64] | None) -> NDArray[np.float64]:
        truth, k = self._require_codes("confusion counts"), len(self.classes)
        cells = np.zeros(k * k)
        for start in range(0, len(self), STRETCH):
            here = slice(start, start + STRETCH)
            places = truth[here] * k
            places += self.predicted[here]  # type: ignore[arg-type]  # of a classification, codes
            cells += np.bincount(places, weights=None if amounts is None else amounts[here], minlength=k * k)
        return _sealed(cells.reshape(k, k))

    def _check_scores(self, rows: int) -> None:
        if self.scores is None:
            return
        k = len(self.classes)
        expected = {(rows,), (rows, 2)} if k == 2 else {(rows, k)} if k > 2 else {(rows,), (rows, k)}
        if self.scores.shape not in expected:
            told = " or ".join(str(shape) for shape in sorted(expected, key=len))
            raise DataError(f"scores of {rows} rows and {k} classes must have shape {told}, found {self.scores.shape}")


def _codes(name: str, values: NDArray[Any], k: int) -> NDArray[np.int64]:
    """Class codes as int64, or a DataError."""
    if values.size == 0:
        return values.astype(np.int64)
    if values.dtype.kind not in "iub":
        raise DataError(f"{name} of a classification must be integer codes into `classes`, found {values.dtype}")
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >= k:
        raise DataError(f"{name} holds code {low if low < 0 else high}, expected 0 to {k - 1} for {k} classes")
    return values.astype(np.int64, copy=False)


def _numbers(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """Finite numbers as float64, or a DataError."""
    if values.dtype.kind not in "fiub":
        raise DataError(f"{name} must be numbers, found {values.dtype}; convert the column before evaluating it")
    numbers = values.astype(np.float64, copy=False)
    is_finite = np.isfinite(numbers)
    if not is_finite.all():
        bad = int(numbers.size - np.count_nonzero(is_finite))
        raise DataError(f"{name} holds {bad} numbers that are missing or infinite; count such rows and leave them out")
    return numbers


def _within_reach(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same weights where their squares and products are ordinary numbers; otherwise in a unit where they are."""
    largest = float(weights.max(initial=0.0))
    if not largest:
        return weights
    smallest = float(weights.min(initial=largest, where=weights > 0))
    if 1.0 / _REACH <= largest <= _REACH and smallest * _REACH >= largest:
        return weights
    scaled = np.ldexp(weights, -int(np.frexp(largest)[1]) + 1)  # a power of two: nothing is rounded
    scaled[scaled * _REACH < 1.0] = 0.0
    return scaled


def _sealed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same array, read-only: every metric sees it."""
    values.flags.writeable = False
    return values
