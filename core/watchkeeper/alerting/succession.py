"""Which letter goes first: a later one about the same alerts waits, and a critical one lends its urgency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from watchkeeper.contracts.storage import Storage

from .letters import OUTBOX, Letter, Status, readable

_SENDING_US: Final = 100_000
"""A tenth of a second: how soon to look whether an earlier letter has been sent."""


def held_until(letter: Letter, storage: Storage, now_us: int) -> int | None:
    """When to look again at a letter that must wait for an earlier one; None when it may go."""
    waits = [
        now_us + _SENDING_US if one.is_leased or (letter.is_critical and one.next_us < now_us) else one.next_us + 1
        for one in _earlier(letter, storage)
        if not _follows(one, letter, storage)
    ]
    return max(waits, default=None)


def first_to_go(letter: Letter, storage: Storage, now_us: int) -> Letter:
    """The letter that a critical one waits for and that can go now; the letter itself when there is none.

    What a critical letter waits for is as urgent: it waits neither for others of its group nor for a limit, and what
    has failed before is tried at once, though only once.
    """
    first = _first(letter, storage, now_us, {letter.key})
    return letter if first is None or first is letter else attrs.evolve(first, is_uncounted=True)


def _first(letter: Letter, storage: Storage, now_us: int, seen: set[str]) -> Letter | None:
    """The first of those that a letter waits for, or itself when it waits for none; None: none can go now."""
    is_free = True
    for one in _earlier(letter, storage):
        if one.key in seen:
            continue  # it waits for itself in the end, which holds up nothing
        seen.add(one.key)
        is_free = False
        can_go = not one.is_leased and (one.next_us <= now_us or not one.is_uncounted)
        found = _first(one, storage, now_us, seen) if can_go else None
        if found is not None:
            return found
    return letter if is_free else None


def _earlier(letter: Letter, storage: Storage) -> Iterator[Letter]:
    """Those that must have been sent before it, and have not been."""
    for key in letter.after:
        document = storage.get(OUTBOX, key)
        found = readable(document) if document is not None else None
        if isinstance(found, Letter) and found.status is Status.WAITING and found.receiver == letter.receiver:
            yield found


def _follows(letter: Letter, other: Letter, storage: Storage) -> bool:
    """Whether it waits for the other one: if each waits for the other, neither does."""
    seen, ahead = {letter.key}, [letter]
    while ahead:
        for one in _earlier(ahead.pop(), storage):
            if one.key == other.key:
                return True
            if one.key not in seen:
                seen.add(one.key)
                ahead.append(one)
    return False
