"""One alert's change, and everything that is written with it: the document, the log entry, the letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import attrs

from watchkeeper.contracts.storage import Delete, LogEntry, Operation
from watchkeeper.domain.alert import Alert, AlertState, Notification
from watchkeeper.domain.measurement import Measurement

from . import life
from .escalation import begun
from .outbox import ALERT_LOG, Letter
from .outcome import Outcome
from .record import ALERTS, Record
from .rules import Rule

History: TypeAlias = "Callable[[Measurement], Sequence[tuple[int, float]]]"
_LONGEST_HISTORY: Final = 200
INACTIVE: Final = "inactive"
"""What the log calls an alert that was pending and did not come to fire."""


@attrs.frozen(eq=False)
class Change:
    """A record's way from what is stored to what is to be stored."""

    before: Record | None
    after: Record | None
    rule: Rule | None = None
    """None when it is gone."""
    outcome: Outcome | None = None
    """What led to it; None when a person or the time did."""
    occasion: life.Occasion | None = None
    """To be told in any case; None: what `life.due` says."""

    @property
    def is_transition(self) -> bool:
        """Whether the alert is in another state, or in other hands."""
        return _standing(self.before) != _standing(self.after)

    @property
    def alert(self) -> Alert:
        """The alert as it is after the change; resolved when nothing is kept of it."""
        if self.after is not None:
            return self.after.alert
        if self.before is None:
            raise ValueError("a change from nothing to nothing has no alert")
        return attrs.evolve(self.before.alert, state=AlertState.RESOLVED)


def operations(change: Change, now_us: int, history: History) -> tuple[list[Operation], list[Letter]]:
    """What to commit for it, and the letters among that; nothing when nothing is new and nobody is owed a notice."""
    if change.after is None:
        if change.before is None:
            return [], []
        fingerprint = change.before.alert.fingerprint
        return [Delete(ALERTS, fingerprint, expect=change.before.revision), _entry(change, now_us, ())], []
    record, letters = _with_notice(change, change.after, now_us, history)
    found = [] if record == change.before else record.writes(change.before)
    if change.is_transition or letters:
        found.append(_entry(change, now_us, tuple(letter.receiver for letter in letters)))
    found += [letter.put() for letter in letters]
    return found, letters


def _with_notice(change: Change, record: Record, now_us: int, history: History) -> tuple[Record, list[Letter]]:
    """The record after what is owed has been written, and the letters that say it."""
    occasion = change.occasion or life.due(record, change.rule, now_us)
    if occasion is None:
        return (record if record.is_open else life.forgotten(record)), []
    receivers = _receivers(change, record, occasion)
    told = life.told(record, occasion, receivers, now_us)
    if occasion is life.Occasion.FIRING and change.rule is not None and change.rule.escalation is not None:
        told = attrs.evolve(told, course=begun(change.rule.escalation, _measurements(change), now_us))
    notification = _notification(change, told, occasion, now_us)
    if notification.measurements:
        points = tuple(history(notification.measurements[0]))[-_LONGEST_HISTORY:]
        notification = attrs.evolve(notification, history=points)
    letters = [_letter(receiver, notification, record, now_us) for receiver in receivers]
    keys = {letter.receiver: letter.key for letter in letters}
    return attrs.evolve(told, last_keys={**record.last_keys, **keys}), letters


def _letter(receiver: str, notification: Notification, record: Record, now_us: int) -> Letter:
    own = attrs.evolve(notification, key=f"{notification.key}-{receiver}")
    return Letter(receiver, own, now_us, now_us, after=record.last_keys.get(receiver))


def _receivers(change: Change, record: Record, occasion: life.Occasion) -> tuple[str, ...]:
    if occasion is life.Occasion.RESOLVED or change.rule is None:
        return record.receivers
    if occasion is life.Occasion.ESCALATED:
        course = change.before.course if change.before else None
        return course.step.receivers if course and course.step else ()
    return change.rule.receivers


def _notification(change: Change, record: Record, occasion: life.Occasion, now_us: int) -> Notification:
    alert, rule = record.alert, change.rule
    return Notification(
        key=f"{alert.fingerprint}-{alert.since_us}-{record.notices}-{occasion}",
        alert=alert,
        measurements=_measurements(change),
        next_step=rule.next_step if rule and occasion is not life.Occasion.RESOLVED else "",
        link=rule.link if rule else None,
        reason=_reason(change, occasion, now_us),
    )


def _measurements(change: Change) -> tuple[Measurement, ...]:
    """What led to it now, or to the escalation under way."""
    if change.outcome is not None:
        return change.outcome.measurements
    course = change.before.course if change.before else None
    return course.measurements if course else ()


def _reason(change: Change, occasion: life.Occasion, now_us: int) -> str:
    before = change.before
    if occasion is life.Occasion.REPEATED:
        return "it is still firing, and nobody has acknowledged it"
    if occasion is life.Occasion.ESCALATED and before is not None and before.course is not None:
        return before.course.reason(now_us - before.alert.changed_us)
    return ""


def _entry(change: Change, now_us: int, receivers: tuple[str, ...]) -> LogEntry:
    alert = change.alert
    body = {
        "event": change.occasion or (alert.state.value if change.after is not None else INACTIVE),
        "fingerprint": alert.fingerprint,
        "rule": alert.rule,
        "model": alert.model,
        "version": alert.version,
        "severity": alert.severity.value,
        "labels": dict(alert.labels),
        "summary": alert.summary,
        "by": alert.by,
        "comment": alert.comment,
        "told": list(receivers),
        "at_us": now_us,
    }
    return LogEntry(ALERT_LOG, body)


def _standing(record: Record | None) -> tuple[AlertState, str | None, str] | None:
    return None if record is None else (record.alert.state, record.alert.by, record.alert.comment)
