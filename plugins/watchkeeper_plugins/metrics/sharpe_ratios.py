"""Metrics of what a signal earned for the risk it took: the periods of a year, and when there is no ratio."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.value import Value

from .positions import Moments, PositionOptions, earned, moments
from .preconditions import SIGNALS, refusal, weightless_dropped


@attrs.frozen
class YearOptions(PositionOptions):
    """How positions are taken, and how many periods a year has."""

    periods_per_year: float = attrs.field(default=252.0, validator=attrs.validators.gt(0.0))
    """How many rows make a year: 252 trading days, 12 months; 1 gives the ratio of one period."""


@attrs.frozen
class EarnedRatio:
    """What is computed from the moments of the returns that a signal would have earned."""

    options: PositionOptions
    measured: Callable[[Moments, int], Value]
    """Of the moments, and of the number of rows that they are of."""

    tasks = SIGNALS
    higher_is_better = True

    @property
    def is_ordered(self) -> bool:
        """Whether the rows are a path: only changes of the position, which cost, depend on their order."""
        return self.options.cost > 0

    def compute(self, evaluation: Evaluation) -> Value:
        """The measure, or why the returns have no moments."""
        if refused := refusal(evaluation, self.tasks):
            return refused
        rows = weightless_dropped(evaluation)
        found = moments(earned(rows, self.options), rows.weights)
        if isinstance(found, str):
            return Value.undefined(found, samples=len(rows))
        return self.measured(found, len(rows))
