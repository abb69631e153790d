"""Notifier ``pagerduty``: an incident by the Events API, version 2; opened, and closed when the alert is over.

One firing is one incident: its ``dedup_key`` is the alert's fingerprint and the time since when it has been true. So a
notification that comes twice changes nothing.

>>> from watchkeeper.testing.notifier import sample_notification
>>> found = event(sample_notification(), "R0UT1NG")
>>> found["event_action"], found["dedup_key"], found["payload"]["severity"]
('trigger', '5f1d0c2e-1222819200000000', 'warning')
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import AlertState, Delivery, Notification
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed
from watchkeeper.domain.window import iso_time
from watchkeeper.domain.wording import facts, one_line
from watchkeeper.hookspecs import hookimpl

from .http_answers import check_address, client, found_instead, place, posted

if TYPE_CHECKING:
    import httpx

_LONGEST_SUMMARY: Final = 1_000
"""Characters; the API takes 1,024."""
_ACCEPTED: Final = 202
_ACTIONS: Final = {AlertState.RESOLVED: "resolve", AlertState.ACKNOWLEDGED: "acknowledge"}


@attrs.frozen
class Options:
    """What can be set."""

    routing_key: str = attrs.field(repr=False)
    """The service's integration key; a secret, so better ``env:NAME`` or ``file:PATH``."""
    url: str = "https://events.pagerduty.com/v2/enqueue"
    """Where events go; another one for the service regions of the EU."""
    timeout_seconds: float = 10.0
    """How long one request may take in all; more than 0 and less than 60."""


class PagerDutyNotifier:
    """Sends events with one client."""

    def __init__(self, options: Options, http: httpx.Client, now: Callable[[], float] = time.time) -> None:
        self._options = options
        self._http = http
        self._now = now

    def send(self, notification: Notification) -> Delivery:
        """Send an event for each alert in it; PagerDuty's own answer to every one is acceptance, not any 2xx."""
        status = 0
        for one in each_alert(notification):
            content = json.dumps(event(one, self._options.routing_key), allow_nan=False).encode()
            headers = {"Content-Type": "application/json"}
            status, answer = posted(self._http, self._options.url, content, headers, self._now)
            if not _is_taken(status, answer):
                told = f"answered {status}, expected 202 or the status success; found {found_instead(answer)}"
                raise DeliveryDelayed(f"{place(self._options.url)} {told}")
        key = _dedup_key(notification)
        return Delivery("pagerduty", f"{status} {key}", thread=key)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def each_alert(notification: Notification) -> list[Notification]:
    """A notification for each alert: incidents are opened and closed one by one."""
    each = [attrs.evolve(notification, others=(), beside_others=())]
    for other in notification.others:
        own = notification.beside(other)
        each.append(Notification(notification.key, other, next_step=own.next_step, link=own.link, reason=own.reason))
    return each


def event(notification: Notification, routing_key: str) -> dict[str, Any]:
    """The event's body."""
    alert = notification.alert
    details: dict[str, str] = {}
    for label, text in facts(notification):
        details[label] = f"{details[label]}; {text}" if label in details else text
    links = [{"href": notification.link, "text": "run book"}] if notification.link else []
    return {
        "routing_key": routing_key,
        "event_action": _ACTIONS.get(alert.state, "trigger"),
        "dedup_key": _dedup_key(notification),
        "client": "watchkeeper",
        "links": links,
        "payload": {
            "summary": f"{one_line(alert.rule, 100)}: {one_line(alert.summary, _LONGEST_SUMMARY - 200)}",
            "source": one_line(alert.model, 200),
            "severity": alert.severity.value,
            "timestamp": iso_time(alert.changed_us),
            "component": one_line(alert.version or alert.model, 200),
            "group": one_line(alert.model, 200),
            "class": one_line(alert.rule, 200),
            "custom_details": details,
        },
    }


def _is_taken(status: int, answer: bytes) -> bool:
    """Whether it is the API's acceptance: the status 202, or an answer that says so."""
    if status == _ACCEPTED:
        return True
    try:
        found = json.loads(answer)
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("status") == "success"


def _dedup_key(notification: Notification) -> str:
    return f"{notification.alert.fingerprint}-{notification.alert.since_us}"[:255]


def build(options: Options) -> PagerDutyNotifier:
    """The notifier; a ConfigError when the options cannot work."""
    if not options.routing_key.strip():
        raise ConfigError("routing_key: expected the service's integration key, found an empty text")
    check_address("url", options.url)
    return PagerDutyNotifier(options, client(options.timeout_seconds))


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``pagerduty``."""
    yield Plugin(Kind.NOTIFIER, "pagerduty", build, Options, summary="Opens and closes PagerDuty incidents")
