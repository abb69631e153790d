"""What receivers are owed about an alert, and from when on: pure functions of its record, its rule and the time."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from watchkeeper.domain.alert import AlertState, Severity

from .flapping import steady_checks
from .record import Record
from .rules import Rule


class Occasion(StrEnum):
    """Why receivers are told."""

    FIRING = "firing"
    RAISED = "raised"
    """Its rule has become more severe since that was told."""
    JOINED = "joined"
    """Its rule has come to tell others, too, since it was told."""
    REPEATED = "repeated"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"
    GIVEN_BACK = "given back"
    RESOLVED = "resolved"


BY_HAND: Final = frozenset({Occasion.ACKNOWLEDGED, Occasion.GIVEN_BACK})
"""What a person has brought about."""


def due(record: Record, rule: Rule | None, now_us: int) -> Occasion | None:
    """What receivers are owed now; `rule` is None when it is gone, and its receivers hear of the end."""
    found = _next(record, rule)
    return found[0] if found is not None and found[1] <= now_us else None


def look_us(record: Record, rule: Rule, held_until_us: int | None) -> int | None:
    """When news of an alert that fires is due though no check comes; None when that has no time.

    Parameters
    ----------
    held_until_us
        Until when a silence or a maintenance window holds it back; None: nothing that has an end does.
    """
    if record.alert.state is not AlertState.FIRING:
        return None
    if record.alert.muted:
        return held_until_us
    found = _next(record, rule)
    return None if found is None else found[1]


def taken_over(before: Record, after: Record, rule: Rule | None) -> Occasion | None:
    """What receivers are owed when somebody has acknowledged it, or has given it back."""
    if rule is None or not rule.tells_acknowledged or not before.is_told:
        return None
    state, was = after.alert.state, before.alert.state
    if state is AlertState.ACKNOWLEDGED and before.alert.by != after.alert.by:
        return Occasion.ACKNOWLEDGED
    return Occasion.GIVEN_BACK if was is AlertState.ACKNOWLEDGED and state is AlertState.FIRING else None


def told(record: Record, occasion: Occasion, receivers: tuple[str, ...], now_us: int) -> Record:
    """The record after that notice has been made; whoever is told of the firing will be told of its end."""
    noticed = attrs.evolve(record, notices=record.notices + 1)
    if occasion in BY_HAND:
        return noticed
    if occasion is Occasion.RESOLVED:
        return attrs.evolve(noticed, is_told=False)
    everybody = tuple(dict.fromkeys((*(record.receivers if record.is_told else ()), *receivers)))
    noticed = attrs.evolve(noticed, is_told=True, receivers=everybody, told_severity=_told_severity(record, occasion))
    if occasion is Occasion.FLAPPING:
        return attrs.evolve(noticed, recent=record.recent.told())
    if occasion is Occasion.JOINED:
        return noticed
    recent = record.recent.told_steady() if occasion is Occasion.FIRING else record.recent
    return attrs.evolve(noticed, recent=recent, told_us=now_us)


def escalated(record: Record, now_us: int) -> tuple[Record, Occasion | None]:
    """The record after an escalation has come due, and the occasion to tell when it is to be told.

    While the alert recovers, the step is put off by its whole wait; in a lull of one that comes and goes, until it
    fires again.
    """
    course = record.course
    if course is None or course.step is None or course.next_us is None or now_us < course.next_us:
        return record, None
    if record.alert.state is AlertState.FIRING:
        return attrs.evolve(record, course=course.advanced(now_us)), Occasion.ESCALATED
    is_lull = record.alert.state in {AlertState.RESOLVED, AlertState.PENDING}
    return attrs.evolve(record, course=course.postponed(None) if is_lull else course.resumed(now_us)), None


def forgotten(record: Record) -> Record:
    """A resolved alert whose end nobody is to be told; one that flaps may still be told when it has settled."""
    return record if record.is_open or record.recent.is_flapping else attrs.evolve(record, is_told=False)


def _next(record: Record, rule: Rule | None) -> tuple[Occasion, int] | None:
    """What receivers are owed if nothing happens, and from when on."""
    state = record.alert.state
    if rule is not None and record.recent.is_flapping:
        return _while_flapping(record, rule)
    if state is AlertState.RESOLVED:
        return (Occasion.RESOLVED, 0) if record.is_told and (rule is None or rule.tells_resolved) else None
    if state is not AlertState.FIRING or rule is None:
        return None
    if record.is_told:
        return _while_told(record, rule)
    return Occasion.FIRING, 0 if record.told_us is None else record.told_us + rule.cooldown_us


def _while_flapping(record: Record, rule: Rule) -> tuple[Occasion, int] | None:
    alert, recent = record.alert, record.recent
    if record.notices > 0 and not recent.is_told:
        return Occasion.FLAPPING, 0
    if alert.state is not AlertState.FIRING:
        return None
    if recent.is_steady_told:
        return _while_told(record, rule)
    is_steady = min(recent.run, alert.checks) >= steady_checks(alert.severity)
    return (Occasion.FIRING, 0) if is_steady else None


def joined(record: Record, rule: Rule) -> tuple[str, ...]:
    """Whom the rule tells and who has not heard that it fires."""
    return tuple(receiver for receiver in rule.receivers if receiver not in record.receivers)


def _told_severity(record: Record, occasion: Occasion) -> Severity:
    """The most severe that was told of this firing; steps of an escalation and who came late are told apart."""
    told, now = record.told_severity, record.alert.severity
    if told is None or occasion is Occasion.FIRING:
        return now
    is_apart = occasion in {Occasion.ESCALATED, Occasion.JOINED}
    return told if is_apart or told.rank > now.rank else now


def _while_told(record: Record, rule: Rule) -> tuple[Occasion, int] | None:
    """What is owed of one that was told: that its rule was edited to tell more, or that it still fires."""
    if record.told_severity is not None and record.told_severity.rank < record.alert.severity.rank:
        return Occasion.RAISED, 0
    if joined(record, rule):
        return Occasion.JOINED, 0
    if rule.repeat_us <= 0 or record.told_us is None:
        return None
    return Occasion.REPEATED, record.told_us + rule.repeat_us
