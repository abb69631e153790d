"""The outbox: what is still to be delivered, one row for each receiver, kept until the receiver has accepted.

A row is written in the commit that changes the alert. A sender takes it by a compare-and-swap that moves ``next_us``
to the end of its lease, and again while it sends; when the sender dies, the row is due again at that time. It is
deleted only after acceptance: a receiver may get it twice (with the same key) and never not at all. What is refused,
or was tried for too long, is a dead letter: kept, listed, and sent again on request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Durability, LogEntry, Namespace, Operation, Put, Storage
from watchkeeper.domain.alert import Alert, AlertState, Delivery, Notification, Severity
from watchkeeper.domain.errors import Conflict, NotFound, WatchkeeperError
from watchkeeper.domain.plain import notification_of, plain_notification

from .permission import Permit, anybody

OUTBOX: Final = Namespace("outbox", ("receiver", "status", "next_us"))
THREADS: Final = Namespace("threads", ("since_us",))
"""By what each receiver finds its first message about a firing again."""
ALERT_LOG: Final = "alerts"
UNREADABLE: Final = "unreadable-letter"
"""The rule that a letter names which stands for one that cannot be read."""
_log = logging.getLogger("watchkeeper.alerting")
_AHEAD_US: Final = 30 * 86_400_000_000
"""By so much urgent letters are found before others: longer than any of them waits."""
_LEASE_ATTEMPTS: Final = 5
_SENDING_US: Final = 100_000
"""A tenth of a second: how soon to look whether an earlier letter has been sent."""


class Status(StrEnum):
    """Where a row stands."""

    WAITING = "waiting"
    DEAD = "dead"


@attrs.frozen
class Letter:
    """One notification for one receiver."""

    receiver: str
    notification: Notification
    first_us: int
    """When it was written."""
    next_us: int
    """When it is due; while it is being sent, when that lease ends."""
    attempts: int = 0
    """How many have been begun."""
    status: Status = Status.WAITING
    error: str = ""
    """What the last failed attempt said."""
    after: tuple[str, ...] = ()
    """Keys of earlier letters to this receiver about the same alerts, which must not be overtaken."""
    is_leased: bool = False
    """Whether somebody is sending it."""
    is_limited: bool = False
    """Whether the receiver's limit has held it back."""
    is_fallback: bool = False
    """Whether it is sent in place of one that could not be delivered."""
    is_uncounted: bool = False
    """Whether the receiver's limit does not count it: a notice of watchkeeper about itself."""
    done: tuple[str, ...] = ()
    """Recipients of the receiver's who need no other attempt."""
    revision: int = 0

    @property
    def key(self) -> str:
        """The document's key, which is the notification's idempotency key."""
        return self.notification.key

    @property
    def thread_key(self) -> str:
        """The key of this receiver's thread about this firing."""
        alert = self.notification.alert
        return f"{alert.fingerprint}-{alert.since_us}-{self.receiver}"

    @property
    def is_urgent(self) -> bool:
        """Whether it goes before whatever waits: critical news that nobody has tried to send yet."""
        is_new = self.attempts == 0 and self.next_us <= self.first_us
        return is_new and self.notification.alert.severity is Severity.CRITICAL

    def put(self) -> Put:
        """The write, expecting that nobody has written since."""
        plain: dict[str, Any] = {
            "receiver": self.receiver,
            "notification": plain_notification(self.notification),
            "first_us": self.first_us,
            "attempts": self.attempts,
            "error": self.error,
            "after": list(self.after),
            "is_leased": self.is_leased,
            "is_limited": self.is_limited,
            "is_fallback": self.is_fallback,
            "is_uncounted": self.is_uncounted,
            "done": list(self.done),
        }
        index = {"receiver": self.receiver, "status": self.status.value, "next_us": self.next_us}
        plain |= index
        if self.is_urgent:
            index["next_us"] = self.next_us - _AHEAD_US
        return Put(OUTBOX, self.key, plain, index, expect=self.revision)


def letter_of(document: Document) -> Letter:
    """What `Letter.put` wrote."""
    plain: Any = document.value
    return Letter(
        receiver=plain["receiver"],
        notification=notification_of(plain["notification"]),
        first_us=plain["first_us"],
        next_us=plain["next_us"],
        attempts=plain["attempts"],
        status=Status(plain["status"]),
        error=plain["error"],
        after=tuple(plain.get("after", ())),
        is_leased=plain.get("is_leased", False),
        is_limited=plain.get("is_limited", False),
        is_fallback=plain["is_fallback"],
        is_uncounted=plain.get("is_uncounted", False),
        done=tuple(plain.get("done", ())),
        revision=document.revision,
    )


def readable(document: Document) -> Letter | str:
    """The letter, or why it cannot be read."""
    try:
        return letter_of(document)
    except (AttributeError, KeyError, TypeError, ValueError, WatchkeeperError) as error:
        return f"the letter cannot be read: {type(error).__name__}: {error}"


class Outbox:
    """Takes, finishes and postpones letters; safe for many senders in many processes.

    Parameters
    ----------
    permit
        Asked with the model before somebody drops a letter or sends it again.
    """

    def __init__(self, storage: Storage, permit: Permit = anybody) -> None:
        self._storage = storage
        self._permit = permit
        self._taking = threading.Lock()
        self._filled = threading.Condition()
        self._fillings = 0

    def take(self, receiver: str, due_us: int, lease_until_us: int, limit: int) -> tuple[Letter, ...]:
        """Lease up to `limit` letters that were due at `due_us`, critical ones first; () when there are none.

        Urgent letters may be younger than `due_us`: they do not wait until what was due then is sent.
        """
        with self._taking:  # in one process the threads would only take the same ones from each other
            for _ in range(_LEASE_ATTEMPTS):
                found = self._waiting(receiver, limit)
                due = [letter for letter in found if letter.next_us <= due_us or letter.is_urgent]
                if not due:
                    return ()
                due.sort(key=lambda letter: -letter.notification.alert.severity.rank)
                taken = [
                    attrs.evolve(letter, next_us=lease_until_us, attempts=letter.attempts + 1, is_leased=True)
                    for letter in due
                ]
                try:
                    receipt = self._storage.commit([letter.put() for letter in taken], Durability.FLUSHED)
                except Conflict:
                    continue
                return tuple(
                    attrs.evolve(letter, revision=revision)
                    for letter, revision in zip(taken, receipt.revisions, strict=True)
                )
            return ()

    def accepted(self, letter: Letter, delivery: Delivery, now_us: int) -> None:
        """The receiver has it: the row goes, the log says so.

        Acceptance wins over whoever took the letter after the lease had ended; only a dead letter stays.
        """
        entry = _entry("delivered", letter, now_us, detail=f"{delivery.receiver} {delivery.detail}".strip())
        done: list[Operation] = [entry]
        if letter.notification.alert.state is AlertState.RESOLVED:
            done.append(Delete(THREADS, letter.thread_key))
        elif delivery.thread is not None:
            since = {"since_us": letter.notification.alert.since_us}
            done.append(Put(THREADS, letter.thread_key, {"thread": delivery.thread}, since))
        known: Letter | None = letter
        for _ in range(_LEASE_ATTEMPTS):
            if known is None:
                return
            try:
                self._storage.commit([Delete(OUTBOX, letter.key, expect=known.revision), *done], Durability.FLUSHED)
            except Conflict:
                known = self._same(letter)
            else:
                return

    def renewed(self, letter: Letter, lease_until_us: int) -> Letter:
        """The same letter with a later end of its lease; a Conflict when somebody else has it."""
        longer = attrs.evolve(letter, next_us=lease_until_us)
        receipt = self._storage.commit([longer.put()], Durability.FLUSHED)
        return attrs.evolve(longer, revision=receipt.revisions[0])

    def threaded(self, letter: Letter) -> Notification:
        """The letter's notification with the thread that its receiver has about this firing."""
        known = self._storage.get(THREADS, letter.thread_key)
        if known is None:
            return letter.notification
        return attrs.evolve(letter.notification, thread=known.value["thread"])

    def write(self, letter: Letter) -> None:
        """A letter that no alert's change has brought about."""
        self._storage.commit([letter.put()])
        self.wake()

    def postponed(self, letter: Letter, next_us: int, error: str) -> None:
        """It is due again at `next_us`."""
        self._finish([attrs.evolve(letter, next_us=next_us, error=error, is_leased=False).put()])

    def held_until(self, letter: Letter, now_us: int) -> int | None:
        """When to look again at a letter that must wait for an earlier one; None when it may go."""
        found = (self._storage.get(OUTBOX, key) for key in letter.after)
        earlier = [readable(document) for document in found if document is not None]
        waits = [
            now_us + _SENDING_US if one.is_leased else one.next_us + 1
            for one in earlier
            if isinstance(one, Letter) and one.status is Status.WAITING
        ]
        return max(waits, default=None)

    def given_up(self, letter: Letter, error: str, now_us: int, instead: Letter | None = None) -> None:
        """It becomes a dead letter; `instead` is written in the same commit."""
        dead = attrs.evolve(letter, status=Status.DEAD, error=error, is_leased=False)
        operations: list[Operation] = [dead.put(), _entry("undeliverable", letter, now_us, detail=error)]
        if instead is not None:
            operations.append(instead.put())
        self._finish(operations)
        if instead is not None:
            self.wake()

    def dead_letters(self, limit: int | None = None) -> tuple[Letter, ...]:
        """What could not be delivered."""
        found = self._storage.find(OUTBOX, {"status": Status.DEAD.value}, ("next_us",), limit=limit)
        return tuple(letter_of(document) for document in found)

    def drop(self, key: str, now_us: int, by: str) -> Letter:
        """A dead letter goes; the log says who wanted that."""
        letter = self._dead_letter(key)
        gone = Delete(OUTBOX, key, expect=letter.revision)
        self._storage.commit([gone, _entry("dropped", letter, now_us, detail=f"by {by}")])
        return letter

    def send_again(self, key: str, now_us: int, by: str) -> Letter:
        """A dead letter becomes due, as if it were new, with its old key."""
        letter = self._dead_letter(key)
        fresh = attrs.evolve(letter, status=Status.WAITING, first_us=now_us, next_us=now_us, attempts=0)
        self._storage.commit([fresh.put(), _entry("sent again", letter, now_us, detail=f"by {by}")])
        self.wake()
        return fresh

    def waiting(self, receiver: str | None = None, limit: int | None = None) -> tuple[Letter, ...]:
        """What is not delivered yet, soonest due first."""
        if receiver is not None:
            return self._waiting(receiver, limit)
        return self._letters({"status": Status.WAITING.value}, limit)

    def late(self, before_us: int, limit: int = 1_000) -> tuple[Letter, ...]:
        """What was due before that time and lies there: failures are put off, so nobody seems to send it."""
        return tuple(letter for letter in self.waiting(limit=limit) if letter.next_us < before_us)

    def oldest_critical_us(self, limit: int = 1_000) -> int | None:
        """When the oldest letter was written that says that something critical fires, and has not arrived."""
        ages = (
            letter.first_us
            for letter in self.waiting(limit=limit)
            if letter.notification.alert.severity is Severity.CRITICAL
            and letter.notification.alert.state is not AlertState.RESOLVED
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

    def _dead_letter(self, key: str) -> Letter:
        document = self._storage.get(OUTBOX, key)
        letter = letter_of(document) if document else None
        if letter is None or letter.status is not Status.DEAD:
            raise NotFound(f"there is no dead letter {key!r}; list them to see their keys")
        self._permit(letter.notification.alert.model)
        return letter

    def _waiting(self, receiver: str, limit: int | None) -> tuple[Letter, ...]:
        return self._letters({"receiver": receiver, "status": Status.WAITING.value}, limit)

    def _letters(self, where: dict[str, Any], limit: int | None) -> tuple[Letter, ...]:
        """Those that wait, soonest due first; what cannot be read is put aside and holds up nothing."""
        letters: list[Letter] = []
        for document in self._storage.find(OUTBOX, where, ("next_us",), limit=limit):
            found = readable(document)
            if isinstance(found, Letter):
                letters.append(found)
            else:
                self._put_aside(document, found)
        return tuple(letters)

    def _put_aside(self, document: Document, error: str) -> None:
        """A letter that cannot be read becomes a dead one that says so, with what it held beside it."""
        _log.error("%s; it is a dead letter now", error, extra={"key": document.key})
        due_us = document.index["next_us"]
        now_us = due_us if isinstance(due_us, int) else 0
        alert = Alert(
            fingerprint=UNREADABLE,
            rule=UNREADABLE,
            model="watchkeeper",
            severity=Severity.WARNING,
            state=AlertState.FIRING,
            summary=f"a notification was kept that cannot be read: {document.key}",
            since_us=now_us,
            changed_us=now_us,
        )
        notification = Notification(document.key, alert)
        dead = Letter(str(document.index["receiver"]), notification, now_us, now_us, status=Status.DEAD, error=error)
        put = attrs.evolve(dead, revision=document.revision).put()
        kept = attrs.evolve(put, value={**put.value, "unreadable": document.value})
        self._finish([kept, _entry("undeliverable", dead, now_us, detail=error)])

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


def _entry(event: str, letter: Letter, now_us: int, detail: str) -> LogEntry:
    body = {
        "event": event,
        "key": letter.key,
        "fingerprint": letter.notification.alert.fingerprint,
        "receiver": letter.receiver,
        "attempts": letter.attempts,
        "detail": detail,
        "at_us": now_us,
    }
    return LogEntry(ALERT_LOG, body)
