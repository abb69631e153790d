"""What watchkeeper says of itself, as alerts that no rule of the configuration is behind."""

from __future__ import annotations

from typing import Final

from watchkeeper.domain.alert import Alert, AlertState, Severity

OWN_MODEL: Final = "watchkeeper"
"""Whom such an alert is about, in place of a model."""


def own_alert(
    rule: str,
    severity: Severity,
    summary: str,
    since_us: int,
    *,
    changed_us: int | None = None,
    fingerprint: str | None = None,
    is_over: bool = False,
) -> Alert:
    """One that fires since `since_us`, or is over; its fingerprint is the rule's name where none is given."""
    return Alert(
        fingerprint=rule if fingerprint is None else fingerprint,
        rule=rule,
        model=OWN_MODEL,
        severity=severity,
        state=AlertState.RESOLVED if is_over else AlertState.FIRING,
        summary=summary,
        since_us=since_us,
        changed_us=since_us if changed_us is None else changed_us,
    )
