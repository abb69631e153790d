"""Which letter goes first: a later one about the same alerts waits, and a critical one lends its urgency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from watchkeeper.contracts.storage import Storage

from .letters import OUTBOX, Letter, Status, readable

_SENDING_US: Final = 100_000
"""A tenth of a second: how soon to look whether an earlier letter has been sent."""


_LONGEST_CIRCLE: Final = 32
"""Letters that wait for each other in a circle of so many are found."""


def held_until(letter: Letter, storage: Storage, now_us: int) -> int | None:
    """When to look again at a letter that must wait for an earlier one; None when it may go."""
    waits = [
        now_us + _SENDING_US if one.is_leased or (letter.is_critical and one.next_us < now_us) else one.next_us + 1
        for one in _Ways(storage).ahead(letter)
    ]
    return max(waits, default=None)


def first_to_go(letter: Letter, storage: Storage, now_us: int) -> Letter:
    """The letter that a critical one waits for and that can go now; the letter itself when there is none.

    What a critical letter waits for is as urgent: it waits neither for others of its group nor for a limit, and what
    has failed before is tried at once, though only once.
    """
    ways, stack, seen = _Ways(storage), [letter], {letter.key}
    while stack:
        found = stack.pop()
        ahead = ways.ahead(found)
        if not ahead:
            return letter if found is letter else attrs.evolve(found, is_uncounted=True)
        can_go = [one for one in ahead if not one.is_leased and (one.next_us <= now_us or not one.is_uncounted)]
        stack += [one for one in reversed(can_go) if one.key not in seen]
        seen |= {one.key for one in can_go}
    return letter


def side_by_side(letters: Iterable[Letter], storage: Storage) -> list[Letter]:
    """Those that can be sent at once: none waits for another of them, and of a circle the first opens it."""
    ways, every = _Ways(storage), list(letters)
    found: list[Letter] = []
    for letter in every:
        ahead = [one for one in every if letter.after and one is not letter and ways.follows(letter, one)]
        if all(one not in found and ways.follows(one, letter) for one in ahead):
            found.append(letter)
    return found


class _Ways:
    """Which letters wait for which, each read once."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._read: dict[str, Letter | None] = {}

    def ahead(self, letter: Letter) -> list[Letter]:
        """Those that it waits for; if each of two waits for the other, neither does."""
        return [one for one in self._earlier(letter) if not self.follows(one, letter)]

    def follows(self, letter: Letter, other: Letter) -> bool:
        """Whether it waits for the other one."""
        seen, ways = {letter.key}, [letter]
        while ways and len(seen) <= _LONGEST_CIRCLE:
            for one in self._earlier(ways.pop()):
                if one.key == other.key:
                    return True
                if one.key not in seen:
                    seen.add(one.key)
                    ways.append(one)
        return False

    def _earlier(self, letter: Letter) -> list[Letter]:
        """Those that must have been sent before it, and have not been."""
        found = (self._letter(key) for key in letter.after)
        return [one for one in found if one is not None and one.receiver == letter.receiver]

    def _letter(self, key: str) -> Letter | None:
        """The letter while it waits to be sent."""
        if key not in self._read:
            document = self._storage.get(OUTBOX, key)
            found = readable(document) if document is not None else None
            self._read[key] = found if isinstance(found, Letter) and found.status is Status.WAITING else None
        return self._read[key]
