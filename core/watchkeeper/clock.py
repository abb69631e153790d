"""The clock that objects are given, so that nothing else asks what time it is."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now_us(self) -> int:
        """UTC, microseconds since 1970."""
        ...


class SystemClock:
    """The machine's own clock; it can be set back, so nobody may rely on it going forward.

    >>> SystemClock().now_us() > 1_600_000_000_000_000
    True
    """

    def now_us(self) -> int:
        """UTC, microseconds since 1970."""
        return time.time_ns() // 1000
