"""Metrics that are a correlation of a signal with what came of it."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval
from watchkeeper.domain.value import Value

from .correlation import Correlation
from .preconditions import SIGNALS, pair_refusal, refusal, weightless_dropped


@attrs.frozen
class SignalCorrelation:
    """How far a signal and its outcomes go together, from -1 to 1."""

    correlated: Callable[[Evaluation], Correlation | None]
    """Of at least three rows with weight; None when the signal or the truth is constant."""
    interval: Callable[[Correlation], Interval | None]

    tasks = SIGNALS
    higher_is_better = True
    limits = (-1.0, 1.0)

    def compute(self, evaluation: Evaluation) -> Value:
        """The correlation, or why there is none."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        rows = weightless_dropped(evaluation)
        if refused := pair_refusal(rows):
            return refused
        found = self.correlated(rows)
        if found is None:
            return Value.undefined("the signal or the truth is constant", samples=len(rows))
        return Value.of(found.number, samples=len(rows), interval=self.interval(found))
