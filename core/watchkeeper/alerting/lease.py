"""The lease of a letter, renewed while the letter is being sent."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Final, Self

from watchkeeper.clock import Clock
from watchkeeper.domain.errors import Conflict, StoreError

from .letters import Letter
from .outbox import Outbox

_log = logging.getLogger("watchkeeper.alerting")
_RENEWALS_A_LEASE: Final = 3
_MOST_RENEWALS: Final = 30
"""Ten leases: an attempt that takes longer hangs, and another sender may try."""


class Lease:
    """A context manager: while it is open, a thread moves the end of the lease on; `letter` is the letter as it is.

    Parameters
    ----------
    seconds
        How long each renewal lasts.
    """

    def __init__(self, outbox: Outbox, letter: Letter, clock: Clock, seconds: float) -> None:
        self.letter = letter
        self._outbox = outbox
        self._clock = clock
        self._seconds = seconds
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="watchkeeper-lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def _renew(self) -> None:
        for _ in range(_MOST_RENEWALS):
            if self._is_over.wait(self._seconds / _RENEWALS_A_LEASE):
                return
            until_us = self._clock.now_us() + round(self._seconds * 1_000_000)
            try:
                self.letter = self._outbox.renewed(self.letter, until_us)
            except Conflict:
                return  # another sender has it by now
            except StoreError as failure:
                _log.warning("a lease cannot be renewed: %s", failure, extra={"key": self.letter.key})
