"""Where numbers and times lie on a chart, and what is written beside them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs

from watchkeeper.domain.window import told_time

WIDTH: Final = 360
HEIGHT: Final = 150
LEFT: Final = 46
RIGHT: Final = 8
TOP: Final = 10
BOTTOM: Final = 20
_MANY_TIMES: Final = 30.0
"""An axis with numbers from here on is logarithmic, when it may be."""
_LEAST: Final = 1e-3
"""Where a logarithmic axis begins at the lowest."""
BEYOND: Final = 1e300
"""What is larger is drawn here: differences must be numbers, too."""
_DAY_US: Final = 86_400_000_000
_FEW_DAYS: Final = 3
_LARGE: Final = 1e6
_SMALL: Final = 1e-4


@attrs.frozen
class Axis:
    """From numbers to positions along one side of the chart."""

    low: float
    high: float
    start: float
    """Where `low` is drawn, in the chart's units."""
    end: float
    is_logarithmic: bool = False

    def at(self, number: float) -> float:
        """The position, inside the chart whatever the number."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        share = (self._scaled(min(max(number, self.low), self.high)) - low) / (high - low)
        return round(self.start + share * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[float]:
        """Three to five round numbers."""
        if self.is_logarithmic:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1, max(1, math.ceil((last - first + 1) / 5)))]
        step = _round_step((self.high - self.low) / 4)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [step * at for at in range(first, last + 1)]

    def _scaled(self, number: float) -> float:
        return math.log10(number) if self.is_logarithmic else number


def number_axis(numbers: Iterable[float], *, may_be_logarithmic: bool = False) -> Axis:
    """A vertical axis that shows all the numbers with a little room around them."""
    found = [min(max(number, -BEYOND), BEYOND) for number in numbers if math.isfinite(number)] or [0.0]
    low, high = min(found), max(found)
    if may_be_logarithmic and high > _MANY_TIMES:
        least = min((number for number in found if number > 0.0), default=high)
        return Axis(max(least, _LEAST) / 2.0, high * 2.0, HEIGHT - BOTTOM, TOP, is_logarithmic=True)
    size = max(abs(low), abs(high))
    room = (high - low) * 0.08 if high - low > size * 1e-9 else max(size * 0.1, 1e-9)
    floor = 0.0 if low >= 0.0 and low - room < 0.0 else low - room
    return Axis(floor, high + room, HEIGHT - BOTTOM, TOP)


def time_axis(times_us: Iterable[int]) -> Axis:
    """A horizontal axis from the first to the last time."""
    found = list(times_us) or [0]
    first, last = min(found), max(found)
    if first == last:
        first, last = first - _DAY_US, last + _DAY_US
    return Axis(float(first), float(last), LEFT, WIDTH - RIGHT)


def short_number(number: float) -> str:
    """As few characters as tell it: ``0.65``, ``12,400``, ``1e+09``."""
    if number == 0.0:
        return "0"
    if not _SMALL <= abs(number) < _LARGE:
        return f"{number:.2g}"
    return f"{number:,.0f}" if abs(number) >= 1000.0 and float(number).is_integer() else f"{number:.4g}"


def short_time(time_us: float, span_us: float) -> str:
    """The day; with hour and minute where the axis is a few days long."""
    told = told_time(int(time_us))
    return told[:10] if span_us > _FEW_DAYS * _DAY_US else told[5:16]


def _round_step(step: float) -> float:
    if not math.isfinite(step) or step <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1.0, 2.0, 2.5, 5.0, 10.0) if times * power >= step * 0.999)
