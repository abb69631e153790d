"""A notification that says it is a test, and its end for receivers where it would stay open."""

from __future__ import annotations

import attrs

from watchkeeper.domain.alert import AlertState, Delivery, Notification, Severity

from .own_alerts import own_alert


def trial(receiver: str, now_us: int) -> Notification:
    """A test of the receiver."""
    summary = "this is a test of the notifier; nothing is wrong and nobody needs to do anything"
    alert = own_alert("test", Severity.INFO, summary, now_us)
    return Notification(f"test-{now_us}-{receiver}", alert)


def trial_over(begun: Notification, delivery: Delivery, now_us: int) -> Notification | None:
    """The end of a test that left something behind, such as an incident; None when there is nothing to close."""
    if delivery.thread is None:
        return None
    over = attrs.evolve(begun.alert, state=AlertState.RESOLVED, changed_us=now_us)
    return Notification(f"{begun.key}-over", over, thread=delivery.thread)
