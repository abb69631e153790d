"""Metrics of a table of true and predicted classes: what such metrics are, whatever is computed from the table."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value

from .preconditions import CLASSES, one_class_refusal, refusal
from .tables import agreement_interval, smoothed_table, table_error


@attrs.frozen
class ClassShare:
    """A share of the rows, from 0 to 1."""

    share: Callable[[Evaluation], Value]
    """Of a classification with rows."""

    tasks = CLASSES
    higher_is_better = True
    limits = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The share, or why there is none."""
        return refusal(evaluation, self.tasks) or self.share(evaluation)


@attrs.frozen
class ClassAgreement:
    """How far predicted and true classes go together, from -1 to 1, 0 being chance."""

    agreement: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]
    """The coefficient of a (k, k) table that adds up to 1, and how much it moves with each cell, (k, k)."""

    tasks = CLASSES
    higher_is_better = True
    limits = (-1.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The coefficient of the table of shares, its interval by the delta method after Fisher's z."""
        refused = refusal(evaluation, self.tasks) or one_class_refusal(evaluation)
        if refused:
            return refused
        number, _ = self.agreement(evaluation.confusion / evaluation.total_weight)
        counts, squares = smoothed_table(evaluation)
        total = counts.sum()
        centre, gradient = self.agreement(counts / total)
        interval = agreement_interval(number, centre, table_error(gradient, squares / total**2))
        return Value.of(number, samples=len(evaluation), interval=interval)
