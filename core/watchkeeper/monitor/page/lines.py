"""A chart of numbers over time, with their intervals and the limits they are held against, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from statistics import median
from typing import Final

import attrs

from watchkeeper.domain.window import told_time

from .axes import BOTTOM, HEIGHT, LEFT, RIGHT, WIDTH, Axis, number_axis, short_number, short_time, time_axis

MOST_POINTS: Final = 160
_GAPS: Final = 4.0
"""A line is broken where the next point is so many times as far away as is usual."""
_SINGLE_DOTS: Final = 12


@attrs.frozen
class At:
    """A number at the end of one window."""

    time_us: int
    number: float
    interval: tuple[float, float] | None = None


@attrs.frozen
class Line:
    """Numbers of one kind, in order of time."""

    name: str
    """What the legend and a screen reader call it."""
    look: str
    """The class of its colour and dashes: ``now`` or ``estimate``."""
    points: tuple[At, ...]


@attrs.frozen
class Limit:
    """A number that the measured one is held against."""

    number: float
    told: str
    """Whose limit it is, such as ``rule error-rose: > 0.65``."""
    look: str = "alert"


def line_chart(title: str, lines: Sequence[Line], limits: Sequence[Limit] = (), *, is_evidence: bool = False) -> str:
    """The lines over one axis of time; "" when none has a point.

    Parameters
    ----------
    is_evidence
        What grows by factors: the axis is logarithmic where the numbers need it, and 0 is drawn at its foot.
    """
    thinned = [attrs.evolve(line, points=_thinned(line.points)) for line in lines if line.points]
    points = [point for line in thinned for point in line.points]
    if not points:
        return ""
    numbers = [limit.number for limit in limits] + ([0.0] if is_evidence else [])
    for point in points:
        numbers += [point.number, *(point.interval or ())]
    times = {point.time_us for point in points}
    x, y = time_axis(times), number_axis(numbers, may_be_logarithmic=is_evidence)
    parts = [_frame(x, y, min(times) if len(times) == 1 else None)]
    parts += [_band(line, x, y) for line in thinned]
    parts += [_limit(limit, y) for limit in limits]
    parts += [_drawn(line, x, y) for line in thinned]
    told = escape(f"{title}. {_in_words(thinned, limits)}")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{told}"><title>{told}</title>'
        + "".join(parts)
        + "</svg>"
    )


def _in_words(lines: Sequence[Line], limits: Sequence[Limit]) -> str:
    told = []
    for line in lines:
        numbers = [point.number for point in line.points]
        told.append(
            f"{line.name}: {short_number(numbers[-1])} at the end, from {short_number(min(numbers))} to "
            f"{short_number(max(numbers))} before"
        )
    return "; ".join([*told, *(limit.told for limit in limits)])


def _thinned(points: tuple[At, ...]) -> tuple[At, ...]:
    """At most about `MOST_POINTS`: of each stretch the least and the greatest, so that no peak is lost."""
    if len(points) <= MOST_POINTS:
        return points
    kept: dict[int, At] = {}
    stretches = MOST_POINTS // 2
    for at in range(stretches):
        part = points[at * len(points) // stretches : (at + 1) * len(points) // stretches]
        for chosen in (min(part, key=lambda one: one.number), max(part, key=lambda one: one.number)):
            kept[chosen.time_us] = chosen
    kept[points[-1].time_us] = points[-1]
    return tuple(kept[time_us] for time_us in sorted(kept))


def _frame(x: Axis, y: Axis, only_us: int | None) -> str:
    """The grid, and the first and the last time; where there is one time alone, that one below its point."""
    lines = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(tick)}" y2="{y.at(tick)}"/>'
        f'<text x="{LEFT - 4}" y="{y.at(tick) + 3.5}" text-anchor="end">{short_number(tick)}</text>'
        for tick in y.ticks
    )
    span, foot = x.high - x.low, HEIGHT - 6
    times = (
        f'<text x="{LEFT}" y="{foot}">{short_time(x.low, span)}</text>'
        f'<text x="{WIDTH - RIGHT}" y="{foot}" text-anchor="end">{short_time(x.high, span)}</text>'
        if only_us is None
        else f'<text x="{x.at(only_us)}" y="{foot}" text-anchor="middle">{told_time(only_us)[:16]}</text>'
    )
    foot_line = f'x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"'
    return f'{lines}{times}<line class="foot" {foot_line}/>'


def _limit(limit: Limit, y: Axis) -> str:
    return (
        f'<line class="limit {limit.look}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(limit.number)}" '
        f'y2="{y.at(limit.number)}"><title>{escape(limit.told)}</title></line>'
    )


def _band(line: Line, x: Axis, y: Axis) -> str:
    """The intervals of each stretch without a gap."""
    parts = []
    for stretch in _stretches(line.points):
        known = [(point.time_us, point.interval) for point in stretch if point.interval is not None]
        if len(known) > 1:
            upper = " ".join(f"{x.at(time)},{y.at(interval[1])}" for time, interval in known)
            lower = " ".join(f"{x.at(time)},{y.at(interval[0])}" for time, interval in reversed(known))
            parts.append(f'<polygon class="band {line.look}" points="{upper} {lower}"/>')
        elif known:
            time, (low, high) = known[0]
            parts.append(
                f'<line class="whisker {line.look}" x1="{x.at(time)}" x2="{x.at(time)}" '
                f'y1="{y.at(low)}" y2="{y.at(high)}"/>'
            )
    return "".join(parts)


def _drawn(line: Line, x: Axis, y: Axis) -> str:
    parts = []
    for stretch in _stretches(line.points):
        path = " ".join(f"{x.at(point.time_us)},{y.at(point.number)}" for point in stretch)
        parts.append(f'<polyline class="line {line.look}" points="{path}"/>')
    dots = line.points if len(line.points) <= _SINGLE_DOTS else line.points[-1:]
    for point in dots:
        interval = (
            f" ({short_number(point.interval[0])} to {short_number(point.interval[1])})" if point.interval else ""
        )
        told = f"{line.name} {short_number(point.number)}{interval}, {short_time(point.time_us, x.high - x.low)}"
        parts.append(
            f'<circle class="dot {line.look}" cx="{x.at(point.time_us)}" cy="{y.at(point.number)}" r="3">'
            f"<title>{escape(told)}</title></circle>"
        )
    return "".join(parts)


def _stretches(points: tuple[At, ...]) -> list[list[At]]:
    """The points, parted where much more time than usual lies between two: nothing is drawn where nothing was seen."""
    steps = [after.time_us - before.time_us for before, after in pairwise(points)]
    longest = _GAPS * median(steps) if steps else 0.0
    parts: list[list[At]] = [[points[0]]]
    for step, point in zip(steps, points[1:], strict=True):
        if step > longest:
            parts.append([])
        parts[-1].append(point)
    return parts
