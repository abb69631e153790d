"""A limit of how much one receiver is told: what is above it waits, and says so when it comes."""

from __future__ import annotations

import threading

import attrs

from watchkeeper.domain.errors import ConfigError

_MINUTE_US = 60_000_000


@attrs.frozen
class Limit:
    """So many notifications a minute, and at most `burst` at once. Critical ones are not counted and never wait."""

    per_minute: float
    burst: int = 10

    def __attrs_post_init__(self) -> None:
        if not self.per_minute > 0 or self.burst < 1:
            raise ConfigError(
                f"a limit is more than 0 a minute and at least 1 at once, found {self.per_minute:g} and {self.burst}"
            )

    def __str__(self) -> str:
        return f"{self.per_minute:g} a minute"


class Bucket:
    """A token bucket: each notification takes one, and they come back evenly. Safe from several threads."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._at_us: int | None = None
        self._lock = threading.Lock()

    def wait_us(self, now_us: int) -> int:
        """Take one and give 0, or how long it takes until there is one."""
        per_us = self._limit.per_minute / _MINUTE_US
        with self._lock:
            # a clock that is set back adds nothing, and does not count the time twice afterwards
            passed = max(0, now_us - (now_us if self._at_us is None else self._at_us))
            self._at_us = now_us if self._at_us is None else max(now_us, self._at_us)
            self._tokens = min(float(self._limit.burst), self._tokens + passed * per_us)
            if self._tokens >= 1.0:
                self._tokens -= 1.0
                return 0
            return max(1, round((1.0 - self._tokens) / per_us))
