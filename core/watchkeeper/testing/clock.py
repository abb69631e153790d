"""A clock for tests that stands still until it is told to go on."""

from __future__ import annotations

LEHMAN_US = 1_221_436_800_000_000
"""2008-09-15T00:00:00Z: a day when models were wrong."""


class FakeClock:
    """Starts at `now_us` and moves only by `advance`, which may also set it back.

    >>> clock = FakeClock()
    >>> clock.advance(1.5)
    >>> clock.now_us() - LEHMAN_US
    1500000
    """

    def __init__(self, now_us: int = LEHMAN_US) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """UTC, microseconds since 1970."""
        return self._now_us

    def advance(self, seconds: float) -> None:
        """Let time pass; a negative number sets the clock back."""
        self._now_us += round(seconds * 1_000_000)
