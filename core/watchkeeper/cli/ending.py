"""SIGTERM, as supervisors send it: what runs for long ends after what it is at, with nothing left half done."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager


class Ending:
    """Whether to end, for `rounds`; a signal handler may set it.

    Not a `threading.Event`: a handler runs in the thread that waits, and an event's lock may then be its own.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._reader, self._writer = os.pipe()

    def is_set(self) -> bool:
        """Whether to end."""
        return self._is_set

    def set(self) -> None:
        """End soon; whoever waits goes on at once."""
        self._is_set = True
        os.write(self._writer, b"\0")

    def wait(self, seconds: float) -> object:
        """Wait so long, or until it is set."""
        return select.select([self._reader], [], [], seconds)

    def close(self) -> None:
        """Release it."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def ended_by_sigterm() -> Iterator[Ending]:
    """Inside the ``with`` block SIGTERM sets what this gives; a second one ends the process at once."""
    ending = Ending()

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        ending.set()

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)
        ending.close()
