"""What people do with an alert, as pure functions: acknowledge it, give it back, comment on it, end it."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.domain.alert import AlertState, Note
from watchkeeper.domain.errors import UsageError, WrongState
from watchkeeper.domain.window import iso_time

from .flapping import Recent
from .life import ON_FIRE, in_state
from .record import Record

MOST_NOTES: Final = 20
"""Comments that stay with an alert; the log has all of them."""
LONGEST_COMMENT: Final = 2_000
"""Characters."""


def acknowledged(record: Record, by: str, comment: str, now_us: int) -> Record:
    """Somebody takes care of it: no more repetitions until it is resolved or given back."""
    if record.alert.state not in ON_FIRE:
        raise WrongState(
            f"alert {record.alert.fingerprint} is {record.alert.state}; only one that fires can be acknowledged"
        )
    paused = attrs.evolve(record, course=record.course.paused() if record.course else None)
    return _said(in_state(paused, AlertState.ACKNOWLEDGED, now_us), by, comment)


def given_back(record: Record, by: str, comment: str, now_us: int) -> Record:
    """Nobody takes care of it any more: it fires as before."""
    if record.alert.state is not AlertState.ACKNOWLEDGED:
        raise WrongState(
            f"alert {record.alert.fingerprint} is {record.alert.state}, not acknowledged; nothing to give back"
        )
    returned = _said(in_state(record, AlertState.FIRING, now_us), by, comment)
    course = record.course.given_back(now_us) if record.course else None
    return attrs.evolve(returned, alert=attrs.evolve(returned.alert, by=None), course=course)


def resolved(record: Record, by: str, comment: str, now_us: int) -> Record:
    """Somebody, or the absence of its rule, ends it; should the condition hold at the next check, it begins anew."""
    if not record.is_open:
        raise WrongState(
            f"alert {record.alert.fingerprint} is resolved already, since {iso_time(record.alert.changed_us)}"
        )
    # what comes and goes would otherwise count as the same one, and its end would not be told
    alert = attrs.evolve(record.alert, is_flapping=False)
    settled = attrs.evolve(record, alert=alert, recent=Recent()) if record.recent.is_flapping else record
    return _said(in_state(settled, AlertState.RESOLVED, now_us), by, comment)


def commented(record: Record, by: str, text: str, now_us: int) -> Record:
    """Somebody says something about it, which changes nothing else."""
    said = text.strip()
    if not by.strip() or not said:
        raise UsageError("a comment needs who says it and what: give a name and a text")
    if len(said) > LONGEST_COMMENT:
        raise UsageError(f"a comment has at most {LONGEST_COMMENT} characters, found {len(said)}")
    notes = (*record.alert.notes, Note(now_us, by, said))[-MOST_NOTES:]
    return attrs.evolve(record, alert=attrs.evolve(record.alert, notes=notes))


def _said(record: Record, by: str, comment: str) -> Record:
    if not by.strip():
        raise UsageError("who does it? give a name or an address: it is kept with the alert")
    return attrs.evolve(record, alert=attrs.evolve(record.alert, by=by, comment=comment))
