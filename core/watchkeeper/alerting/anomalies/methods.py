"""What a rule asks for when it says ``anomaly(...)``: of which measurements, in which ways, at which rate."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

import attrs

from watchkeeper.domain.spans import FalseAlarmBudget

ANOMALY: Final = "anomaly"
"""The measurement's name; above 1 it is an anomaly. The labels `OF` and `METHOD` say what was asked for."""
OF: Final = "of"
METHOD: Final = "method"
BUDGET: Final = "budget"
LEFT_OUT: Final = "left_out_"
"""Details that begin so name a series that was left out, as it has always been the number that they hold."""
OWN_LABELS: Final = (OF, METHOD, BUDGET)
"""Labels that say what was asked for; its others are those of the measurements."""
MOST_SERIES: Final = 20

LabelPairs: TypeAlias = "tuple[tuple[str | None, str], ...]"


class Leg(StrEnum):
    """One way of being unusual."""

    FOREST = "forest"
    """Isolation Forest on the summary features: combinations that are rare."""
    Z = "z"
    """The largest robust z score: one number far away."""
    EWMA = "ewma"
    """The largest exponentially weighted mean of the z scores: a level that has moved."""
    SPREAD = "spread"
    """The largest exponentially weighted mean square: numbers that scatter more."""
    SHAPE = "shape"
    """The distance from what followed on the most similar stretches of the history: a course that never was."""


class Method(StrEnum):
    """Which legs an anomaly is looked for with."""

    ALL = "all"
    FOREST = "forest"
    Z = "z"
    EWMA = "ewma"
    SPREAD = "spread"
    SHAPE = "shape"

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Its legs, which share the budget equally."""
        return tuple(Leg) if self is Method.ALL else (Leg(self.value),)


@attrs.frozen
class AnomalyOf:
    """One question: whether these measurements, taken together, are unlike their own history."""

    names: tuple[str, ...]
    labels: LabelPairs = ()
    """Pairs that must be among the measurements' labels; a None key fits any label of that value."""
    method: Method = Method.ALL
    budget: FalseAlarmBudget | None = None
    """The false alarms of its own; None: the model's budget."""

    @property
    def own_labels(self) -> Mapping[str, str]:
        """By what its measurements are told apart from those of other questions."""
        found = {OF: ", ".join(self.names), METHOD: self.method.value}
        return found if self.budget is None else {**found, BUDGET: str(self.budget)}
