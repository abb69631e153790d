"""Dead letters: what could not be delivered is kept, listed, sent again or dropped."""

from __future__ import annotations

import attrs

from watchkeeper.contracts.storage import Delete, Storage
from watchkeeper.domain.errors import NotFound, UsageError
from watchkeeper.domain.window import iso_time
from watchkeeper.domain.wording import one_line

from .letters import OUTBOX, Letter, Status, entry, letter_of
from .permission import Permit
from .standing import forgotten


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
        """A dead letter becomes due with its old key; it tells how its alerts stand when it is sent."""
        letter = self._dead_letter(key)
        unknown = forgotten(letter.notification, self._storage)
        if unknown is not None:
            raise UsageError(
                f"{key!r} says of {iso_time(unknown.changed_us)}: {one_line(unknown.summary, 200)}; nothing tells "
                "whether that is still so, and it is not sent again: `watchkeeper doctor` shows how things are, "
                "`watchkeeper alerts drop` removes it"
            )
        fresh = attrs.evolve(
            letter, status=Status.WAITING, first_us=now_us, next_us=now_us, attempts=0, is_belated=True
        )
        self._storage.commit([fresh.put(), entry("sent again", letter, now_us, detail=f"by {by}")])
        return fresh

    def _dead_letter(self, key: str) -> Letter:
        document = self._storage.get(OUTBOX, key)
        letter = letter_of(document) if document else None
        if letter is None or letter.status is not Status.DEAD:
            raise NotFound(f"there is no dead letter {key!r}; list them to see their keys")
        self._permit(letter.notification.alert.model)
        return letter
