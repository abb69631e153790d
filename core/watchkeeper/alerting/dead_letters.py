"""Dead letters: what could not be delivered is kept, listed, sent again or dropped."""

from __future__ import annotations

import attrs

from watchkeeper.contracts.storage import Delete, Storage
from watchkeeper.domain.errors import NotFound

from .letters import OUTBOX, Letter, Status, entry, letter_of
from .permission import Permit


class DeadLetters:
    """What people do about them; each act is in the log, with who and when."""

    def __init__(self, storage: Storage, permit: Permit) -> None:
        self._storage = storage
        self._permit = permit

    def letters(self, limit: int | None = None) -> tuple[Letter, ...]:
        """What could not be delivered."""
        found = self._storage.find(OUTBOX, {"status": Status.DEAD.value}, ("next_us",), limit=limit)
        return tuple(letter_of(document) for document in found)

    def drop(self, key: str, now_us: int, by: str) -> Letter:
        """A dead letter goes; the log says who wanted that."""
        letter = self._dead_letter(key)
        gone = Delete(OUTBOX, key, expect=letter.revision)
        self._storage.commit([gone, entry("dropped", letter, now_us, detail=f"by {by}")])
        return letter

    def send_again(self, key: str, now_us: int, by: str) -> Letter:
        """A dead letter becomes due, as if it were new, with its old key."""
        letter = self._dead_letter(key)
        fresh = attrs.evolve(letter, status=Status.WAITING, first_us=now_us, next_us=now_us, attempts=0)
        self._storage.commit([fresh.put(), entry("sent again", letter, now_us, detail=f"by {by}")])
        return fresh

    def _dead_letter(self, key: str) -> Letter:
        document = self._storage.get(OUTBOX, key)
        letter = letter_of(document) if document else None
        if letter is None or letter.status is not Status.DEAD:
            raise NotFound(f"there is no dead letter {key!r}; list them to see their keys")
        self._permit(letter.notification.alert.model)
        return letter
