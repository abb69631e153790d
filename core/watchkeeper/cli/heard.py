"""What `watchkeeper run` says about notifications that do not arrive: each reason once, not with every attempt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from watchkeeper.alerting.reports import DeliveryReport

_AGAIN_SECONDS: Final = 600.0
"""After so long the same reason is said again."""


class Heard:
    """Says what could not be delivered. Safe from several threads.

    Parameters
    ----------
    say
        Where it is said.
    now
        Seconds on a clock that only goes on.
    """

    def __init__(self, say: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._now = now
        self._said: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def __call__(self, report: DeliveryReport) -> None:
        """Say what is new in it."""
        with self._lock:
            for missed in report.undelivered:
                if missed.is_final:
                    self._say(
                        f"given up, not delivered to {missed.receiver}: {missed.error}; `watchkeeper alerts dead`"
                    )
                elif self._is_new(missed.receiver, missed.error):
                    self._say(f"not delivered to {missed.receiver}, tried again later: {missed.error}")

    def _is_new(self, receiver: str, error: str) -> bool:
        now = self._now()
        self._said = {known: said for known, said in self._said.items() if now - said < _AGAIN_SECONDS}
        if (receiver, error) in self._said:
            return False
        self._said[receiver, error] = now
        return True

    def tell_dead(self, count: int) -> None:
        """Say how many notifications were given up before."""
        if count:
            self._say(f"{count} notifications were given up earlier: `watchkeeper alerts dead` lists them")
