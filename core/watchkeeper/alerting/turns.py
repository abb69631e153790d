"""Taking turns: who has been overtaken by others writes alone for a while, so that everybody gets in."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Document, Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict, StoreError

TURNS: Final = Namespace("alert-turns")
_KEY: Final = "alerts"
_TURN_SECONDS: Final = 10.0
"""How long a turn lasts at most, counted from each attempt: whoever dies in it holds up others for so long."""
_LONGEST_PAUSE_SECONDS: Final = 0.02
_MOST_LOOKS: Final = 200
"""So often others may take the turn first; then whoever wants it goes on without."""


class Turns:
    """Lets one writer of alerts go before all others, in every process that uses the store.

    A turn is a courtesy: nobody is locked out for good, and what is written is guarded by compare-and-swap in any case.
    While nobody needs one, a writer pays for one look at a document.

    Parameters
    ----------
    rng
        Spreads the looks of those who wait.
    pause
        Waits for so many seconds.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        rng: random.Random | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - spreads looks
        self._pause = pause
        self._lock = threading.Lock()  # the threads of a process ask for one turn after another

    def wait(self) -> None:
        """Let whoever has the turn write first; at once when nobody has it."""
        self._free()

    @contextmanager
    def taken(self) -> Iterator[Callable[[], None]]:
        """Others wait while it is open; what it gives is called before each attempt, and makes the turn last."""
        with self._lock:
            turn = _Turn(self._storage, self._clock)
            for _ in range(_MOST_LOOKS):
                if turn.is_taken(self._free()):
                    break
                self._pause(self._rng.uniform(0.0, _LONGEST_PAUSE_SECONDS))
            try:
                yield turn.prolong
            finally:
                turn.end()

    def _free(self) -> Document | None:
        """The document when nobody has the turn, or has had it for too long while this one waited."""
        waited = 0.0
        while True:
            document = self._storage.get(TURNS, _KEY)
            left_us = 0 if document is None else document.value["until_us"] - self._clock.now_us()
            is_taken = 0 < left_us <= _us(_TURN_SECONDS)  # more: of a clock that has been set back since
            if not is_taken or waited >= _TURN_SECONDS:
                return document
            seconds = self._rng.uniform(0.0, _LONGEST_PAUSE_SECONDS)
            self._pause(seconds)
            waited += seconds


class _Turn:
    """One writer's turn: a document that others see, which ends by itself."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._revision: int | None = None
        """None: not taken, or lost."""

    def is_taken(self, free: Document | None) -> bool:
        """Take it, `free` being the document as nobody had it; whether nobody else was faster."""
        return self._written(_TURN_SECONDS, 0 if free is None else free.revision)

    def prolong(self) -> None:
        """It lasts its whole time from now on; nothing when it is lost."""
        if self._revision is not None:
            self._written(_TURN_SECONDS, self._revision)

    def end(self) -> None:
        """Let others go on; where that cannot be written, the turn ends by its time."""
        if self._revision is not None:
            with suppress(StoreError):
                self._written(0.0, self._revision)
            self._revision = None

    def _written(self, seconds: float, expect: int) -> bool:
        until = {"until_us": self._clock.now_us() + _us(seconds)}
        try:
            receipt = self._storage.commit([Put(TURNS, _KEY, until, expect=expect)], Durability.FLUSHED)
        except Conflict:
            self._revision = None
            return False
        self._revision = receipt.revisions[0]
        return True


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
