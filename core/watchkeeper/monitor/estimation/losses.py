"""Direct loss estimation: trees learn from the reference how large errors are where, and are asked about new rows.

What is learned are moments of the error given features and prediction: its mean, mean size and mean square, as far as
the metrics need them. Each new row then counts as weighted rows whose errors have these moments, and a metric reads
them like any others. Metrics that depend on more of the errors are refused. It holds when errors depend on features and
prediction as they did in the reference; of rows unlike any in it, trees say what they say of the most extreme ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.monitor.learned import LOSSES, Learned

from .boosting import LearnedMean, Sign
from .dependence import dependence_of
from .encoding import Encoding
from .keeping import losses_digest, trees_bytes, trees_from
from .moments import Moment, Moments, Numbers, expected_evaluation
from .outlook import usable


@attrs.frozen(eq=False)
class LossOutlook:
    """Direct loss estimation, fitted on a reference. Make one with `LossOutlook.fit`."""

    realised: Evaluation
    refusals: Mapping[str, str]
    encoding: Encoding
    learned: Mapping[Moment, LearnedMean]

    assumption = "errors depend on the features and the prediction as they did in the reference (no concept drift)"

    @classmethod
    def fit(
        cls, realised: Evaluation, features: Table, metrics: Mapping[str, Metric], kept: Learned | None = None
    ) -> LossOutlook:
        """Learn the moments that the metrics need: a second or less for each 10,000 rows, unless they are kept.

        Parameters
        ----------
        realised
            n rows with outcomes, in time order.
        features
            Their n rows of features.
        kept
            Where trees that were grown from the same rows may be found, and where new ones are kept.

        Raises
        ------
        DataError
            The errors are too large for float64.
        """
        needs = {name: dependence_of(name, metric, realised.task) for name, metric in metrics.items()}
        refusals = {name: need.refusal for name, need in needs.items() if need.refusal is not None}
        encoding = Encoding.of(realised.predicted, features)
        matrix = encoding.matrix(realised.predicted, features)
        wanted = {moment for need in needs.values() for moment in need.moments}
        targets = {moment: goal for moment, goal in _targets(realised.residuals).items() if moment in wanted}
        if kept is None or not targets:
            return cls(realised, refusals, encoding, _grown(matrix, targets, encoding))
        digest = losses_digest(matrix, realised.residuals, encoding.is_category, targets)
        data = kept.found(LOSSES, digest)
        learned = None if data is None else trees_from(data)
        if learned is None:
            learned = _grown(matrix, targets, encoding)
            kept.keep(LOSSES, digest, trees_bytes(learned))
        return cls(realised, refusals, encoding, learned)

    def crossfitted(self, rows: slice) -> Evaluation:
        """What was to be expected of these reference rows."""
        told = {moment: mean.crossfitted[rows] for moment, mean in self.learned.items()}
        return self._evaluation(np.asarray(self.realised.predicted[rows], dtype=np.float64), told)

    def expected(self, prediction: Column, features: Table) -> Evaluation:
        """What is to be expected of n rows; those without a finite prediction are left out."""
        known = usable(prediction)
        if isinstance(prediction, Categories):
            raise DataError("the predictions must be numbers as in the reference, found text")
        matrix = self.encoding.matrix(prediction, features)[known]
        told = {moment: mean(matrix) for moment, mean in self.learned.items()}
        return self._evaluation(prediction[known].astype(np.float64), told)

    def _evaluation(self, predicted: Numbers, told: Mapping[Moment, Numbers]) -> Evaluation:
        if not told:
            told = {Moment.SIZE: np.zeros(len(predicted))}
        moments = Moments.of(told.get(Moment.MEAN), told.get(Moment.SIZE), told.get(Moment.SQUARE))
        return expected_evaluation(self.realised.task, predicted, moments)


def _grown(
    matrix: Numbers, targets: Mapping[Moment, tuple[Numbers, Sign]], encoding: Encoding
) -> dict[Moment, LearnedMean]:
    return {
        moment: LearnedMean.of(matrix, target, encoding.is_category, sign) for moment, (target, sign) in targets.items()
    }


def _targets(residuals: NDArray[np.float64]) -> dict[Moment, tuple[Numbers, Sign]]:
    largest = float(np.abs(residuals).max(initial=0.0))
    if not np.isfinite(largest) or not np.isfinite(largest * largest):
        raise DataError("the reference's errors are too large for float64 to hold their squares")
    return {
        Moment.MEAN: (residuals, Sign.SIGNED),
        Moment.SIZE: (np.abs(residuals), Sign.SIZE),
        Moment.SQUARE: (np.square(residuals), Sign.SIZE),
    }
