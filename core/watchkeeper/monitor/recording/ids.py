"""Ids for predictions that come without one: UUIDs of version 7, so that sorting them sorts by time."""

from __future__ import annotations

import os
from typing import Final

_GROUP_SIZE: Final = 4096
_GROUPS: Final = tuple(f"{number:03x}" for number in range(_GROUP_SIZE))


class IdMint:
    """Makes ids that grow with time, also when the clock is set back; to be used under one lock.

    The layout is that of RFC 9562, section 5.7: 48 bits of milliseconds, then a counter of 24 bits (its method 1),
    then 48 random bits that are drawn once for each mint. An id costs about 0.3 µs.

    >>> mint = IdMint(bytes(6))
    >>> mint.one(1_221_436_800_000_000)
    '011c634e-7c00-7000-8000-000000000000'
    """

    def __init__(self, random: bytes | None = None) -> None:
        self._tail = "-" + (os.urandom(6) if random is None else random).hex()
        self._millisecond = -1
        self._front = ""
        self._high = self._low = 0

    def one(self, now_us: int) -> str:
        """The next id, at `now_us` UTC microseconds since 1970."""
        millisecond = now_us // 1000
        if millisecond > self._millisecond:
            self._begin(millisecond, 0)
        elif self._low == _GROUP_SIZE:
            self._begin(self._millisecond, self._high + 1)
        low = self._low
        self._low = low + 1
        return self._front + _GROUPS[low] + self._tail

    def many(self, now_us: int, count: int) -> list[str]:
        """The next `count` ids."""
        return [self.one(now_us) for _ in range(count)]

    def _begin(self, millisecond: int, high: int) -> None:
        if high == _GROUP_SIZE:  # 16.8 million ids in one millisecond: borrow the next
            millisecond, high = millisecond + 1, 0
        self._millisecond, self._high, self._low = millisecond, high, 0
        self._front = f"{millisecond >> 16:08x}-{millisecond & 0xFFFF:04x}-7{_GROUPS[high]}-8"
