"""Earlier numbers of a measurement, for the chart in a notification."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Categories, Column
from watchkeeper.monitor.history import MEASUREMENTS
from watchkeeper.monitor.records import sorted_rows

_DAY_US: Final = 86_400_000_000
_LOOKS_BACK_DAYS: Final = (1, 8, 60, 400)
"""How far back to look, until there are enough points: a model that is checked often must not read a year."""
_ENOUGH: Final = 30
_COLUMNS: Final = ("name", "value", "labels", "end_us")


def earlier(storage: Storage, measurement: Measurement) -> tuple[tuple[int, float], ...]:
    """(end of the window in UTC µs, number) of the same name and labels, oldest first, up to this one.

    A window that was measured several times has its last number. Reads at most 400 days.
    """
    span = storage.span(MEASUREMENTS, measurement.model)
    if span is None:
        return ()
    first_us, last_us = span
    points: dict[int, float] = {}
    for days in _LOOKS_BACK_DAYS:
        since_us = last_us - days * _DAY_US
        points = _points(storage, measurement, since_us)
        if len(points) >= _ENOUGH or since_us <= first_us:
            break
    return tuple(sorted(points.items()))


def _points(storage: Storage, measurement: Measurement, since_us: int) -> dict[int, float]:
    found = storage.scan(MEASUREMENTS, measurement.model, since_us, columns=_COLUMNS)
    time, table = sorted_rows(found)
    if not len(time):
        return {}
    labels = json.dumps(dict(measurement.labels), sort_keys=True)
    rows = zip(*(_cells(table[name]) for name in _COLUMNS), strict=True)
    return {
        int(end_us): float(number)
        for name, number, written, end_us in rows
        if name == measurement.name
        and written == labels
        and math.isfinite(number)
        and end_us <= measurement.window.end_us
    }


def _cells(column: Column) -> list[Any]:
    return list(column.texts()) if isinstance(column, Categories) else column.tolist()
