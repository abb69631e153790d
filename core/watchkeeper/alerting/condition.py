"""A rule's condition: an expression over measurements that is true, false, or without data.

    accuracy < 0.8 and accuracy.samples >= 500
    ks > 0.2                          any feature
    ks{feature=vol10} > 0.2           this feature; `ks["vol10"]` is short for it
    ks.p_value < 0.001                a detail of the measurement
    0.4 < max(precision, recall) <= 0.6 or not brier / samples < 1e-3
    anomaly(accuracy, f1, method = ewma)   unlike their own history

The text is parsed once into nested closures (`parser`, `logic`); there is no ``eval``, no attribute, no call of
anything but ``abs``, ``min`` and ``max`` of numbers. Length and depth are capped, so that parsing and evaluating
are O(length).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from .anomalies.methods import AnomalyOf
from .logic import COMPARISONS

Values: TypeAlias = "Sequence[float | None]"


@attrs.frozen
class Series:
    """What a condition reads: measurements of a name whose labels fit, or a detail of theirs."""

    name: str
    labels: tuple[tuple[str | None, str], ...] = ()
    """Pairs that must be among a measurement's labels; a None key fits any label of that value."""
    detail: str | None = None

    def __str__(self) -> str:
        named = ", ".join(f"{key}={value}" for key, value in self.labels if key is not None)
        unnamed = ", ".join(f'"{value}"' for key, value in self.labels if key is None)
        ending = f".{self.detail}" if self.detail else ""
        return self.name + (f"{{{named}}}" if named else "") + (f"[{unnamed}]" if unnamed else "") + ending


@attrs.frozen
class Threshold:
    """A comparison of one series with a number, as written: for telling what was exceeded."""

    series: int
    """Position in `Condition.series`."""
    sign: str
    number: float

    def holds(self, value: float | None) -> bool:
        """Whether the value is there and on that side of the number."""
        return value is not None and COMPARISONS[self.sign](value, self.number)

    def __str__(self) -> str:
        return f"{self.sign} {self.number:g}"


@attrs.frozen(eq=False)
class Condition:
    """A parsed condition; made by `parsed`, equal to nothing but itself."""

    text: str
    series: tuple[Series, ...]
    thresholds: tuple[Threshold, ...]
    truth: Callable[[Values], bool | None]
    """``truth(values)``: one number or None for each of `series`, in order; true, false, or None for no data."""
    compares_alone: bool = False
    """Whether it does nothing but compare single measurements with numbers: `thresholds` are all that it asks."""
    anomalies: tuple[AnomalyOf, ...] = ()
    """What must be measured for it beside what each check measures."""

    def __str__(self) -> str:
        return self.text
