"""No connection is open while the process forks.

SQLite keeps its locks by process. A child that is forked while its parent has a file open takes that for its own: its
locks are none, and whichever of the two closes last removes a write-ahead log that the other still writes. So before a
fork every connection is closed, those that another thread is using when it is done with them; afterwards both processes
open what they need again.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol
from weakref import WeakSet

_PATIENCE_SECONDS: Final = 10.0
"""How long a fork waits for statements of other threads."""


class Connected(Protocol):
    """What has connections."""

    def disconnect(self) -> None:
        """Close the connections that nobody is using; more are opened when they are needed."""
        ...


class _Forks:
    """Who uses a connection at the moment, and everything that has one."""

    def __init__(self) -> None:
        self.renew()
        os.register_at_fork(before=self._before, after_in_parent=self._in_parent, after_in_child=self.renew)

    def renew(self) -> None:
        """Begin as a process that has no connection."""
        self._changed = threading.Condition(threading.RLock())
        self._users: Counter[int] = Counter()
        self._connected: WeakSet[Connected] = WeakSet()
        self._forker: int | None = None

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """While the block runs, a fork of another thread waits; entered again by a thread that is in it already."""
        me = threading.get_ident()
        with self._changed:
            while self._forker not in {None, me} and not self._users[me]:
                self._changed.wait()
            self._users[me] += 1
        try:
            yield
        finally:
            with self._changed:
                self._users[me] -= 1
                if not self._users[me]:
                    del self._users[me]
                    self._changed.notify_all()

    def follow(self, connected: Connected) -> None:
        """Have it disconnected before each fork, as long as it lives."""
        with self._changed:
            self._connected.add(connected)

    def _before(self) -> None:
        me = threading.get_ident()
        self._changed.acquire()
        self._forker = me
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while any(user != me for user in self._users) and time.monotonic() < deadline:
            self._changed.wait(_PATIENCE_SECONDS)
        for connected in list(self._connected):
            connected.disconnect()

    def _in_parent(self) -> None:
        self._forker = None
        self._changed.notify_all()
        self._changed.release()


forks: Final = _Forks()
