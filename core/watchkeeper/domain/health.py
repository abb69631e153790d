"""Health by thresholds: from where on a measurement is bad, and how much better it must be before that is over."""

from __future__ import annotations

from enum import StrEnum

import attrs

from .errors import UsageError
from .verdict import Status, worst


class Worse(StrEnum):
    """The direction in which a measurement gets worse."""

    LOWER = "lower"
    HIGHER = "higher"


@attrs.frozen
class Health:
    """How one measurement stands, as it is remembered between checks."""

    status: Status
    """OK, WARN or ALERT; a check without a number leaves it."""
    since_us: int
    """Since when, UTC microseconds since 1970."""
    bad_us: int
    """When a check last found it as bad as that."""


@attrs.frozen
class Thresholds:
    """From where on a measurement is WARN or ALERT, and from where on it is well again.

    A worse value counts at once. A better one counts when it is beyond `recover` (from ALERT to WARN: as far beyond
    `alert` as `recover` is beyond `warn`), and `cooldown_us` has gone by since it was last as bad.

    Examples
    --------
    >>> accuracy = Thresholds(Worse.LOWER, warn=0.8, alert=0.7, recover=0.85)
    >>> fell = accuracy.after(None, 0.79, now_us=0)
    >>> fell.status.value, accuracy.after(fell, 0.84, now_us=1).status.value
    ('WARN', 'WARN')
    >>> accuracy.after(fell, 0.85, now_us=1).status.value
    'OK'
    """

    worse: Worse
    warn: float | None = None
    alert: float | None = None
    recover: float | None = None
    cooldown_us: int = 0

    def __attrs_post_init__(self) -> None:
        first = self.first
        if self.warn is not None and self.alert is not None and not self._is_worse(self.alert, self.warn):
            raise UsageError(
                f"alert = {self.alert:g} is not {self.worse} than warn = {self.warn:g}, and {self.worse} is worse: "
                "an ALERT is worse than a WARN"
            )
        if self.recover is not None and self._is_worse(self.recover, first):
            raise UsageError(
                f"recover = {self.recover:g} is {self.worse} than {first:g}, from where on it is bad: expected a "
                "value on the good side"
            )

    @property
    def first(self) -> float:
        """Where being bad begins: `warn`, or `alert` without one."""
        edge = self.warn if self.warn is not None else self.alert
        if edge is None:
            raise UsageError("there is neither warn nor alert: expected at least one of them")
        return edge

    def status(self, number: float) -> Status:
        """By the thresholds alone, without what was before."""
        return self._by(number, self.warn, self.alert)

    def after(self, before: Health | None, number: float, now_us: int) -> Health:
        """How it stands after a check that found this number."""
        found = self.status(number)
        if before is None:
            return Health(found, now_us, now_us)
        if worst((found, before.status)) is found:
            return Health(found, before.since_us if found is before.status else now_us, now_us)
        back = 0.0 if self.recover is None else self.recover - self.first
        warn = None if self.warn is None else self.recover if self.recover is not None else self.warn
        better = self._by(number, warn, None if self.alert is None else self.alert + back)
        if worst((better, before.status)) is better or now_us - before.bad_us < self.cooldown_us:
            return before
        return Health(better, now_us, now_us)

    def _by(self, number: float, warn: float | None, alert: float | None) -> Status:
        if alert is not None and self._is_worse(number, alert):
            return Status.ALERT
        return Status.WARN if warn is not None and self._is_worse(number, warn) else Status.OK

    def _is_worse(self, number: float, edge: float) -> bool:
        return number < edge if self.worse is Worse.LOWER else number > edge
