"""What is learned when it is first asked for, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

_Found = TypeVar("_Found")


class Once(Generic[_Found]):
    """Calls `learn` at the first call and lets go of it; safe to call from several threads, which wait meanwhile.

    What `learn` raises is the caller's, and the next call learns again.

    >>> once = Once(lambda: print("learning") or 42)
    >>> once() + once()
    learning
    84
    """

    def __init__(self, learn: Callable[[], _Found]) -> None:
        self._learn: Callable[[], _Found] | None = learn
        self._found: list[_Found] = []
        self._lock = threading.Lock()

    def __call__(self) -> _Found:
        """What was learned."""
        with self._lock:
            if self._learn is not None:
                self._found.append(self._learn())
                self._learn = None  # what was learned is kept, what it was learned from is not
            return self._found[0]
