"""One alert's change, and everything that is written with it: the document, the log entry, the letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from watchkeeper.contracts.storage import LogEntry, Operation
from watchkeeper.domain.alert import Alert, AlertState, Background, Note, Notification
from watchkeeper.domain.measurement import Measurement

from . import notices
from .escalation import begun
from .letters import ALERT_LOG, Letter
from .muting import Muting
from .outcome import Outcome
from .record import Record
from .rules import Rule
from .summaries import Text

History: TypeAlias = "Callable[[Measurement], Sequence[tuple[int, float]]]"
Backgrounds: TypeAlias = "Callable[[Alert, Sequence[Measurement]], Background]"
"""What is known of an alert's model, given everything that the check measured."""
_LONGEST_HISTORY: Final = 200
_LOOK_AGAIN_US: Final = 60_000_000
_NO_STATE: Final = frozenset({notices.Occasion.REPEATED, notices.Occasion.ESCALATED, notices.Occasion.FLAPPING})
"""Occasions that the log calls by their own name."""
_BEGINS: Final = frozenset({notices.Occasion.FIRING, notices.Occasion.FLAPPING})
"""Occasions with which an escalation begins, unless it is under way."""
_TO_THE_TOLD: Final = frozenset({notices.Occasion.RESOLVED, *notices.BY_HAND})
"""Occasions of which those hear who were told that it fires."""
COMMENTED: Final = "commented"
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
    occasion: notices.Occasion | None = None
    """To be told in any case; None: what `notices.due` says."""
    said: Note | None = None
    """What somebody said of it."""
    by: str | None = None
    """Who did it, when it was a person."""

    @property
    def is_transition(self) -> bool:
        """Whether the alert is in another state, or in other hands."""
        return _standing(self.before) != _standing(self.after)


@attrs.frozen(eq=False)
class Circumstances:
    """What else counts when a change is written."""

    now_us: int
    history: History
    muting: Muting
    backgrounds: Backgrounds
    measurements: Sequence[Measurement] = ()
    """Everything that the check measured; empty when none led to the change."""


@attrs.frozen(eq=False)
class Written:
    """What a change comes to: the record and the log entry to write, and the letters to send."""

    change: Change
    record: Record | None = None
    """As it is to be stored; None when nothing is kept."""
    alert: Alert | None = None
    """As it is then; None when there was nothing and is nothing."""
    event: str | None = None
    """What the log calls it; None when it is no news."""
    letters: tuple[Letter, ...] = ()

    def operations(self, now_us: int) -> list[Operation]:
        """The document and the log entry; the letters are written by who sends them."""
        before, found = self.change.before, list[Operation]()
        if self.record is None and before is not None:
            found += before.removals()
        elif self.record is not None and self.record != before:
            found += self.record.writes(before)
        if self.event is not None and self.alert is not None:
            known = attrs.evolve(self.alert, by=self.change.by or self.alert.by)
            found.append(_entry(self.event, known, now_us, [letter.receiver for letter in self.letters]))
        said = self.change.said
        if said is not None and self.alert is not None:
            found.append(_entry(COMMENTED, attrs.evolve(self.alert, by=said.by, comment=said.text), now_us, ()))
        return found

    def with_keys(self, keys: Mapping[str, str]) -> Written:
        """The same when its letters have gone into others, `keys` from the old to the new."""
        if self.record is None or not self.letters:
            return self
        last = {receiver: keys.get(key, key) for receiver, key in self.record.last_keys.items()}
        return attrs.evolve(self, record=attrs.evolve(self.record, last_keys=last))


def written(change: Change, given: Circumstances) -> Written:
    """What a change comes to: nothing when nothing is new and nobody is owed a notice."""
    before, after = change.before, change.after
    if after is None:
        if before is None:
            return Written(change)
        gone = attrs.evolve(before.alert, state=AlertState.RESOLVED, changed_us=given.now_us)
        return Written(change, None, gone, INACTIVE)
    held = given.muting.held(after.alert) if after.alert.state is AlertState.FIRING else None
    record = _muted(after, held.reason if held else "")
    occasion = change.occasion or notices.due(record, change.rule, given.now_us)
    letters: list[Letter] = []
    if occasion is None:
        record = notices.forgotten(record)
    elif record.alert.muted:
        record = _put_off(change, record, given.now_us)
    else:
        record, letters = _with_notice(change, record, occasion, given)
    record = _with_look(change, record, held.until_us if held else None)
    event = None
    if change.is_transition or letters:
        event = str(occasion if occasion in _NO_STATE and letters else record.alert.state.value)
    return Written(change, record, record.alert, event, tuple(letters))


def _with_look(change: Change, record: Record, held_until_us: int | None) -> Record:
    """The record with the time at which its news is due without a check, and what that will tell of."""
    if change.rule is None and record.is_open:
        return record  # somebody who knows its rule will look
    rule, outcome = change.rule, change.outcome
    look_us = None if rule is None else notices.look_us(record, rule, held_until_us)
    is_news_to_come = rule is not None and record.is_open and (rule.repeat_us > 0 or rule.tells_acknowledged)
    if look_us is None and not record.alert.muted and not is_news_to_come:
        return attrs.evolve(record, look_us=None, measurements=())
    measurements = outcome.measurements if outcome is not None and outcome.is_true else record.measurements
    return attrs.evolve(record, look_us=look_us, measurements=measurements)


def _muted(record: Record, reason: str) -> Record:
    """The record with the reason why nobody is told, if there is one."""
    if reason == record.alert.muted:
        return record
    return attrs.evolve(record, alert=attrs.evolve(record.alert, muted=reason))


def _with_notice(
    change: Change, record: Record, occasion: notices.Occasion, given: Circumstances
) -> tuple[Record, list[Letter]]:
    """The record after what is owed has been written, and the letters that say it."""
    now_us = given.now_us
    receivers = _receivers(change, record, occasion)
    told = notices.told(record, occasion, receivers, now_us)
    background = _background(change, told, given) if receivers else Background()
    policy = change.rule.escalation if change.rule is not None else None
    if policy is not None and occasion in _BEGINS and told.course is None:
        told = attrs.evolve(told, course=begun(policy, _measurements(change), now_us, background))
    notification = attrs.evolve(_notification(change, told, occasion, now_us), background=background)
    if notification.measurements:
        points = tuple(given.history(notification.measurements[0]))[-_LONGEST_HISTORY:]
        notification = attrs.evolve(notification, history=points)
    letters = [_letter(receiver, notification, record, now_us) for receiver in receivers]
    keys = {letter.receiver: letter.key for letter in letters}
    return attrs.evolve(told, last_keys={**record.last_keys, **keys}), letters


def _put_off(change: Change, record: Record, now_us: int) -> Record:
    """What is owed stays owed; a step of an escalation is looked at again in a while."""
    course = change.before.course if change.before else None
    if change.occasion is not notices.Occasion.ESCALATED or course is None:
        return record
    return attrs.evolve(record, course=course.postponed(now_us + _LOOK_AGAIN_US))


def _letter(receiver: str, notification: Notification, record: Record, now_us: int) -> Letter:
    own = attrs.evolve(notification, key=f"{notification.key}-{receiver}")
    last = record.last_keys.get(receiver)
    return Letter(receiver, own, now_us, now_us, after=() if last is None else (last,))


def _receivers(change: Change, record: Record, occasion: notices.Occasion) -> tuple[str, ...]:
    if occasion in _TO_THE_TOLD or change.rule is None:
        return record.receivers
    if occasion is notices.Occasion.ESCALATED:
        course = change.before.course if change.before else None
        return course.step.receivers if course and course.step else ()
    return change.rule.receivers


def _notification(change: Change, record: Record, occasion: notices.Occasion, now_us: int) -> Notification:
    alert, rule = record.alert, change.rule
    return Notification(
        key=f"{alert.fingerprint}-{alert.since_us}-{record.notices}-{occasion}",
        alert=alert,
        measurements=_measurements(change),
        next_step=_beside(rule.next_step, change, alert) if rule and occasion is not notices.Occasion.RESOLVED else "",
        link=_beside(rule.link, change, alert) or None if rule else None,
        reason=_reason(change, occasion, now_us),
    )


def _beside(text: Text | str | None, change: Change, alert: Alert) -> str:
    if text is None or isinstance(text, str):
        return text or ""
    return text.beside(change.outcome, alert, _measurements(change))


def _measurements(change: Change) -> tuple[Measurement, ...]:
    """What led to it now, or to the escalation under way."""
    if change.outcome is not None:
        return change.outcome.measurements
    before = change.before
    if before is None:
        return ()
    return before.course.measurements if before.course else before.measurements


def _background(change: Change, record: Record, given: Circumstances) -> Background:
    """What is known of the model now, or was when the escalation under way began."""
    course = change.before.course if change.before else None
    if change.outcome is None and course is not None:
        return course.background
    return given.backgrounds(record.alert, given.measurements or _measurements(change))


def _reason(change: Change, occasion: notices.Occasion, now_us: int) -> str:
    before, after = change.before, change.after
    if before is None or after is None:
        return ""
    if occasion is notices.Occasion.FIRING and (before.alert.muted or after.recent.is_flapping):
        run = f"it came and went, and has fired at the last {after.recent.run} checks in a row"
        return f"until now it was {before.alert.muted}" if before.alert.muted else run
    if occasion is notices.Occasion.ESCALATED and before.course is not None:
        return before.course.reason(now_us - before.alert.changed_us)
    told = {
        notices.Occasion.FLAPPING: after.recent.reason,
        notices.Occasion.GIVEN_BACK: f"{before.alert.by} took care of it, and nobody does any more",
        notices.Occasion.REPEATED: "it is still firing, and nobody has acknowledged it",
    }
    return told.get(occasion, "")


def _entry(event: str, alert: Alert, now_us: int, told: Sequence[str]) -> LogEntry:
    body = {
        "event": event,
        "state": alert.state.value,
        "fingerprint": alert.fingerprint,
        "rule": alert.rule,
        "model": alert.model,
        "version": alert.version,
        "severity": alert.severity.value,
        "labels": dict(alert.labels),
        "summary": alert.summary,
        "by": alert.by,
        "comment": alert.comment,
        "muted": alert.muted,
        "told": list(told),
        "at_us": now_us,
    }
    return LogEntry(ALERT_LOG, body)


def _standing(record: Record | None) -> tuple[AlertState, str | None, str] | None:
    return None if record is None else (record.alert.state, record.alert.by, record.alert.comment)
