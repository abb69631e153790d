"""How the shares of several classes become one number: binary, macro, micro, weighted."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import Interval, combined, wilson
from watchkeeper.domain.value import Value


class Average(StrEnum):
    """Over which classes, and how much each counts."""

    AUTO = "auto"
    """`binary` for two classes, `macro` for more."""
    BINARY = "binary"
    """The second class alone."""
    MACRO = "macro"
    """Every class the same."""
    MICRO = "micro"
    """Every row the same, the classes' counts thrown together."""
    WEIGHTED = "weighted"
    """Each class by its share of the true rows."""


@attrs.frozen
class AverageOptions:
    """How classes are averaged."""

    average: Average = attrs.field(default=Average.AUTO, converter=Average)
    """`auto` (binary for two classes, macro for more), `binary`, `macro`, `micro` or `weighted`."""


@attrs.frozen(eq=False)
class ClassShares:
    """For each of k classes, a share: hits among trials, both (k,) float64."""

    hits: NDArray[np.float64]
    trials: NDArray[np.float64]
    trials_squared: NDArray[np.float64]
    """(k,): the trials' squared weights, summed."""
    empty: str
    """Why a class without trials has no share; ``{}`` stands for the class."""
    scale: Callable[[float], float] = attrs.field(default=lambda share: share)
    """Growing function from the share to the metric."""

    def number(self, code: int) -> float:
        """The metric of one class."""
        return self.scale(float(self.hits[code] / self.trials[code]))

    def interval(self, code: int) -> Interval:
        """Wilson's interval of the class's share, on the metric's scale."""
        effective = float(self.trials[code] ** 2 / self.trials_squared[code])
        low, high = wilson(float(self.hits[code] / self.trials[code]), effective)
        return self.scale(low), self.scale(high)


def averaged(evaluation: Evaluation, shares: ClassShares, average: Average) -> Value:
    """One value from the classes' shares; undefined when a class that counts has no trials."""
    rows = len(evaluation)
    if average is Average.AUTO:
        average = Average.BINARY if evaluation.is_binary else Average.MACRO
    if average is Average.MICRO:
        # each row is one trial and each right row one hit, whatever the classes: this is accuracy
        right = min(float(np.trace(evaluation.confusion)) / evaluation.total_weight, 1.0)
        return Value.of(right, samples=rows, interval=wilson(right, evaluation.effective_rows))
    if average is Average.BINARY and not evaluation.is_binary:
        return Value.undefined(
            f"average 'binary' needs two classes, found {len(evaluation.classes)}: set average to 'macro', 'micro' "
            "or 'weighted'",
            samples=rows,
        )
    support = evaluation.confusion.sum(axis=1)
    counted = _counted(evaluation, average, support)
    for code in counted:
        if shares.trials[code] == 0:
            return Value.undefined(shares.empty.format(repr(evaluation.classes[code])), samples=rows)
    amounts = support[counted] if average is Average.WEIGHTED else np.ones(len(counted))
    portions = [float(amount) for amount in amounts / amounts.sum()]
    numbers = [shares.number(code) for code in counted]
    number = float(np.dot(portions, numbers))
    interval = combined(numbers, [shares.interval(code) for code in counted], portions)
    return Value.of(number, samples=rows, interval=(min(interval[0], number), max(interval[1], number)))


def _counted(evaluation: Evaluation, average: Average, support: NDArray[np.float64]) -> list[int]:
    """Codes of the classes that take part: those with true rows, and for macro those with predicted rows too."""
    if average is Average.BINARY:
        return [1]
    seen = support if average is Average.WEIGHTED else support + evaluation.confusion.sum(axis=0)
    return [int(code) for code in np.flatnonzero(seen > 0)]
