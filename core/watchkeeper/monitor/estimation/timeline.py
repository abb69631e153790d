"""Realised and estimated values of one metric, window after window; the realised value replaces the estimate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.window import Window, iso_time
from watchkeeper.monitor.titles import spellings

from .names import estimate_of


@attrs.frozen
class Point:
    """One window."""

    window: Window
    realised: Measurement | None
    """As it was last measured; None when it has no number yet."""
    estimated: Measurement | None
    """As it was last estimated; None when it has no number."""
    replaced: tuple[Measurement, ...] = ()
    """Realised values that later outcomes have changed, oldest first."""

    @property
    def counts(self) -> Measurement | None:
        """What is known: the realised value, the estimate as long as there is none."""
        return self.realised or self.estimated


def timeline(found: Iterable[Measurement], metric: str) -> tuple[Point, ...]:
    """A point for each window in which the metric or its estimate has a number, in order of time.

    Parameters
    ----------
    found
        Measurements of one model in the order in which they were made.
    metric
        Its name, for all rows, or its title, ``accuracy{segment=large}``, for those of a segment.
    """
    titles, of_estimates = spellings(metric), spellings(estimate_of(metric))
    realised: dict[Window, list[Measurement]] = {}
    estimated: dict[Window, Measurement] = {}
    for one in found:
        if one.value.number is None:
            continue
        if one.title in titles:
            values = realised.setdefault(one.window, [])
            if not values or values[-1].value != one.value:
                values.append(one)
        elif one.title in of_estimates:
            estimated[one.window] = one
    windows = sorted({**realised, **estimated}, key=lambda window: (window.end_us, window.start_us, window.source))
    return tuple(_point(window, realised.get(window, []), estimated.get(window)) for window in windows)


def values_of(
    found: Sequence[Measurement], *, every: bool = False
) -> list[tuple[Measurement, tuple[Measurement, ...]]]:
    """Of each measurement of each window the last value, and those that it replaced, in order of the windows.

    With `every` each value stands for itself, in the order in which they were made, and replaces none.
    """
    if every:
        return [(one, ()) for one in found]
    values: dict[tuple[Window, str], list[Measurement]] = {}
    for one in found:
        known = values.setdefault((one.window, one.title), [])
        if known and known[-1].value == one.value:
            known.pop()
        known.append(one)
    ordered = sorted(values.values(), key=lambda known: (known[-1].window.end_us, known[-1].window.start_us))
    return [(known[-1], tuple(known[:-1])) for known in ordered]


def plain_point(point: Point) -> dict[str, Any]:
    """A point as JSON holds it."""
    return {
        "window": str(point.window),
        "start": iso_time(point.window.start_us),
        "end": iso_time(point.window.end_us),
        "rows": point.window.rows,
        "realised": _plain(point.realised),
        "estimated": _plain(point.estimated),
        "replaced": [_plain(one) for one in point.replaced],
    }


def _plain(found: Measurement | None) -> dict[str, Any] | None:
    if found is None:
        return None
    value = found.value
    interval = None if value.interval is None else list(value.interval)
    return {"value": value.number, "interval": interval, "samples": value.samples}


def _point(window: Window, realised: list[Measurement], estimated: Measurement | None) -> Point:
    return Point(window, realised[-1] if realised else None, estimated, tuple(realised[:-1]))
