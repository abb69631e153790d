"""An alert as it is kept in the store: the alert itself, and what its life needs to remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Namespace, Operation, Put
from watchkeeper.domain.alert import Alert, AlertState, Severity
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plain import alert_of, measurement_of, plain_alert, plain_measurement

from .escalation import COURSES, Course, course_of, plain_course
from .flapping import Recent

ALERTS: Final = Namespace("alerts", ("model", "state", "is_open", "changed_us"))
DUES: Final = Namespace("alert-dues", ("next_us", "may_be_let_go"))
"""One document for each alert whose news is due at some time, or held back, to find it though no check comes."""
NEVER_US: Final = 2**62
"""The time of what waits for no time: until what holds it back is over."""
RELEASED: Final = "*"
"""The key in `DUES` that says that something has ended which held news back: look at all that may be let go."""
OPEN: Final = frozenset({AlertState.PENDING, AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RECOVERING})


@attrs.frozen
class Record:
    """One fingerprint's document; it stays when the alert is resolved, so that keys are never used twice."""

    alert: Alert
    identity: Mapping[str, str] = attrs.field(factory=dict)
    """The labels by which the rule tells its alerts apart."""
    rows: tuple[str, ...] = ()
    """The rows for which the condition was true the last time it was not held."""
    receivers: tuple[str, ...] = ()
    """Who was told that it fires, and will be told when it is over."""
    notices: int = 0
    """How many notices there have been, over all its firings."""
    told_us: int | None = None
    """When the last notice of a firing was made."""
    is_told: bool = False
    """Whether this firing was told."""
    told_severity: Severity | None = None
    """The most severe that was told of this firing."""
    recovering_us: int | None = None
    """Since when the condition has been over, while `Rule.keep_firing_us` lasts."""
    last_keys: Mapping[str, str] = attrs.field(factory=dict)
    """By receiver, the key of the last letter to it, over all firings: what comes later must not overtake it."""
    recent: Recent = attrs.field(factory=Recent)
    """The last checks, for telling whether it flaps."""
    begun_us: int = attrs.field(default=attrs.Factory(lambda record: record.alert.since_us, takes_self=True))
    """Since when the condition holds; later than the alert's `since_us` while it comes and goes."""
    counted: tuple[int, int] | None = None
    """Of the last check that counted for `Rule.for_checks`, the end of its window and when it was, in microseconds."""
    course: Course | None = None
    """The escalation under way."""
    look_us: int | None = None
    """When its news is due though no check comes; None: at no time that is known."""
    may_be_let_go: bool = False
    """Whether what holds its news back may end at any time."""
    measurements: tuple[Measurement, ...] = ()
    """What led to it, kept while something may be told of it without a check."""
    revision: int = 0
    """Of the document; 0: not stored yet."""

    @property
    def is_open(self) -> bool:
        """Whether it is not resolved."""
        return self.alert.state in OPEN

    def writes(self, before: Record | None) -> list[Operation]:
        """The writes, expecting that nobody has written since `before` was read."""
        plain = {
            "alert": plain_alert(self.alert),
            "identity": dict(self.identity),
            "rows": list(self.rows),
            "receivers": list(self.receivers),
            "notices": self.notices,
            "told_us": self.told_us,
            "is_told": self.is_told,
            "told_severity": None if self.told_severity is None else self.told_severity.value,
            "recovering_us": self.recovering_us,
            "last_keys": dict(self.last_keys),
            "recent": list(attrs.astuple(self.recent)),
            "begun_us": self.begun_us,
            "counted": None if self.counted is None else list(self.counted),
            "course": None if self.course is None else plain_course(self.course),
            "look_us": self.look_us,
            "may_be_let_go": self.may_be_let_go,
            "measurements": [plain_measurement(found) for found in self.measurements],
        }
        index = {
            "model": self.alert.model,
            "state": self.alert.state.value,
            "is_open": int(self.is_open),
            "changed_us": self.alert.changed_us,
        }
        put = Put(ALERTS, self.alert.fingerprint, plain, index, expect=self.revision)
        has_course = self.course is not None or (before is not None and before.course is not None)
        has_due = _due(self) != (None if before is None else _due(before))
        return [put, *([self._reminder()] if has_course else []), *([_reminded(self)] if has_due else [])]

    def removals(self) -> list[Operation]:
        """The writes that take it out of the store, expecting that nobody has written since it was read."""
        gone: list[Operation] = [Delete(ALERTS, self.alert.fingerprint, expect=self.revision)]
        if _due(self) is not None:
            gone.append(Delete(DUES, self.alert.fingerprint))
        return gone

    def _reminder(self) -> Operation:
        """The document by which a due escalation is found; the alert's revision guards it."""
        if self.course is None or self.course.next_us is None:
            return Delete(COURSES, self.alert.fingerprint)
        when = {"next_us": self.course.next_us}
        return Put(COURSES, self.alert.fingerprint, {**when, "from_us": self.course.from_us or 0}, when)


def _due(record: Record) -> tuple[int, int, int] | None:
    """When to look at it, whether at any time, and from when on that wait counts; None: nothing is to be looked for."""
    # in a lull of one that comes and goes receivers still wait for its end, which only its rule can bring
    is_lull = record.alert.state is AlertState.RESOLVED and record.recent.is_flapping and record.is_told
    if record.look_us is None and not record.may_be_let_go and not is_lull:
        return None
    # the end of a silence is a time of its own, which counts from nothing
    from_us = 0 if record.look_us is None or record.alert.muted or record.told_us is None else record.told_us
    return NEVER_US if record.look_us is None else record.look_us, int(record.may_be_let_go), from_us


def _reminded(record: Record) -> Operation:
    """The document by which it is found; the alert's revision guards it."""
    found = _due(record)
    if found is None:
        return Delete(DUES, record.alert.fingerprint)
    when = {"next_us": found[0], "may_be_let_go": found[1]}
    return Put(DUES, record.alert.fingerprint, {**when, "from_us": found[2]}, when)


def release(now_us: int) -> Put:
    """The write that says that something has ended which held news back."""
    when = {"next_us": now_us, "may_be_let_go": 0}
    return Put(DUES, RELEASED, {**when, "from_us": now_us}, when)


def record_of(document: Document) -> Record:
    """What `Record.writes` wrote."""
    plain: Mapping[str, Any] = document.value
    told = plain.get("told_severity", plain["alert"]["severity"] if plain["is_told"] else None)
    return Record(
        alert=alert_of(plain["alert"]),
        identity=plain["identity"],
        rows=tuple(plain["rows"]),
        receivers=tuple(plain["receivers"]),
        notices=plain["notices"],
        told_us=plain["told_us"],
        is_told=plain["is_told"],
        told_severity=None if told is None else Severity(told),
        recovering_us=plain["recovering_us"],
        last_keys=plain.get("last_keys", {}),
        recent=Recent(*plain.get("recent", ())),
        begun_us=plain.get("begun_us", plain["alert"]["since_us"]),
        counted=None if plain.get("counted") is None else tuple(plain["counted"]),
        course=None if plain.get("course") is None else course_of(plain["course"]),
        look_us=plain.get("look_us"),
        may_be_let_go=plain.get("may_be_let_go", False),
        measurements=tuple(measurement_of(found) for found in plain.get("measurements", ())),
        revision=document.revision,
    )
