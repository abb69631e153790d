"""The kept measurements of a model as series: for each name and labels, the numbers by the ends of their windows."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, TypeAlias

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.table import Categories, Column

from .history import MEASUREMENTS

SeriesKey: TypeAlias = tuple[str, str]
"""The measurement's name, and its labels as `written_labels`."""
_COLUMNS: Final = ("name", "value", "labels", "end_us")


def written_labels(labels: Mapping[str, str]) -> str:
    """Labels as they are kept: JSON with sorted keys."""
    return json.dumps(dict(labels), sort_keys=True)


def kept_series(
    storage: Storage, model: str, names: Collection[str], since_us: int | None = None, until_us: int | None = None
) -> dict[SeriesKey, dict[int, float]]:
    """Of these names what was kept from ``since_us`` to ``until_us``: {end of the window in UTC µs: number}.

    A window that was measured several times has its last number; undefined ones are left out. O(what was kept).
    """
    found: dict[SeriesKey, dict[int, float]] = {}
    for batch in storage.scan(MEASUREMENTS, model, since_us, until_us, columns=_COLUMNS):
        for name, number, labels, end_us in _rows(batch, names):
            if math.isfinite(number):
                found.setdefault((name, labels), {})[int(end_us)] = float(number)
    return found


def _rows(batch: Batch, names: Collection[str]) -> Iterable[tuple[Any, ...]]:
    """The rows of those names: a window has hundreds of others, which are not worth decoding."""
    column = batch.table["name"]
    if isinstance(column, Categories):
        wanted = [code for code, label in enumerate(column.labels) if label in names]
        chosen = [row for row, code in enumerate(column.codes.tolist()) if code in wanted]
    else:
        chosen = [row for row, name in enumerate(column.tolist()) if name in names]
    if not chosen:
        return ()
    rows = batch.table.rows(chosen)
    return zip(*(_cells(rows[name]) for name in _COLUMNS), strict=True)


def _cells(column: Column) -> list[Any]:
    return list(column.texts()) if isinstance(column, Categories) else column.tolist()
