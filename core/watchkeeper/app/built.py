"""Plugin objects by name, each built when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class Built(Mapping[str, T]):
    """A mapping of names to objects that makes each at its first use; safe from several threads."""

    def __init__(self, names: Sequence[str], build: Callable[[str], T]) -> None:
        self._names = tuple(names)
        self._build = build
        self._lock = threading.RLock()
        self._made: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            if name not in self._made:
                self._made[name] = self._build(name)
            return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def made(self) -> tuple[T, ...]:
        """Those that have been made."""
        with self._lock:
            return tuple(self._made.values())
