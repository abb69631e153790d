"""The letters that a change of an alert brings about: to whom, and what they say."""

from __future__ import annotations

from math import isfinite
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert, AlertState, Background, Notification
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.window import iso_time

from . import notices
from .changes import Change, Circumstances
from .escalation import begun
from .letters import Letter
from .record import Record
from .summaries import Text

_LONGEST_HISTORY: Final = 200
_BEGINS: Final = frozenset({notices.Occasion.FIRING, notices.Occasion.FLAPPING})
"""Occasions with which an escalation begins, unless it is under way."""
_TO_THE_TOLD: Final = frozenset({notices.Occasion.RESOLVED, *notices.BY_HAND})
"""Occasions of which those hear who were told that it fires."""


def with_notice(
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
        known = ((at_us, number) for at_us, number in given.history(notification.measurements[0]) if isfinite(number))
        notification = attrs.evolve(notification, history=tuple(known)[-_LONGEST_HISTORY:])
    letters = [_letter(receiver, notification, record, now_us) for receiver in receivers]
    keys = {letter.receiver: letter.key for letter in letters}
    return attrs.evolve(told, last_keys={**record.last_keys, **keys}), letters


def escalating(change: Change, record: Record, given: Circumstances) -> Record:
    """The record with an escalation that begins because the rule of what was told has come to have one."""
    policy = change.rule.escalation if change.rule is not None else None
    alert = record.alert
    is_on = alert.state is AlertState.FIRING and record.is_told and not alert.muted
    if policy is None or record.course is not None or not is_on:
        return record
    course = begun(policy, _measurements(change), given.now_us, _background(change, record, given))
    return attrs.evolve(record, course=course)


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
    if occasion is notices.Occasion.JOINED:
        return notices.joined(record, change.rule)
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
        return before.course.reason(now_us, before.alert.changed_us)
    was = f", and was {before.told_severity.value} when that was told" if before.told_severity else ""
    told = {
        notices.Occasion.RAISED: f"its rule is {after.alert.severity.value} now{was}",
        notices.Occasion.JOINED: f"it fires since {iso_time(after.alert.since_us)}, and its rule tells you as well now",
        notices.Occasion.FLAPPING: after.recent.reason,
        notices.Occasion.GIVEN_BACK: f"{before.alert.by} took care of it, and nobody does any more",
        notices.Occasion.REPEATED: "it is still firing, and nobody has acknowledged it",
    }
    return told.get(occasion, "")
