"""The life of an alert as pure functions: what was, what was found and what time it is give what is.

    inactive -> pending -> firing -> recovering -> resolved
                              └-> acknowledged ----^

A condition must be true for `Rule.for_checks` checks and `Rule.for_us` before the alert fires, and over for
`Rule.keep_firing_us` before it is resolved. A held outcome (no data) changes nothing at all.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert, AlertState, Note
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.window import iso_time

from .outcome import Outcome
from .record import Record
from .rules import Rule

MOST_NOTES: Final = 20
"""Comments that stay with an alert; the log has all of them."""
LONGEST_COMMENT: Final = 2_000
"""Characters."""
_ANOTHER_CHECK_US: Final = 60_000_000
"""So much later a check counts though its window is the same: no row has come, and that may be what is wrong."""
_FIRING: Final = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RECOVERING})


class Occasion(StrEnum):
    """Why receivers are told."""

    FIRING = "firing"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    FLAPPING = "flapping"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


def after(before: Record | None, outcome: Outcome, now_us: int) -> Record | None:
    """The record after one more check; None when there is nothing to remember."""
    if outcome.is_held:
        return before
    if outcome.is_true:
        going_on = before if before is not None and before.is_open else _begun(before, outcome, now_us)
        return _remembering(_ripened(_seen(going_on, outcome, now_us), outcome, now_us))
    found = _fading(before, outcome, now_us) if before is not None and before.is_open else before
    return _remembering(found) if found is not None else None


def acknowledged(record: Record, by: str, comment: str, now_us: int) -> Record:
    """Somebody takes care of it: no more repetitions until it is resolved or given back."""
    if record.alert.state not in _FIRING:
        raise UsageError(
            f"alert {record.alert.fingerprint} is {record.alert.state}; only one that fires can be acknowledged"
        )
    paused = attrs.evolve(record, course=record.course.paused() if record.course else None)
    return _said(_in_state(paused, AlertState.ACKNOWLEDGED, now_us), by, comment)


def given_back(record: Record, by: str, comment: str, now_us: int) -> Record:
    """Nobody takes care of it any more: it fires as before."""
    if record.alert.state is not AlertState.ACKNOWLEDGED:
        raise UsageError(
            f"alert {record.alert.fingerprint} is {record.alert.state}, not acknowledged; nothing to give back"
        )
    returned = _said(_in_state(record, AlertState.FIRING, now_us), by, comment)
    course = record.course.resumed(now_us) if record.course else None
    return attrs.evolve(returned, alert=attrs.evolve(returned.alert, by=None), course=course)


def resolved(record: Record, by: str, comment: str, now_us: int) -> Record:
    """Somebody, or the absence of its rule, ends it; should the condition hold at the next check, it begins anew."""
    if not record.is_open:
        raise UsageError(
            f"alert {record.alert.fingerprint} is resolved already, since {iso_time(record.alert.changed_us)}"
        )
    return _said(_in_state(record, AlertState.RESOLVED, now_us), by, comment)


def commented(record: Record, by: str, text: str, now_us: int) -> Record:
    """Somebody says something about it, which changes nothing else."""
    said = text.strip()
    if not by.strip() or not said:
        raise UsageError("a comment needs who says it and what: give a name and a text")
    if len(said) > LONGEST_COMMENT:
        raise UsageError(f"a comment has at most {LONGEST_COMMENT} characters, found {len(said)}")
    notes = (*record.alert.notes, Note(now_us, by, said))[-MOST_NOTES:]
    return attrs.evolve(record, alert=attrs.evolve(record.alert, notes=notes))


def due(record: Record, rule: Rule | None, now_us: int) -> Occasion | None:
    """What receivers are owed now; `rule` is None when it is gone, and its receivers hear of the end."""
    state = record.alert.state
    if record.recent.is_flapping and rule is not None:
        is_news = record.notices > 0 and not record.recent.is_told
        return Occasion.FLAPPING if is_news else None
    if state is AlertState.RESOLVED:
        return Occasion.RESOLVED if record.is_told and (rule is None or rule.tells_resolved) else None
    if state is not AlertState.FIRING or rule is None:
        return None
    if not record.is_told:
        is_cool = record.told_us is None or now_us - record.told_us >= rule.cooldown_us
        return Occasion.FIRING if is_cool else None
    is_late = rule.repeat_us > 0 and record.told_us is not None and now_us - record.told_us >= rule.repeat_us
    return Occasion.REPEATED if is_late else None


def taken_over(before: Record, after: Record, rule: Rule | None) -> Occasion | None:
    """What receivers are owed when somebody has acknowledged it."""
    is_taken = after.alert.state is AlertState.ACKNOWLEDGED and before.alert.by != after.alert.by
    is_news = is_taken and before.is_told and rule is not None and rule.tells_acknowledged
    return Occasion.ACKNOWLEDGED if is_news else None


def told(record: Record, occasion: Occasion, receivers: tuple[str, ...], now_us: int) -> Record:
    """The record after that notice has been made; whoever is told of the firing will be told of its end."""
    noticed = attrs.evolve(record, notices=record.notices + 1)
    if occasion is Occasion.ACKNOWLEDGED:
        return noticed
    if occasion is Occasion.RESOLVED:
        return attrs.evolve(noticed, is_told=False)
    everybody = tuple(dict.fromkeys((*(record.receivers if record.is_told else ()), *receivers)))
    if occasion is Occasion.FLAPPING:
        return attrs.evolve(noticed, recent=record.recent.told(), is_told=True, receivers=everybody)
    return attrs.evolve(noticed, is_told=True, told_us=now_us, receivers=everybody)


def escalated(record: Record, now_us: int) -> tuple[Record, Occasion | None]:
    """The record after an escalation has come due, and the occasion to tell when it is to be told.

    While the alert recovers, the step is put off by its whole wait.
    """
    course = record.course
    if course is None or course.step is None or course.next_us is None or now_us < course.next_us:
        return record, None
    if record.alert.state is not AlertState.FIRING:
        return attrs.evolve(record, course=course.resumed(now_us)), None
    return attrs.evolve(record, course=course.advanced(now_us)), Occasion.ESCALATED


def forgotten(record: Record) -> Record:
    """A resolved alert whose end nobody is to be told; one that flaps may still be told when it has settled."""
    return record if record.is_open or record.recent.is_flapping else attrs.evolve(record, is_told=False)


def _fading(before: Record, outcome: Outcome, now_us: int) -> Record | None:
    """An open alert whose condition is not true."""
    if before.alert.state is AlertState.PENDING:
        return _in_state(before, AlertState.RESOLVED, now_us) if before.notices else None
    if not outcome.is_recovered:
        return before
    since_us = now_us if before.recovering_us is None else before.recovering_us
    if now_us - since_us < outcome.rule.keep_firing_us:
        recovering = attrs.evolve(before, recovering_us=since_us)
        return _in_state(recovering, AlertState.RECOVERING, now_us)
    over = attrs.evolve(before, alert=attrs.evolve(before.alert, summary=_summary(outcome)))
    return _in_state(over, AlertState.RESOLVED, now_us)


def _begun(before: Record | None, outcome: Outcome, now_us: int) -> Record:
    rule = outcome.rule
    alert = Alert(
        fingerprint=outcome.fingerprint,
        rule=rule.name,
        model=outcome.model,
        severity=rule.severity,
        state=AlertState.PENDING,
        summary="",
        # while it comes and goes it stays the one that receivers were told of: their threads and incidents go by it
        since_us=before.alert.since_us if before is not None and before.recent.is_flapping else now_us,
        changed_us=now_us,
        checks=0,
        labels={**rule.labels, **outcome.identity},
    )
    fresh = Record(alert, outcome.identity, begun_us=now_us)
    if before is None:
        return fresh
    return attrs.evolve(
        fresh,
        notices=before.notices,
        told_us=before.told_us,
        last_keys=before.last_keys,
        recent=before.recent,
        is_told=before.is_told and before.recent.is_flapping,
        receivers=before.receivers if before.recent.is_flapping else (),
        revision=before.revision,
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
    return _in_state(seen, AlertState.ACKNOWLEDGED if alert.by else AlertState.FIRING, now_us)


def _is_another(counted: tuple[int, int], until_us: int, now_us: int) -> bool:
    """Whether the window's end or the time has moved on since the last check that counted."""
    return until_us != counted[0] or abs(now_us - counted[1]) >= _ANOTHER_CHECK_US


def _remembering(record: Record) -> Record:
    """One more check for telling whether it flaps; one that has been quiet for long is not written again and again."""
    is_firing = record.alert.state in _FIRING
    if not is_firing and record.recent.is_quiet:
        return record
    recent = record.recent.after(is_firing=is_firing)
    has_settled = record.recent.is_flapping and not recent.is_flapping
    after_check = attrs.evolve(record, recent=recent)
    if record.alert.is_flapping is not recent.is_flapping:
        after_check = attrs.evolve(after_check, alert=attrs.evolve(record.alert, is_flapping=recent.is_flapping))
    # so that it is told that it fires
    return attrs.evolve(after_check, is_told=False) if has_settled and is_firing else after_check


def _ripened(record: Record, outcome: Outcome, now_us: int) -> Record:
    """Fires when it has been pending for long enough."""
    alert, rule = record.alert, outcome.rule
    long_us = max(rule.for_us, rule.silence_us) if outcome.is_silence else rule.for_us
    is_ripe = alert.checks >= rule.for_checks and now_us - record.begun_us >= long_us
    return _in_state(record, AlertState.FIRING, now_us) if alert.state is AlertState.PENDING and is_ripe else record


def _in_state(record: Record, state: AlertState, now_us: int) -> Record:
    if record.alert.state is state:
        return record
    return attrs.evolve(
        record,
        alert=attrs.evolve(record.alert, state=state, changed_us=now_us),
        recovering_us=record.recovering_us if state is AlertState.RECOVERING else None,
        course=None if state is AlertState.RESOLVED else record.course,
    )


def _said(record: Record, by: str, comment: str) -> Record:
    if not by.strip():
        raise UsageError("who does it? give a name or an address: it is kept with the alert")
    return attrs.evolve(record, alert=attrs.evolve(record.alert, by=by, comment=comment))


def _summary(outcome: Outcome) -> str:
    if outcome.is_silence:
        return f"{outcome.model}: nothing could be measured: no prediction of it is known, or its check fails"
    if outcome.rule.summary is not None and outcome.is_true:
        return outcome.rule.summary(outcome)
    return f"{outcome.model}: {outcome.sentence}"
