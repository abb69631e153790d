"""What a page draws beside the numbers of one window: earlier windows, limits, and distributions."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from watchkeeper.monitor.estimation.timeline import Point

from .lines import Limit
from .shapes import Shape


@attrs.frozen
class Illustration:
    """Everything that the result of one check does not hold; each part may be empty."""

    points: Mapping[str, tuple[Point, ...]] = attrs.field(factory=dict)
    """By metric: realised and estimated values, window after window."""
    series: Mapping[str, tuple[tuple[int, float], ...]] = attrs.field(factory=dict)
    """By a measurement's title: (end of the window in UTC µs, number), oldest first."""
    limits: Mapping[str, tuple[Limit, ...]] = attrs.field(factory=dict)
    """By a measurement's title: what it is held against."""
    shapes: Mapping[str, Shape] = attrs.field(factory=dict)
    """By column: the window's distribution beside the reference's."""
    since_us: int | None = None
    """Since when the status is this one; None when that is not known."""
    budget: str = ""
    """How many false alarms the model may raise, as configured."""
