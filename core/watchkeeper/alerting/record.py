"""An alert as it is kept in the store: the alert itself, and what its life needs to remember."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Namespace, Operation, Put
from watchkeeper.domain.alert import Alert, AlertState
from watchkeeper.domain.plain import alert_of, plain_alert

from .escalation import COURSES, Course, course_of, plain_course
from .flapping import Recent

ALERTS: Final = Namespace("alerts", ("model", "state", "is_open", "changed_us"))
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
            "recovering_us": self.recovering_us,
            "last_keys": dict(self.last_keys),
            "recent": list(attrs.astuple(self.recent)),
            "begun_us": self.begun_us,
            "counted": None if self.counted is None else list(self.counted),
            "course": None if self.course is None else plain_course(self.course),
        }
        index = {
            "model": self.alert.model,
            "state": self.alert.state.value,
            "is_open": int(self.is_open),
            "changed_us": self.alert.changed_us,
        }
        put = Put(ALERTS, self.alert.fingerprint, plain, index, expect=self.revision)
        has_course = self.course is not None or (before is not None and before.course is not None)
        return [put, self._reminder()] if has_course else [put]

    def _reminder(self) -> Operation:
        """The document by which a due escalation is found; the alert's revision guards it."""
        if self.course is None or self.course.next_us is None:
            return Delete(COURSES, self.alert.fingerprint)
        when = {"next_us": self.course.next_us}
        return Put(COURSES, self.alert.fingerprint, when, when)


def record_of(document: Document) -> Record:
    """What `Record.writes` wrote."""
    plain: Mapping[str, Any] = document.value
    return Record(
        alert=alert_of(plain["alert"]),
        identity=plain["identity"],
        rows=tuple(plain["rows"]),
        receivers=tuple(plain["receivers"]),
        notices=plain["notices"],
        told_us=plain["told_us"],
        is_told=plain["is_told"],
        recovering_us=plain["recovering_us"],
        last_keys=plain.get("last_keys", {}),
        recent=Recent(*plain.get("recent", ())),
        begun_us=plain.get("begun_us", plain["alert"]["since_us"]),
        counted=None if plain.get("counted") is None else tuple(plain["counted"]),
        course=None if plain.get("course") is None else course_of(plain["course"]),
        revision=document.revision,
    )
