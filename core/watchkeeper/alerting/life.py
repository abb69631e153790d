"""The life of an alert as pure functions: what was, what was found and what time it is give what is.

    inactive -> pending -> firing -> recovering -> resolved
                              └-> acknowledged ----^

A condition must be true for `Rule.for_checks` checks and `Rule.for_us` before the alert fires, and over for
`Rule.keep_firing_us` before it is resolved. A held outcome (no data) changes nothing at all.
"""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.domain.alert import Alert, AlertState

from .outcome import Outcome
from .record import Record
from .setbacks import waits_anew

_ANOTHER_CHECK_US: Final = 60_000_000
"""So much later a check counts though its window is the same: no row has come, and that may be what is wrong."""
ON_FIRE: Final = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RECOVERING})


def after(before: Record | None, outcome: Outcome, now_us: int) -> Record | None:
    """The record after one more check; None when there is nothing to remember."""
    before = waits_anew(before, now_us) if before is not None else None
    if outcome.is_held:
        return before
    if outcome.is_true:
        going_on = before if before is not None and before.is_open else _begun(before, outcome, now_us)
        return _remembering(_ripened(_seen(going_on, outcome, now_us), outcome, now_us))
    found = _fading(before, outcome, now_us) if before is not None and before.is_open else before
    return _remembering(found) if found is not None else None


def _fading(before: Record, outcome: Outcome, now_us: int) -> Record | None:
    """An open alert whose condition is not true."""
    if before.alert.state is AlertState.PENDING:
        return in_state(before, AlertState.RESOLVED, now_us) if before.notices else None
    if not outcome.is_recovered:
        return before
    since_us = now_us if before.recovering_us is None else before.recovering_us
    if now_us - since_us < outcome.rule.keep_firing_us:
        recovering = attrs.evolve(before, recovering_us=since_us)
        return in_state(recovering, AlertState.RECOVERING, now_us)
    over = attrs.evolve(before, alert=attrs.evolve(before.alert, summary=_summary(outcome)))
    return in_state(over, AlertState.RESOLVED, now_us)


def _begun(before: Record | None, outcome: Outcome, now_us: int) -> Record:
    rule = outcome.rule
    alert = Alert(
        fingerprint=outcome.fingerprint,
        rule=rule.name,
        model=outcome.model,
        severity=rule.severity,
        state=AlertState.PENDING,
        summary="",
        since_us=now_us,
        changed_us=now_us,
        checks=0,
        labels={**rule.labels, **outcome.identity},
    )
    fresh = Record(alert, outcome.identity, begun_us=now_us)
    if before is None:
        return fresh
    known = attrs.evolve(
        fresh,
        notices=before.notices,
        told_us=before.told_us,
        last_keys=before.last_keys,
        recent=before.recent,
        revision=before.revision,
    )
    return _come_back(known, before) if before.recent.is_flapping else known


def _come_back(record: Record, before: Record) -> Record:
    """While it comes and goes it stays the one that receivers were told of, and in the hands of who took care of it.

    Their threads and incidents go by it; so does its escalation.
    """
    was = before.alert
    alert = attrs.evolve(record.alert, since_us=was.since_us, by=was.by, comment=was.comment, notes=was.notes)
    return attrs.evolve(
        record,
        alert=alert,
        is_told=before.is_told,
        told_severity=before.told_severity,
        receivers=before.receivers,
        course=before.course,
    )


def _seen(record: Record, outcome: Outcome, now_us: int) -> Record:
    """One more check that found it true; to look again at the same window at once is no other check."""
    counts = record.counted is None or _is_another(record.counted, outcome.until_us, now_us)
    alert = attrs.evolve(
        record.alert,
        checks=record.alert.checks + int(counts),
        summary=_summary(outcome),
        severity=outcome.rule.severity,
        labels={**outcome.rule.labels, **outcome.identity},
        version=outcome.version or record.alert.version,
    )
    counted = (outcome.until_us, int(now_us)) if counts else record.counted
    seen = attrs.evolve(record, alert=alert, rows=outcome.rows, recovering_us=None, counted=counted)
    if alert.state is not AlertState.RECOVERING:
        return seen
    return in_state(seen, AlertState.ACKNOWLEDGED if alert.by else AlertState.FIRING, now_us)


def _is_another(counted: tuple[int, int], until_us: int, now_us: int) -> bool:
    """Whether the window's end or the time has moved on since the last check that counted."""
    return until_us != counted[0] or abs(now_us - counted[1]) >= _ANOTHER_CHECK_US


def _remembering(record: Record) -> Record:
    """One more check for telling whether it flaps; one that has been quiet for long is not written again and again."""
    is_firing = record.alert.state in ON_FIRE
    if not is_firing and record.recent.is_quiet:
        return record
    recent = record.recent.after(is_firing=is_firing)
    flapped, flaps = record.recent.is_flapping, recent.is_flapping
    after_check = attrs.evolve(record, recent=recent)
    if record.alert.is_flapping is not flaps:
        after_check = attrs.evolve(after_check, alert=attrs.evolve(record.alert, is_flapping=flaps))
    if not flapped or flaps:
        return after_check
    if not is_firing:
        return attrs.evolve(after_check, course=None)
    # so that it is told that it fires, unless that is known
    owes = record.alert.state is AlertState.FIRING and not record.recent.is_steady_told
    return attrs.evolve(after_check, is_told=False) if owes else after_check


def _ripened(record: Record, outcome: Outcome, now_us: int) -> Record:
    """Fires when it has been pending for long enough."""
    alert, rule = record.alert, outcome.rule
    long_us = max(rule.for_us, rule.silence_us) if outcome.is_silence else rule.for_us
    is_ripe = alert.checks >= rule.for_checks and now_us - record.begun_us >= long_us
    if alert.state is not AlertState.PENDING or not is_ripe:
        return record
    if alert.by:  # it comes and goes, and somebody takes care of it
        return in_state(record, AlertState.ACKNOWLEDGED, now_us)
    course = record.course.gone_on(now_us) if record.course else None
    return attrs.evolve(in_state(record, AlertState.FIRING, now_us), course=course)


def in_state(record: Record, state: AlertState, now_us: int) -> Record:
    """The record in that state; the end of an alert ends its escalation, but for one that comes and goes."""
    if record.alert.state is state:
        return record
    return attrs.evolve(
        record,
        alert=attrs.evolve(record.alert, state=state, changed_us=now_us),
        recovering_us=record.recovering_us if state is AlertState.RECOVERING else None,
        course=None if state is AlertState.RESOLVED and not record.recent.is_flapping else record.course,
    )


def _summary(outcome: Outcome) -> str:
    if outcome.is_silence:
        return f"{outcome.model}: nothing could be measured: no prediction of it is known, or its check fails"
    if outcome.rule.summary is not None and outcome.is_true:
        return outcome.rule.summary(outcome)
    return f"{outcome.model}: {outcome.sentence}"
