"""Earlier numbers of a measurement, for the chart in a notification."""

from __future__ import annotations

from typing import Final

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.measurement import Measurement
from watchkeeper.monitor.history import MEASUREMENTS
from watchkeeper.monitor.series import kept_series, written_labels

_DAY_US: Final = 86_400_000_000
_LOOKS_BACK_DAYS: Final = (1, 8, 60, 400)
"""How far back to look, until there are enough points: a model that is checked often must not read a year."""
_ENOUGH: Final = 30


def earlier(storage: Storage, measurement: Measurement) -> tuple[tuple[int, float], ...]:
    """(end of the window in UTC µs, number) of the same name and labels, oldest first, up to this one.

    A window that was measured several times has its last number. Reads at most 400 days.
    """
    span = storage.span(MEASUREMENTS, measurement.model)
    if span is None:
        return ()
    first_us, last_us = span
    key = measurement.name, written_labels(measurement.labels)
    points: dict[int, float] = {}
    for days in _LOOKS_BACK_DAYS:
        since_us = last_us - days * _DAY_US
        found = kept_series(storage, measurement.model, (measurement.name,), since_us)
        points = {at: number for at, number in found.get(key, {}).items() if at <= measurement.window.end_us}
        if len(points) >= _ENOUGH or since_us <= first_us:
            break
    return tuple(sorted(points.items()))
