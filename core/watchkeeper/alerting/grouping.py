"""Grouping: one message for what belongs together, instead of one for each alert.

Alerts of one check with the same values of the labels in `Grouping.by` are told in one message to each receiver. A
message may wait for more: what comes before it is sent joins it, and the next about the same group keeps a distance.
Critical alerts wait for nothing, and take along what waits.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Namespace, Operation, Put, Storage
from watchkeeper.domain.alert import Alert, AlertState, Beside, Notification, Severity
from watchkeeper.domain.errors import ConfigError

from .letters import OUTBOX, Letter, Status, readable
from .matching import label_of

GROUPS: Final = Namespace("groups")
"""For each receiver and group the key and the time of the last message."""


@attrs.frozen
class Grouping:
    """What belongs together, and how long a message waits for more.

    Waiting needs a process that stays: what is not due when a command ends is sent by the next one.
    """

    by: tuple[str, ...] = ("model",)
    """Labels whose values make a group."""
    wait_us: int = 0
    """How long the first message about a group waits for more, in microseconds."""
    interval_us: int = 0
    """The least time between two messages about the same group."""

    def __attrs_post_init__(self) -> None:
        for name in ("wait_us", "interval_us"):
            if getattr(self, name) < 0:
                raise ConfigError(f"grouping: {name}: expected at least 0, found {getattr(self, name)}")

    def group_of(self, alert: Alert) -> tuple[str, ...]:
        """The values that an alert has under `by`."""
        return tuple(label_of(alert, label) for label in self.by)


def bundled(
    letters: Sequence[Letter], grouping: Grouping, storage: Storage, now_us: int
) -> tuple[list[Operation], dict[str, str]]:
    """The writes that send these letters in groups, and under which key each letter goes now."""
    groups: dict[tuple[str, tuple[str, ...]], list[Letter]] = defaultdict(list)
    for letter in letters:
        groups[letter.receiver, grouping.group_of(letter.notification.alert)].append(letter)
    operations: list[Operation] = []
    keys: dict[str, str] = {}
    made: dict[str, Letter] = {}
    for (receiver, values), members in groups.items():
        name = hashlib.sha256(repr((receiver, values)).encode()).hexdigest()
        document = storage.get(GROUPS, name)
        last_us = document.value["next_us"] if document else None
        waiting = _waiting(storage, document.value["key"], made) if document else None
        if waiting is not None and _is_awaited(waiting, members, storage, made):
            waiting = None
        letter = _joined(waiting, members)
        due_us = _due(waiting, members, grouping, last_us, now_us)
        letter = attrs.evolve(letter, next_us=due_us)
        if _is_urgent(letter.notification.alert):
            letter = attrs.evolve(letter, first_us=due_us)  # it goes before others from now on
        made[letter.key] = letter
        keys |= {member.key: letter.key for member in members}
        when = {"key": letter.key, "next_us": due_us}
        operations += [letter.put(), Put(GROUPS, name, when, expect=document.revision if document else 0)]
    return operations, keys


def _waiting(storage: Storage, key: str, made: Mapping[str, Letter]) -> Letter | None:
    """The group's last message, if nobody has begun to send it."""
    letter = _known(storage, key, made)
    if letter is None:
        return None
    can_grow = letter.status is Status.WAITING and not letter.is_leased and not letter.attempts
    return letter if can_grow else None


def _known(storage: Storage, key: str, made: Mapping[str, Letter]) -> Letter | None:
    """The letter as it will be stored; None when it is gone or cannot be read."""
    if key in made:
        return made[key]
    document = storage.get(OUTBOX, key)
    letter = readable(document) if document else None
    return letter if isinstance(letter, Letter) else None


def _is_awaited(waiting: Letter, members: Sequence[Letter], storage: Storage, made: Mapping[str, Letter]) -> bool:
    """Whether what the members must wait for waits for that message itself: joined, neither would ever be sent."""
    seen = {waiting.key}
    ways = [key for member in members for key in member.after if key != waiting.key]
    while ways:
        key = ways.pop()
        letter = None if key in seen else _known(storage, key, made)
        seen.add(key)
        if letter is not None and waiting.key in letter.after:
            return True
        ways += letter.after if letter is not None else ()
    return False


def _due(
    waiting: Letter | None, members: Sequence[Letter], grouping: Grouping, last_us: int | None, now_us: int
) -> int:
    if any(_is_urgent(member.notification.alert) for member in members):
        return now_us
    if waiting is not None:
        return waiting.next_us
    first_us = now_us + grouping.wait_us
    if last_us is None or last_us > first_us + grouping.interval_us:  # the clock has been set back since
        return first_us
    return max(first_us, last_us + grouping.interval_us)


def _joined(waiting: Letter | None, members: Sequence[Letter]) -> Letter:
    """One letter about all alerts; each firing once, as it was last: the end of one is not that of the next."""
    every = [*([waiting] if waiting else []), *members]
    alerts: dict[tuple[str, int], Alert] = {}
    for letter in every:
        for alert in (letter.notification.alert, *letter.notification.others):
            alerts[alert.firing] = alert
    ranked = sorted(alerts.values(), key=seriousness)
    notices: dict[tuple[str, int], Notification] = {
        letter.notification.alert.firing: letter.notification for letter in every
    }
    lead, *others = ranked
    first = every[0]
    beside = _beside(every)
    # of an alert that was one of the others, measurements and history were not kept: better none than another's
    own = beside.get(lead.firing, Beside(lead.fingerprint))
    alone = Notification(first.key, lead, next_step=own.next_step, link=own.link, reason=own.reason)
    about = tuple(beside[other.firing] for other in others if other.firing in beside)
    notification = attrs.evolve(
        notices.get(lead.firing, alone), key=first.key, alert=lead, others=tuple(others), beside_others=about
    )
    after = dict.fromkeys(key for letter in every for key in letter.after if key != first.key)
    return attrs.evolve(first, notification=notification, after=tuple(after))


def _beside(letters: Sequence[Letter]) -> dict[tuple[str, int], Beside]:
    """By firing, what there is to say beside each alert, as it was said last."""
    found: dict[tuple[str, int], Beside] = {}
    for letter in letters:
        told = letter.notification
        lead = told.alert
        found[lead.firing] = Beside(lead.fingerprint, told.next_step, told.link, told.reason, lead.since_us)
        found |= {other.firing: told.beside(other) for other in told.others}
    return {key: one for key, one in found.items() if one.next_step or one.link or one.reason}


def _is_urgent(alert: Alert) -> bool:
    return alert.severity is Severity.CRITICAL and alert.state is not AlertState.RESOLVED


def seriousness(alert: Alert) -> tuple[bool, int, int]:
    """For sorting: what fires before what is over, the most severe first, the oldest first."""
    return (alert.state is AlertState.RESOLVED, -alert.severity.rank, alert.since_us)
