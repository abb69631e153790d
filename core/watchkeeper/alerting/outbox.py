"""The outbox: what is still to be delivered, one row for each receiver, kept until the receiver has accepted.

A row is written in the commit that changes the alert. A sender takes it by a compare-and-swap that moves ``next_us``
to the end of its lease, and again while it sends; when the sender dies, the row is due again at that time. It is
deleted only after acceptance: a receiver may get it twice (with the same key) and never not at all. What is refused,
or was tried for too long, is a dead letter: kept, listed, and sent again on request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Durability, Namespace, Operation, Put, Storage
from watchkeeper.domain.alert import AlertState, Delivery, Notification
from watchkeeper.domain.errors import Conflict

from .dead_letters import DeadLetters
from .letters import BEHIND_CRITICAL, OUTBOX, Letter, Status, entry, letter_of, readable
from .permission import Permit, anybody
from .setbacks import counted_anew, latest
from .stand_ins import ends, told_instead
from .standing import standing_now, states
from .succession import held_until
from .taking import LEASE_ATTEMPTS, Taking, waiting_for
from .unreadable import put_aside

THREADS: Final = Namespace("threads", ("since_us",))
"""By what each receiver finds its first message about a firing again."""
_log = logging.getLogger("watchkeeper.alerting")


class Outbox:
    """Takes, finishes and postpones letters; safe for many senders in many processes.

    Parameters
    ----------
    permit
        Asked with the model before somebody drops a letter or sends it again.
    """

    def __init__(self, storage: Storage, permit: Permit = anybody) -> None:
        self._storage = storage
        self._dead = DeadLetters(storage, permit)
        self._taking = Taking(storage, self._read)
        self._filled = threading.Condition()
        self._fillings = 0

    def take(
        self, receiver: str, due_us: int, lease_until_us: int, limit: int, now_us: int | None = None
    ) -> tuple[Letter, ...]:
        """Lease what is due: one critical letter when there is any, because senders share those, else up to `limit`.

        Parameters
        ----------
        due_us
            Others than critical letters must have been due then: a pass has an end.
        now_us
            Critical letters must be due now; None: at `due_us`.
        """
        return self._taking.take(receiver, due_us, lease_until_us, limit, due_us if now_us is None else now_us)

    def take_critical(self, receiver: str, now_us: int, lease_until_us: int, limit: int) -> tuple[Letter, ...]:
        """Lease up to `limit` critical letters that are due."""
        return self._taking.take_critical(receiver, now_us, lease_until_us, limit)

    def accepted(self, letter: Letter, delivery: Delivery, now_us: int) -> None:
        """The receiver has it: the row goes, the log says so.

        Acceptance wins over whoever took the letter after the lease had ended; only a dead letter stays.
        """
        said = entry("delivered", letter, now_us, detail=f"{delivery.receiver} {delivery.detail}".strip())
        done: list[Operation] = [said]
        if letter.notification.alert.state is AlertState.RESOLVED:
            done.append(Delete(THREADS, letter.thread_key))
        elif delivery.thread is not None:
            since = {"since_us": letter.notification.alert.since_us}
            done.append(Put(THREADS, letter.thread_key, {"thread": delivery.thread}, since))
        known: Letter | None = letter
        for _ in range(LEASE_ATTEMPTS):
            if known is None:
                return
            gone = Delete(OUTBOX, letter.key, expect=known.revision)
            try:
                self._storage.commit([gone, *done, *ends(letter, self._storage, now_us)], Durability.FLUSHED)
            except Conflict:
                known = self._same(letter)
            else:
                return

    def renewed(self, letter: Letter, lease_until_us: int) -> Letter:
        """The same letter with a later end of its lease; a Conflict when somebody else has it."""
        set_us = letter.set_us + lease_until_us - letter.next_us
        longer = attrs.evolve(letter, next_us=lease_until_us, set_us=set_us)
        receipt = self._storage.commit([longer.put()], Durability.FLUSHED)
        return attrs.evolve(longer, revision=receipt.revisions[0])

    def told(self, letter: Letter) -> Notification:
        """What the receiver is told: with the thread that it has about this firing; if late, as things stand."""
        found = standing_now(letter.notification, self._storage) if letter.is_belated else letter.notification
        known = self._storage.get(THREADS, letter.thread_key)
        return attrs.evolve(found, thread=None if known is None else known.value["thread"], done=letter.done)

    def follow_up(self, letter: Letter, told: Notification, now_us: int) -> None:
        """When what a late letter told has changed while it was sent, tell that too: its end may have come first."""
        if not letter.is_belated:
            return
        now = standing_now(letter.notification, self._storage)
        if states(now) != states(told):
            news = attrs.evolve(now, key=f"{letter.key}-{now_us}")
            is_fallback = letter.is_fallback
            self.write(Letter(letter.receiver, news, now_us, now_us, is_fallback=is_fallback, is_belated=True))

    def write(self, letter: Letter) -> None:
        """A letter that no alert's change has brought about."""
        self._storage.commit([letter.put()])
        self.wake()

    def postponed(self, letter: Letter, next_us: int, error: str, now_us: int | None = None) -> None:
        """It is due again at `next_us`; None: as seen from when it was leased."""
        set_us = letter.set_us if now_us is None else now_us
        later = attrs.evolve(letter, next_us=next_us, set_us=set_us, error=error, is_leased=False)
        self._finish([later.put()])

    def repair_times(self, now_us: int) -> int:
        """Count the waits anew of letters that a clock has timed which was set back since; how many there were."""
        found = [(letter, counted_anew(letter, now_us)) for letter in self._read(latest(self._storage))]
        repaired = [later for letter, later in found if later is not letter]
        for letter in repaired:
            self._finish([letter.put()])
        if repaired:
            _log.warning("the clock was set back: the waits of %d notifications count from now", len(repaired))
            self.wake()
        return len(repaired)

    def held_until(self, letter: Letter, now_us: int) -> int | None:
        """When to look again at a letter that must wait for an earlier one; None when it may go."""
        return held_until(letter, self._storage, now_us)

    def given_up(self, letter: Letter, error: str, now_us: int, instead: Letter | None = None) -> None:
        """It becomes a dead letter; `instead` is written in the same commit."""
        dead = attrs.evolve(letter, status=Status.DEAD, error=error, is_leased=False)
        operations: list[Operation] = [dead.put(), entry("undeliverable", letter, now_us, detail=error)]
        if instead is not None:
            operations += told_instead(letter, instead, self._storage)
        self._finish(operations)
        if instead is not None:
            self.wake()

    def dead_letters(self, limit: int | None = None) -> tuple[Letter, ...]:
        """What could not be delivered."""
        return self._dead.letters(limit)

    def drop(self, key: str, now_us: int, by: str) -> Letter:
        """A dead letter goes; the log says who wanted that."""
        return self._dead.drop(key, now_us, by)

    def send_again(self, key: str, now_us: int, by: str) -> Letter:
        """A dead letter becomes due with its old key; it tells how its alerts stand when it is sent.

        Raises
        ------
        NotFound
            There is no such dead letter.
        UsageError
            It says that something is wrong with watchkeeper itself, and nothing tells whether that is still so.
        """
        letter = self._dead.send_again(key, now_us, by)
        self.wake()
        return letter

    def waiting(self, receiver: str | None = None, limit: int | None = None) -> tuple[Letter, ...]:
        """What is not delivered yet, soonest due first."""
        where = waiting_for(receiver)
        found = self._storage.find(OUTBOX, where, ("next_us",), limit=limit)
        if limit is not None and len(found) == limit:  # critical ones may hide others
            others = self._storage.find(OUTBOX, where, ("next_us",), BEHIND_CRITICAL, limit)
            found = tuple({document.key: document for document in (*found, *others)}.values())
        return tuple(sorted(self._read(found), key=lambda letter: letter.next_us)[:limit])

    def late(self, before_us: int, limit: int = 1_000) -> tuple[Letter, ...]:
        """What was due before that time and lies there: failures are put off, so nobody seems to send it."""
        return tuple(letter for letter in self.waiting(limit=limit) if letter.next_us < before_us)

    def oldest_critical_us(self, limit: int = 1_000) -> int | None:
        """When the oldest letter was written that says that something critical fires, and has not arrived."""
        ages = (
            letter.first_us
            for letter in self._read(self._storage.find(OUTBOX, waiting_for(None), ("next_us",), limit=limit))
            if letter.is_critical and letter.notification.alert.state is not AlertState.RESOLVED
        )
        return min(ages, default=None)

    def wake(self) -> None:
        """Tell the senders of this process that there is something new."""
        with self._filled:
            self._fillings += 1
            self._filled.notify_all()

    def wait(self, seen: int, seconds: float) -> int:
        """Sleep until something has been written since `seen` (what this gave before), or for so long."""
        with self._filled:
            self._filled.wait_for(lambda: self._fillings != seen, seconds)
            return self._fillings

    def _read(self, documents: Iterable[Document]) -> list[Letter]:
        """The letters; what cannot be read is put aside and holds up nothing."""
        letters: list[Letter] = []
        for document in documents:
            found = readable(document)
            if isinstance(found, Letter):
                letters.append(found)
            else:
                _log.error("%s; it is a dead letter now", found, extra={"key": document.key})
                self._finish(put_aside(document, found))
        return letters

    def _same(self, letter: Letter) -> Letter | None:
        """The letter as it is stored now; None when it is gone, dead, or says something else."""
        document = self._storage.get(OUTBOX, letter.key)
        found = letter_of(document) if document else None
        is_same = found is not None and found.status is Status.WAITING and found.notification == letter.notification
        return found if is_same else None

    def _finish(self, operations: Sequence[Operation]) -> None:
        """Write what became of a letter, unless its lease ran out and another sender has it now."""
        try:
            self._storage.commit(operations, Durability.FLUSHED)
        except Conflict:
            return
