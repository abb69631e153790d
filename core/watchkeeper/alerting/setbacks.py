"""Letters whose times are of a clock that has been set back since: they would wait until it is as late again."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Storage

from .letters import BEHIND_CRITICAL, OUTBOX, SAME_TIME_US, Letter, Status

_MOST: Final = 500


def latest(storage: Storage) -> list[Document]:
    """The letters that are due last, critical ones and others: what a clock has left behind is among them."""
    where = {"status": Status.WAITING.value}
    others = storage.find(OUTBOX, where, ("-next_us",), limit=_MOST)
    critical = storage.find(OUTBOX, where, ("-next_us",), BEHIND_CRITICAL, _MOST)
    return list({document.key: document for document in (*others, *critical)}.values())


def counted_anew(letter: Letter, now_us: int) -> Letter:
    """The same letter with its whole wait from now on, when that was set by a clock that has been set back since."""
    if letter.set_us <= now_us + SAME_TIME_US:
        return letter
    next_us = now_us + max(0, letter.next_us - letter.set_us)
    return attrs.evolve(letter, next_us=next_us, set_us=now_us, first_us=min(letter.first_us, now_us))
