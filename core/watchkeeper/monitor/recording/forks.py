"""What a forked child lets go of at once: a lock that it inherits would outlive its killed parent and hold its rows."""

from __future__ import annotations

import functools
import os
import weakref
from typing import Final, Protocol


class Inherited(Protocol):
    """Something that belongs to the process that made it alone."""

    def let_go(self) -> None:
        """In a child: close what was inherited, taking nothing from the parent."""
        ...


# a hook of the interpreter cannot be taken back, so that there is one for all; weak: it keeps nothing alive
_living: Final[weakref.WeakSet[Inherited]] = weakref.WeakSet()


def not_inherited(found: Inherited) -> None:
    """From now on every forked child lets go of it."""
    _watch()
    _living.add(found)


@functools.cache
def _watch() -> None:
    os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    for found in tuple(_living):
        found.let_go()
    _living.clear()
