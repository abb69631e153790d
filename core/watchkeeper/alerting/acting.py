"""Writes what a person does with an alert: with who did it, when they may."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from watchkeeper.clock import Clock
from watchkeeper.domain.alert import Alert

from . import notices
from .changes import Change
from .kept_alerts import KeptAlerts
from .permission import Permit
from .record import Record
from .rules import Rule
from .writing import Writer


@attrs.frozen(eq=False)
class Hands:
    """By which people change alerts."""

    kept: KeptAlerts
    writer: Writer
    rules: Mapping[str, Rule]
    clock: Clock
    permit: Permit

    def act(self, fingerprint: str, deed: Callable[[Record, str, str, int], Record], by: str, text: str) -> Alert:
        """The alert after a deed of `by_hand`, tried again when something else has changed it meanwhile."""
        now_us = self.clock.now_us()

        def changes() -> list[Change]:
            before = self.kept.record(fingerprint)
            self.permit(before.alert.model)
            after = deed(before, by, text, now_us)
            said = after.alert.notes[-1] if after.alert.notes != before.alert.notes else None
            rule = self.rules.get(before.alert.rule)
            return [Change(before, after, rule, occasion=notices.taken_over(before, after, rule), said=said, by=by)]

        self.writer.commit(changes, now_us)
        return self.kept.record(fingerprint).alert
