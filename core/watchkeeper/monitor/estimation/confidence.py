"""Confidence-based estimation: a classifier's own calibrated probabilities tell how often it should be right.

Each row counts as one row a class, weighted by the probability of that class: whatever a metric reads from such rows is
what it would read, on average, from the outcomes. For metrics of counts that is the expected confusion matrix. It holds
when a probability means what it meant in the reference; it sees that the rows have changed, not that their meaning has.

References
----------
Zadrozny & Elkan (2002), KDD, for the calibration. Guillory, Shankar, Ebrahimi, Darrell & Schmidt (2021), "Predicting
with confidence on unseen distributions", ICCV, for confidence as an estimate of accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.ranking import Ranking
from watchkeeper.domain.table import Categories, Column, Table, missing
from watchkeeper.monitor.evaluating import Judging, class_codes, scores_of

from .isotonic import RisingCurve
from .outlook import folds_of, part_of, usable

FOLDS: Final = 5
Probabilities: TypeAlias = NDArray[np.float64]
"""(n, k) float64, a column a class, rows adding up to 1."""


@attrs.frozen(eq=False)
class Calibration:
    """From a model's scores to probabilities: one rising curve a class, or the scores as they are."""

    curves: tuple[RisingCurve, ...] | None
    """One for each class, for two classes of the second alone; None: the scores are probabilities already."""
    shares: NDArray[np.float64]
    """(k,) float64: the classes' shares in the reference, for rows to which no curve gives anything."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> Calibration:
        """One curve a class, fitted on all rows; O(k n log n)."""
        truth, columns = evaluation.truth, _columns(evaluation)
        classes = (1,) if evaluation.is_binary else range(columns.shape[1])
        curves = tuple(RisingCurve.of(columns[:, code], truth == code) for code in classes)
        return cls(curves, _shares(evaluation))

    def __call__(self, evaluation: Evaluation) -> Probabilities:
        """(n, k) float64: the probability of each class for each row."""
        columns = _columns(evaluation)
        if self.curves is None:
            return columns
        if evaluation.is_binary:
            of_second = self.curves[0](columns[:, 1])
            return np.column_stack([1.0 - of_second, of_second])
        given = np.column_stack([curve(columns[:, code]) for code, curve in enumerate(self.curves)])
        total = given.sum(axis=1, keepdims=True)
        return np.where(total > 0, given / np.where(total > 0, total, 1.0), self.shares)


def expected_evaluation(rows: Evaluation, probabilities: Probabilities) -> Evaluation:
    """Weighted rows, k n of them: each row once for every class it may be of; the truths of `rows` are not read."""
    n, k = probabilities.shape
    expected = Evaluation(
        rows.task,
        np.repeat(np.arange(k), n),
        np.tile(rows.predicted, k),
        None if rows.scores is None else np.tile(rows.scores, (k,) + (1,) * (rows.scores.ndim - 1)),
        rows.classes,
        probabilities.T.reshape(-1),
    )
    if rows.is_binary and rows.scores is not None and n:
        scores = rows.scores if rows.scores.ndim == 1 else rows.scores[:, 1]
        # known without sorting every row twice; kept where the cached property would keep it
        vars(expected)["rankings"] = (Ranking.of_expected(scores, probabilities),)
    return expected


@attrs.frozen(eq=False)
class ConfidenceOutlook:
    """Confidence-based estimation, fitted on a reference. Make one with `ConfidenceOutlook.fit`."""

    realised: Evaluation
    refusals: Mapping[str, str]
    calibration: Calibration
    decision_threshold: float
    _crossfitted: Probabilities
    judging: Judging | None = None
    """Where predictions are labels: how they and the probabilities beside them are read."""

    assumption = "a probability means what it meant in the reference (no concept drift)"

    @classmethod
    def fit(
        cls, realised: Evaluation, metrics: Mapping[str, Metric], decision_threshold: float = 0.5
    ) -> ConfidenceOutlook:
        """Learn how the scores of the reference's rows, in time order, are to be read.

        The scores are kept as they are unless curves learned on other folds make the Brier score smaller.

        Parameters
        ----------
        realised
            n rows with outcomes and scores.
        decision_threshold
            Of a binary model: from which score on the second class is predicted.
        """
        told = {name: _refusal(metric) for name, metric in metrics.items()}
        refusals = {name: reason for name, reason in told.items() if reason}
        calibrated = _crossfitted(realised)
        if realised.score_problem is None:
            own = _columns(realised)
            if _brier(own, realised) <= _brier(calibrated, realised):
                return cls(realised, refusals, Calibration(None, _shares(realised)), decision_threshold, own)
        return cls(realised, refusals, Calibration.of(realised), decision_threshold, calibrated)

    def crossfitted(self, rows: slice) -> Evaluation:
        """What was to be expected of these reference rows."""
        return expected_evaluation(part_of(self.realised, rows), self._crossfitted[rows])

    def expected(self, prediction: Column, features: Table) -> Evaluation:
        """What is to be expected of n rows, from their probabilities; rows that lack one are left out."""
        if self.judging is not None:
            return self._of_labels(prediction, features, self.judging)
        scores = _probabilities(prediction)
        predicted = (scores >= self.decision_threshold).astype(np.int64)
        return self.of_answers(predicted, scores)

    def _of_labels(self, prediction: Column, features: Table, judging: Judging) -> Evaluation:
        scores = scores_of(features, judging)
        if scores is None:
            raise DataError("the rows have labels and no probabilities: there is nothing to estimate from")
        known = np.isfinite(scores).all(axis=1) & ~missing(prediction)
        return self.of_answers(class_codes(prediction[known], judging.classes, "prediction"), scores[known])

    def of_answers(self, predicted: NDArray[np.int64], scores: NDArray[np.float64]) -> Evaluation:
        """The same from class codes (n,) and scores, (n,) or (n, k)."""
        unknown = np.zeros(len(predicted), dtype=np.int64)
        rows = Evaluation(self.realised.task, unknown, predicted, scores, self.realised.classes)
        return expected_evaluation(rows, self.calibration(rows))


def _refusal(metric: Metric) -> str:
    """Why the metric cannot be estimated from expected rows; empty where it can."""
    if getattr(metric, "is_ordered", False):
        return "it follows rows through time, and expected rows are no path"
    return str(getattr(metric, "estimate_refusal", ""))


def _probabilities(prediction: Column) -> NDArray[np.float64]:
    known = usable(prediction)
    scores = np.asarray(prediction[known], dtype=np.float64) if not isinstance(prediction, Categories) else np.empty(0)
    if len(scores) and (scores.min() < 0.0 or scores.max() > 1.0):
        raise DataError(f"a prediction must be a probability from 0 to 1, found {scores.min()} to {scores.max()}")
    return scores


def _columns(evaluation: Evaluation) -> Probabilities:
    """(n, k): the scores, a column a class."""
    if evaluation.scores is None:
        raise DataError("confidence-based estimation needs scores, found none")
    if evaluation.scores.ndim == 2:
        return evaluation.scores
    if len(evaluation.classes) == 1:
        return evaluation.scores[:, None]
    return np.column_stack([1.0 - evaluation.scores, evaluation.scores])


def _shares(evaluation: Evaluation) -> NDArray[np.float64]:
    codes: Sequence[int] | NDArray[np.int64] = evaluation.truth.astype(np.int64)
    return np.bincount(codes, minlength=len(evaluation.classes)) / max(len(evaluation), 1)


def _crossfitted(evaluation: Evaluation) -> Probabilities:
    fold = folds_of(len(evaluation), FOLDS)
    parts = []
    for own in range(FOLDS):
        start, stop = np.searchsorted(fold, [own, own + 1])
        others = _without(evaluation, slice(start, stop))
        parts.append(Calibration.of(others)(part_of(evaluation, slice(start, stop))))
    return np.concatenate(parts)


def _without(evaluation: Evaluation, rows: slice) -> Evaluation:
    kept = np.ones(len(evaluation), dtype=np.bool_)
    kept[rows] = False
    scores = None if evaluation.scores is None else evaluation.scores[kept]
    return Evaluation(evaluation.task, evaluation.truth[kept], evaluation.predicted[kept], scores, evaluation.classes)


def _brier(probabilities: Probabilities, evaluation: Evaluation) -> float:
    is_true = evaluation.truth[:, None] == np.arange(probabilities.shape[1])
    return float(np.square(probabilities - is_true).sum(axis=1).mean())
