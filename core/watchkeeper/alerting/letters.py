"""A letter: one notification for one receiver, as it is kept in the outbox until the receiver has accepted."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Document, LogEntry, Namespace, Put
from watchkeeper.domain.alert import Notification, Severity
from watchkeeper.domain.errors import WatchkeeperError
from watchkeeper.domain.plain import notification_of, plain_notification

OUTBOX: Final = Namespace("outbox", ("receiver", "status", "next_us"))
ALERT_LOG: Final = "alerts"
_AHEAD_US: Final = 10**16
"""By so much, some 300 years, critical letters are found before others: their due times in the index are below 0."""
SAME_TIME_US: Final = 60_000_000
"""By less than a minute the clocks of several machines may differ; one that is further behind has been set back."""
BEHIND_CRITICAL: Final = Document("", {}, 0, {"next_us": 0})
"""As the last document of the page before: what comes after it is not critical."""


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
    set_us: int = attrs.field(default=attrs.Factory(lambda letter: letter.first_us, takes_self=True))
    """When `next_us` was set: a clock that is set back shows in it."""
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
    is_belated: bool = False
    """Whether it is sent later than it was meant, so that it tells how its alerts stand by then."""
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
    def is_critical(self) -> bool:
        """Whether it goes before whatever else is due."""
        return self.notification.alert.severity is Severity.CRITICAL

    @property
    def is_new(self) -> bool:
        """Whether it was due when it was written, and nobody has tried to send it yet."""
        return self.attempts == 0 and self.next_us <= self.first_us

    def put(self) -> Put:
        """The write, expecting that nobody has written since."""
        plain: dict[str, Any] = {
            "receiver": self.receiver,
            "notification": plain_notification(self.notification),
            "first_us": self.first_us,
            "set_us": self.set_us,
            "attempts": self.attempts,
            "error": self.error,
            "after": list(self.after),
            "is_leased": self.is_leased,
            "is_limited": self.is_limited,
            "is_fallback": self.is_fallback,
            "is_uncounted": self.is_uncounted,
            "is_belated": self.is_belated,
            "done": list(self.done),
        }
        index = {"receiver": self.receiver, "status": self.status.value, "next_us": self.next_us}
        plain |= index
        if self.is_critical:
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
        set_us=plain.get("set_us", plain["first_us"]),
        attempts=plain["attempts"],
        status=Status(plain["status"]),
        error=plain["error"],
        after=tuple(plain.get("after", ())),
        is_leased=plain.get("is_leased", False),
        is_limited=plain.get("is_limited", False),
        is_fallback=plain["is_fallback"],
        is_uncounted=plain.get("is_uncounted", False),
        is_belated=plain.get("is_belated", False),
        done=tuple(plain.get("done", ())),
        revision=document.revision,
    )


def due_us_of(document: Document) -> int:
    """When the letter is due, as its index has it."""
    due_us = document.index["next_us"]
    if not isinstance(due_us, int):
        return 0
    return due_us + _AHEAD_US if due_us < 0 else due_us


def readable(document: Document) -> Letter | str:
    """The letter, or why it cannot be read."""
    try:
        return letter_of(document)
    except (AttributeError, KeyError, TypeError, ValueError, WatchkeeperError) as error:
        return f"the letter cannot be read: {type(error).__name__}: {error}"


def entry(event: str, letter: Letter, now_us: int, detail: str) -> LogEntry:
    """What the log says of a letter."""
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
