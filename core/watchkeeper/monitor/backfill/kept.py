"""What is known of windows that were measured in order: on which terms, with which outcomes, how they were judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
import numpy as np

from watchkeeper.contracts.storage import Append, Storage
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.verdict import Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.time_order import sorted_rows

MEASURED_WINDOWS: Final = "measured_windows"
"""The stream: a row a window, at the window's last moment; of a window that was measured again the last counts."""


@attrs.frozen
class MeasuredWindow:
    """One window of a history."""

    window: Window
    terms: str
    """A digest of what it was measured with: the configuration and the reference."""
    outcomes: str
    """A digest of the outcomes that were known."""
    status: Status
    sentence: str
    """The most serious finding."""

    def is_like(self, other: MeasuredWindow | None) -> bool:
        """Whether the same rows and outcomes were measured on the same terms."""
        if other is None:
            return False
        return (self.window, self.terms, self.outcomes) == (other.window, other.terms, other.outcomes)


def measured_windows(
    storage: Storage, model: str, since_us: int, until_us: int
) -> dict[tuple[int, int], MeasuredWindow]:
    """Those that end from `since_us` up to `until_us`, by where they start and end."""
    end_us, table = sorted_rows(storage.scan(MEASURED_WINDOWS, model, since_us - 1, until_us))
    if not len(end_us):
        return {}
    text = {name: _texts(table[name]) for name in ("terms", "outcomes", "status", "sentence")}
    number = {name: np.asarray(table[name]).tolist() for name in ("start_us", "rows", "made")}
    found: dict[tuple[int, int], tuple[int, MeasuredWindow]] = {}
    for row, last_us in enumerate(end_us.tolist()):
        window = Window(int(number["start_us"][row]), last_us + 1, int(number["rows"][row]))
        status = Status(text["status"][row])
        one = MeasuredWindow(window, text["terms"][row], text["outcomes"][row], status, text["sentence"][row])
        key, made = (window.start_us, window.end_us), int(number["made"][row])
        if key not in found or found[key][0] <= made:
            found[key] = made, one
    return {key: one for key, (_, one) in found.items()}


def to_keep(model: str, windows: Sequence[MeasuredWindow], now_us: int) -> Append:
    """The operation that keeps them, for the commit that has their measurements."""
    table = Table(
        {
            "start_us": np.array([one.window.start_us for one in windows], dtype=np.int64),
            "rows": np.array([one.window.rows for one in windows], dtype=np.int64),
            "made": np.full(len(windows), now_us, dtype=np.int64),
            "terms": Categories.of(one.terms for one in windows),
            "outcomes": Categories.of(one.outcomes for one in windows),
            "status": Categories.of(one.status.value for one in windows),
            "sentence": Categories.of(one.sentence for one in windows),
        }
    )
    time = np.array([one.window.end_us - 1 for one in windows], dtype=np.int64)
    return Append(MEASURED_WINDOWS, model, time, table)


def _texts(column: Any) -> list[Any]:
    return list(column.texts() if isinstance(column, Categories) else column)
