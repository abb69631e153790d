"""How the firings that a letter tells of stand by now: for what is sent later than it was meant.

A letter that was given up says "firing" of an alert that may have ended since, and its end was told meanwhile. Sent as
it was, it would open what nobody closes again.
"""

from __future__ import annotations

import attrs

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.alert import Alert, AlertState, Notification
from watchkeeper.domain.window import iso_time

from .grouping import seriousness
from .record import ALERTS, record_of


def standing_now(notification: Notification, storage: Storage) -> Notification:
    """The same news with each alert as it is now, saying so where that differs from what it was.

    An alert that is not kept, such as a notice of watchkeeper about itself, stays as it was.
    """
    told = {alert.firing: alert for alert in (notification.alert, *notification.others)}
    now = {firing: _alert_now(alert, storage) for firing, alert in told.items()}
    if all(now[firing].state is alert.state for firing, alert in told.items()):
        return notification
    lead, *others = sorted(now.values(), key=seriousness)
    beside = notification
    if lead.firing != notification.alert.firing:
        # what belongs beside it was not kept: better none than another's
        beside = Notification(notification.key, lead, reason=notification.reason, done=notification.done)
    reason = "; ".join(filter(None, [notification.reason, _comes_late(told[lead.firing], lead)]))
    next_step = "" if lead.state is AlertState.RESOLVED else beside.next_step
    return attrs.evolve(beside, alert=lead, others=tuple(others), reason=reason, next_step=next_step)


def states(notification: Notification) -> dict[tuple[str, int], AlertState]:
    """What it says of each alert, by firing."""
    return {alert.firing: alert.state for alert in (notification.alert, *notification.others)}


def forgotten(notification: Notification, storage: Storage) -> Alert | None:
    """An alert that the news says is not over, and of which nothing is kept that tells whether it still is not."""
    return next(
        (
            alert
            for alert in (notification.alert, *notification.others)
            if alert.state is not AlertState.RESOLVED and storage.get(ALERTS, alert.fingerprint) is None
        ),
        None,
    )


def _alert_now(alert: Alert, storage: Storage) -> Alert:
    document = storage.get(ALERTS, alert.fingerprint)
    if document is None:
        return alert
    now = record_of(document).alert
    if now.since_us != alert.since_us:  # it fires anew, so what the letter tells of is over
        is_over = alert.state is AlertState.RESOLVED
        return alert if is_over else attrs.evolve(alert, state=AlertState.RESOLVED, changed_us=now.since_us)
    # one that comes and goes is pending again under the same beginning: it does not fire
    state = AlertState.RESOLVED if now.state is AlertState.PENDING else now.state
    return attrs.evolve(alert, state=state, changed_us=now.changed_us, by=now.by, comment=now.comment, notes=now.notes)


def _comes_late(was: Alert, now: Alert) -> str:
    if was.state is now.state:
        return ""
    return (
        f"it comes late: this was {was.state.value} at {iso_time(was.changed_us)}, and is {now.state.value} since "
        f"{iso_time(now.changed_us)}"
    )
