"""The rows under examination: by time, by count, or by file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import attrs

CLOCKS_DIFFER_US: Final = 300_000_000
"""Five minutes: how much later than now a row may be stamped by another machine's clock."""


def iso_time(time_us: int) -> str:
    """UTC microseconds since 1970 as ``2008-09-15T00:00:00Z``; a fraction only when there is one."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
    return moment.isoformat().replace("+00:00", "Z")


def told_time(time_us: int) -> str:
    """For people: ``2008-09-15 16:30:00``, and the day alone at midnight; fractions of a second are dropped."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return moment.strftime("%Y-%m-%d" if moment.hour == moment.minute == moment.second == 0 else "%Y-%m-%d %H:%M:%S")


@attrs.frozen
class Window:
    """Rows with ``start_us <= time < end_us``, UTC microseconds since 1970."""

    start_us: int
    end_us: int
    rows: int = 0
    source: str = "store"
    """Where the rows came from: ``store``, or a file's name."""

    def __attrs_post_init__(self) -> None:
        if self.end_us < self.start_us:
            raise ValueError(f"a window ends after it starts, found {self.start_us} to {self.end_us}")

    def __str__(self) -> str:
        return f"{told_time(self.start_us)} to {told_time(self.end_us)}"
