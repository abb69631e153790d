"""``[models.NAME.health]``: from where on a measurement makes the model WARN or ALERT."""

from __future__ import annotations

import attrs

from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.health import Thresholds, Worse
from watchkeeper.domain.spans import Duration

from .keys import told


@attrs.frozen(kw_only=True)
class HealthConfig:
    """The thresholds of one measurement: ``{ warn = 0.8, alert = 0.7, recover = 0.82, cooldown = "1h" }``."""

    warn: float | None = attrs.field(default=None, metadata=told("beyond this the model is WARN"))
    alert: float | None = attrs.field(default=None, metadata=told("beyond this the model is ALERT"))
    recover: float | None = attrs.field(
        default=None, metadata=told("it is OK again from here on; as soon as it is not beyond `warn` when left out")
    )
    cooldown: Duration | None = attrs.field(
        default=None, metadata=told("how long it must not have been as bad before it counts as better")
    )
    worse: Worse | None = attrs.field(
        default=None,
        metadata=told("the bad direction, lower or higher; told by the other keys, or by the metric, when left out"),
    )

    def __attrs_post_init__(self) -> None:
        if self.warn is None and self.alert is None:
            raise UsageError("has neither warn nor alert; expected at least one of them")
        if self.told is not None:
            self.thresholds(self.told)

    @property
    def told(self) -> Worse | None:
        """The bad direction as far as the keys tell it."""
        if self.worse is not None:
            return self.worse
        bad, good = (self.alert, self.warn) if self.warn is not None else (self.alert, self.recover)
        if bad is None:
            bad, good = self.warn, self.recover
        if bad is None or good is None or bad == good:
            return None
        return Worse.LOWER if bad < good else Worse.HIGHER

    def thresholds(self, worse: Worse) -> Thresholds:
        """As the checks use them."""
        cooldown_us = 0 if self.cooldown is None else self.cooldown.us
        return Thresholds(worse, self.warn, self.alert, self.recover, cooldown_us)
