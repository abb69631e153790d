"""What an estimate is made from: rows whose outcomes are not known, as an evaluation of what is to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.table import Categories, Column, Table

FEWEST_WINDOWS: Final = 8
"""Fewer of the reference's windows do not tell how far an estimate is usually off."""


class Outlook(Protocol):
    """A way of estimating, fitted on a reference whose outcomes are known."""

    @property
    def assumption(self) -> str:
        """What must hold for the estimates, after "if"."""
        ...

    @property
    def realised(self) -> Evaluation:
        """The reference's rows with their outcomes, in time order."""
        ...

    @property
    def refusals(self) -> Mapping[str, str]:
        """Why a metric cannot be estimated this way, in words, for those that cannot."""
        ...

    def crossfitted(self, rows: slice) -> Evaluation:
        """What was to be expected of these reference rows, by what was learned from others of the reference."""
        ...

    def expected(self, prediction: Column, features: Table) -> Evaluation:
        """What is to be expected of n rows without outcomes; rows without a usable prediction are left out.

        Raises
        ------
        DataError
            The predictions are not of the reference's kind.
        """
        ...


def folds_of(rows: int, count: int) -> NDArray[np.intp]:
    """(rows,) the fold of each row: `count` stretches that follow one another, because neighbours may be alike."""
    return np.arange(rows) * count // max(rows, 1)


def part_of(evaluation: Evaluation, rows: slice) -> Evaluation:
    """Some rows of an unweighted evaluation."""
    scores = None if evaluation.scores is None else evaluation.scores[rows]
    columns = evaluation.truth[rows], evaluation.predicted[rows], scores
    return Evaluation(evaluation.task, *columns, evaluation.classes)


def usable(prediction: Column) -> NDArray[np.bool_]:
    """(n,) bool: which predictions are finite numbers; a DataError for anything but numbers."""
    if isinstance(prediction, Categories) or prediction.dtype.kind not in "fiub":
        raise DataError("the predictions must be numbers as in the reference, found text")
    return np.isfinite(prediction.astype(np.float64, copy=False))
