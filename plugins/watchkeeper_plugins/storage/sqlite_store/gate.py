"""A fair turn-taking lock between threads and processes: who comes first is served first, and the dead are passed over.

SQLite's own lock is unfair: under eight writers one of them got 1 row in while another got 36,134. Here everybody draws
a number from a file, holds a lock on the byte of that number, and goes in when no byte below is locked any more. The
kernel drops the locks of a process that dies, so its number is simply skipped. The locks belong to the open file
(`F_OFD_SETLK`), not to the process, so threads take turns by the same rule.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from watchkeeper.domain.errors import StoreBusy

from .failures import told

_DISPENSER: Final = 0
_FIRST_TICKET: Final = 64
_LAST_TICKET: Final = 2**62
_COUNTER: Final = struct.Struct("<q")
_SHORTEST_NAP: Final = 50e-6
_LONGEST_NAP: Final = 1e-3


@attrs.frozen
class Gate:
    """The lock of one file; entered with `turn`."""

    path: Path
    patience_seconds: float

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for our turn and keep it until the block ends; StoreBusy when it does not come in time."""
        with told(self.path):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            deadline = time.monotonic() + self.patience_seconds
            with told(self.path):
                ticket = self._drawn_ticket(descriptor, deadline)
                self._wait(descriptor, deadline, (fcntl.F_RDLCK, _FIRST_TICKET, ticket - _FIRST_TICKET))
            yield
        finally:
            # unlocked by name and not only by closing: a child forked meanwhile holds a copy of the descriptor
            _lock(descriptor, fcntl.F_UNLCK, 0, 0)
            os.close(descriptor)

    def _drawn_ticket(self, descriptor: int, deadline: float) -> int:
        """A number higher than all before, its byte already locked by us."""
        self._wait(descriptor, deadline, (fcntl.F_WRLCK, _DISPENSER, 1))
        raw = os.pread(descriptor, _COUNTER.size, 0)
        ticket = _COUNTER.unpack(raw)[0] if len(raw) == _COUNTER.size else 0
        if not _FIRST_TICKET < ticket < _LAST_TICKET:
            ticket = _FIRST_TICKET + 1
        # a damaged counter may name a number in use: take the next that is free
        while not _lock(descriptor, fcntl.F_WRLCK, ticket, 1):
            ticket += 1
        os.pwrite(descriptor, _COUNTER.pack(ticket + 1), 0)
        _lock(descriptor, fcntl.F_UNLCK, _DISPENSER, 1)
        return ticket

    def _wait(self, descriptor: int, deadline: float, wanted: tuple[int, int, int]) -> None:
        nap = _SHORTEST_NAP
        while not _lock(descriptor, *wanted):
            if time.monotonic() > deadline:
                raise StoreBusy(
                    f"another process has kept {self.path} for more than {self.patience_seconds:g} s; nothing was "
                    "written: "
                    "look for a watchkeeper that is stopped or stuck, or try again"
                )
            time.sleep(nap)
            nap = min(nap * 1.5, _LONGEST_NAP)


def _lock(descriptor: int, kind: int, start: int, length: int) -> bool:
    """Change a lock of the open file without waiting; False when another is in the way. Length 0: to the end."""
    request = struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
    except (BlockingIOError, PermissionError):
        return False
    return True
