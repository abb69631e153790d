"""Says when the store begins to be slower than what is logged, and when it keeps up again: once each."""

from __future__ import annotations

import logging
import time
from typing import Final

_CALM_SECONDS: Final = 60.0
"""For so long no call may have waited until the store counts as keeping up again."""
_log = logging.getLogger("watchkeeper.monitor")


class Slowness:
    """Episodes in which calls have to wait for room; the caller holds a lock."""

    def __init__(self) -> None:
        self._calls = 0
        self._last = 0.0

    def blocked(self, rows: int, size: int) -> None:
        """A call begins to wait; `rows` rows of `size` bytes are in memory."""
        self.look()
        if not self._calls:
            _log.warning(
                "the store is slower than what is logged: %d rows wait in memory, calls to log() now wait for room",
                rows,
                extra={"waiting_rows": rows, "waiting_bytes": size},
            )
        self._calls += 1
        self.released()

    def released(self) -> None:
        """A call waits no longer."""
        self._last = time.monotonic()

    def look(self) -> None:
        """Whether an episode has ended."""
        if self._calls and time.monotonic() - self._last >= _CALM_SECONDS:
            _log.info(
                "the store keeps up again: %d calls had to wait", self._calls, extra={"blocked_calls": self._calls}
            )
            self._calls = 0
