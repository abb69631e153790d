"""An alert: a rule's firing with a life of its own, and the notification that tells somebody."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs

from .measurement import Measurement


class Severity(StrEnum):
    """How much it matters, least first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for info, 2 for critical: for comparing."""
        return _SEVERITIES.index(self)


_SEVERITIES = tuple(Severity)


class AlertState(StrEnum):
    """Where an alert stands in its life."""

    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class NoData(StrEnum):
    """What a rule makes of a measurement that is missing or undefined."""

    KEEP = "keep"
    """The alert stays as it is: neither begun nor ended by silence."""
    OK = "ok"
    """Counts as well."""
    ALERT = "alert"
    """Counts as bad: for measurements whose absence is the news."""


@attrs.frozen
class Note:
    """What somebody said about an alert."""

    at_us: int
    by: str
    text: str


@attrs.frozen
class Alert:
    """One firing of one rule for one model; the fingerprint is the same while it lasts."""

    fingerprint: str
    rule: str
    model: str
    severity: Severity
    state: AlertState
    summary: str
    since_us: int
    """When the condition was first true, UTC microseconds since 1970."""
    changed_us: int
    """When the state last changed."""
    checks: int = 1
    """How many checks in a row found the condition true."""
    version: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    by: str | None = None
    """Who acknowledged or resolved it; None while nobody has."""
    comment: str = ""
    """What that person said."""
    muted: str = ""
    """Why nobody is told about it now, such as a silence; "" when they are."""
    is_flapping: bool = False
    """Whether it comes and goes, so that its changes are not told until it has settled."""
    notes: tuple[Note, ...] = ()
    """What people said about this firing, oldest first; the log has all of it."""

    @property
    def firing(self) -> tuple[str, int]:
        """By what one firing is told apart from an earlier one of the same alert: its fingerprint and its beginning."""
        return self.fingerprint, self.since_us


@attrs.frozen
class Drifted:
    """A feature that is over the edge of one of its drift detectors."""

    feature: str
    detector: str
    number: float
    times: float
    """How many times the detector's edge it is, above 1."""


@attrs.frozen
class Background:
    """What a reader wants to know of the model beside what was measured; empty where nothing is known."""

    deployed: str | None = None
    """The version that was put into production last."""
    deployed_us: int | None = None
    """When it was, UTC microseconds since 1970."""
    deployed_by: str = ""
    drifted: tuple[Drifted, ...] = ()
    """The features that have drifted most, most first."""
    important: tuple[tuple[str, float], ...] = ()
    """The features that matter most to the version, most first: (name, share of all features' importance)."""


@attrs.frozen
class Beside:
    """What belongs beside one of the other alerts in a message."""

    fingerprint: str
    next_step: str = ""
    link: str | None = None
    reason: str = ""
    since_us: int | None = None
    """Which of its firings it is about, by `Alert.since_us`; None: whichever is told."""

    def is_about(self, alert: Alert) -> bool:
        """Whether it belongs beside that firing."""
        return self.fingerprint == alert.fingerprint and self.since_us in {None, alert.since_us}


@attrs.frozen
class Notification:
    """What a notifier is asked to deliver."""

    key: str
    """Idempotency key: the same for every attempt, so that a receiver can drop a duplicate."""
    alert: Alert
    measurements: tuple[Measurement, ...] = ()
    next_step: str = ""
    """What the reader should do first."""
    link: str | None = None
    reason: str = ""
    """Why it is sent when that is not the alert's new state: a repetition, an escalation, another's failure."""
    others: tuple[Alert, ...] = ()
    """Other alerts that are told in the same message, most serious first; each firing of an alert is one."""
    beside_others: tuple[Beside, ...] = ()
    """What belongs beside those of them of which there is more to say."""
    thread: str | None = None
    """What `Delivery.thread` was when this receiver first accepted something about this firing."""
    history: tuple[tuple[int, float], ...] = ()
    """Earlier numbers of the first measurement, (UTC microseconds since 1970, number), oldest first: for a chart."""
    background: Background = Background()
    """What else is known of the model."""
    done: tuple[str, ...] = ()
    """Recipients who need no other attempt, as an earlier attempt's `DeliveryDelayed` said; kept beside it."""

    def beside(self, other: Alert) -> Beside:
        """What belongs beside one of the others."""
        found = (one for one in self.beside_others if one.is_about(other))
        return next(found, Beside(other.fingerprint, since_us=other.since_us))


@attrs.frozen
class Delivery:
    """The receiver accepted it."""

    receiver: str
    detail: str = ""
    """What the receiver answered, such as ``200`` or a message id."""
    thread: str | None = None
    """By what the receiver finds the message again: later news about the same firing may change or follow it."""
