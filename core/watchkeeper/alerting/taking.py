"""How senders take letters: critical ones first, each leased to one sender."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import attrs

from watchkeeper.contracts.storage import Document, Durability, Storage
from watchkeeper.domain.errors import Conflict

from .letters import BEHIND_CRITICAL, OUTBOX, Letter, Status
from .succession import first_to_go, side_by_side

LEASE_ATTEMPTS: Final = 5
Reading: TypeAlias = "Callable[[Iterable[Document]], list[Letter]]"
"""The letters that documents hold, without those that cannot be read."""


def waiting_for(receiver: str | None) -> dict[str, Any]:
    """Where letters to a receiver are found that are not delivered yet; None: to any."""
    where: dict[str, Any] = {"status": Status.WAITING.value}
    return where if receiver is None else {**where, "receiver": receiver}


class Taking:
    """Leases what is due; safe for many senders in many processes."""

    def __init__(self, storage: Storage, read: Reading) -> None:
        self._storage = storage
        self._read = read
        self._lock = threading.Lock()  # in one process the threads would only take the same ones from each other

    def take(self, receiver: str, due_us: int, lease_until_us: int, limit: int, now_us: int) -> tuple[Letter, ...]:
        """A critical letter that is due now, or what it waits for, else up to `limit` others that were at `due_us`."""
        with self._lock:
            critical = self._leased(lambda: self._critical(receiver, now_us, 1), lease_until_us, now_us)
            return critical or self._leased(lambda: self._others(receiver, due_us, limit), lease_until_us, now_us)

    def take_critical(self, receiver: str, now_us: int, lease_until_us: int, limit: int) -> tuple[Letter, ...]:
        """Up to `limit` critical letters that are due, or what they wait for."""
        with self._lock:
            return self._leased(lambda: self._critical(receiver, now_us, limit), lease_until_us, now_us)

    def _critical(self, receiver: str, now_us: int, limit: int) -> list[Letter]:
        """Critical letters that are due, or what they wait for; new ones by whatever clock they were written."""
        found = self._read(self._storage.find(OUTBOX, waiting_for(receiver), ("next_us",), limit=limit))
        due = [letter for letter in found if letter.is_critical and (letter.next_us <= now_us or letter.is_new)]
        first = [first_to_go(letter, self._storage, now_us) if letter.after else letter for letter in due]
        return side_by_side({letter.key: letter for letter in first}.values(), self._storage)

    def _others(self, receiver: str, due_us: int, limit: int) -> list[Letter]:
        """Letters that are due and not critical, the more severe of them first."""
        found = self._storage.find(OUTBOX, waiting_for(receiver), ("next_us",), BEHIND_CRITICAL, limit)
        due = [letter for letter in self._read(found) if letter.next_us <= due_us]
        return sorted(due, key=lambda letter: -letter.notification.alert.severity.rank)

    def _leased(self, due: Callable[[], Sequence[Letter]], lease_until_us: int, now_us: int) -> tuple[Letter, ...]:
        """What is due, leased in one commit; asked for again when another process was faster."""
        for _ in range(LEASE_ATTEMPTS):
            taken = [
                attrs.evolve(one, next_us=lease_until_us, set_us=now_us, attempts=one.attempts + 1, is_leased=True)
                for one in due()
            ]
            if not taken:
                return ()
            try:
                receipt = self._storage.commit([letter.put() for letter in taken], Durability.FLUSHED)
            except Conflict:
                continue
            return tuple(
                attrs.evolve(letter, revision=revision)
                for letter, revision in zip(taken, receipt.revisions, strict=True)
            )
        return ()
