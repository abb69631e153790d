"""What one alert's change comes to: the document, the log entry and the letters that are written in one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import LogEntry, Operation
from watchkeeper.domain.alert import Alert, AlertState

from . import notices
from .changes import Change, Circumstances
from .escalation import LOOK_AGAIN_US
from .letters import ALERT_LOG, Letter
from .muting import Held
from .record import Record
from .telling import escalating, with_notice

_NO_STATE: Final = frozenset(
    {
        notices.Occasion.REPEATED,
        notices.Occasion.ESCALATED,
        notices.Occasion.FLAPPING,
        notices.Occasion.RAISED,
        notices.Occasion.JOINED,
    }
)
"""Occasions that the log calls by their own name."""
COMMENTED: Final = "commented"
RATED: Final = "severity changed"
"""What the log calls it when the rule of an alert that was told has another severity, and nobody is told of that."""
INACTIVE: Final = "inactive"
"""What the log calls an alert that was pending and did not come to fire."""


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
            known = _as_done(self.alert, self.change.by)
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
        record, letters = with_notice(change, record, occasion, given)
    record = escalating(change, record, given)
    record = _with_look(change, record, held)
    event = None
    if change.is_transition or letters:
        event = str(occasion if occasion in _NO_STATE and letters else record.alert.state.value)
    elif before is not None and before.alert.severity is not record.alert.severity and record.is_told:
        event = RATED
    return Written(change, record, record.alert, event, tuple(letters))


def _with_look(change: Change, record: Record, held: Held | None) -> Record:
    """The record with the time at which its news is due without a check, and what that will tell of."""
    if change.rule is None and record.is_open:
        return record  # somebody who knows its rule will look
    rule, outcome = change.rule, change.outcome
    look_us = None if rule is None else notices.look_us(record, rule, held.until_us if held else None)
    is_news_to_come = rule is not None and record.is_open and (rule.repeat_us > 0 or rule.tells_acknowledged)
    if look_us is None and not record.alert.muted and not is_news_to_come:
        return attrs.evolve(record, look_us=None, may_be_let_go=False, measurements=())
    measurements = outcome.measurements if outcome is not None and outcome.is_true else record.measurements
    return attrs.evolve(
        record, look_us=look_us, may_be_let_go=held is not None and held.may_end_early, measurements=measurements
    )


def _muted(record: Record, reason: str) -> Record:
    """The record with the reason why nobody is told, if there is one."""
    if reason == record.alert.muted:
        return record
    return attrs.evolve(record, alert=attrs.evolve(record.alert, muted=reason))


def _put_off(change: Change, record: Record, now_us: int) -> Record:
    """What is owed stays owed; a step of an escalation is looked at again in a while."""
    course = change.before.course if change.before else None
    if change.occasion is not notices.Occasion.ESCALATED or course is None:
        return record
    return attrs.evolve(record, course=course.postponed(now_us + LOOK_AGAIN_US))


def _as_done(alert: Alert, by: str | None) -> Alert:
    """The alert with who did it, for the log: nobody, when a check or the time did, whoever had taken care of it."""
    if by is not None:
        return attrs.evolve(alert, by=by)
    return alert if alert.state is AlertState.ACKNOWLEDGED else attrs.evolve(alert, by=None, comment="")


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
