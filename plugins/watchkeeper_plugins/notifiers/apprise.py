"""Notifier ``apprise``: any of the services that the apprise package knows, by its URL; needs the extra ``notify``.

Apprise says only whether it worked, so every failure is worth another attempt: use a notifier of our own where there is
one, because it can tell a wrong password from a busy server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery, Notification, Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed
from watchkeeper.domain.wording import block, headline
from watchkeeper.hookspecs import hookimpl

from .http_answers import check_timeout
from .time_limits import TimeLimit

_KINDS: Final = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
_OWN: Final = {"mailto": "email", "mailtos": "email", "slack": "slack", "pagerduty": "pagerduty"}
"""Schemes that a notifier of our own serves better."""


@attrs.frozen
class Options:
    """What can be set."""

    url: str = attrs.field(repr=False)
    """One service's apprise URL, such as ``tgram://token/chat``; a secret, so better ``env:NAME`` or ``file:PATH``."""
    timeout_seconds: float = 30.0
    """How long apprise may take in all; more than 0 and less than 60."""


class AppriseNotifier:
    """Opens the service anew for each notification, so that several threads can send at once."""

    def __init__(self, scheme: str, notify: Callable[[str, str, str], bool], timeout_seconds: float = 30.0) -> None:
        self._scheme = scheme
        self._notify = notify
        self._timeout_seconds = timeout_seconds
        self._limit = TimeLimit()

    def send(self, notification: Notification) -> Delivery:
        """Send; apprise's yes is acceptance, its no worth another attempt."""
        title = headline(notification.alert)
        kind = _KINDS[notification.alert.severity]
        try:
            is_sent = self._limit.result(lambda: self._notify(title, block(notification), kind), self._timeout_seconds)
        except TimeoutError as error:
            raise DeliveryDelayed(f"apprise did not deliver by {self._scheme} in time: {error}") from error
        if not is_sent:
            raise DeliveryDelayed(f"apprise could not deliver by {self._scheme}; its own log says why")
        return Delivery(f"apprise {self._scheme}")

    def close(self) -> None:
        """Nothing is held between notifications."""


def build(options: Options) -> AppriseNotifier:
    """The notifier; a ConfigError when the URL is not one of apprise's."""
    import apprise

    check_timeout(options.timeout_seconds)
    scheme = options.url.partition(":")[0].lower()
    if scheme in _OWN:
        raise ConfigError(f"url: {scheme} is better served by the notifier {_OWN[scheme]!r}: it can tell why it fails")
    if apprise.Apprise.instantiate(options.url) is None:
        raise ConfigError(
            "url: apprise does not know how to use it (not shown, it may be secret); see apprise's own list"
        )

    def notify(title: str, body: str, kind: str) -> bool:
        service = apprise.Apprise()
        service.add(options.url)
        return bool(service.notify(title=title, body=body, notify_type=kind, body_format="text"))

    return AppriseNotifier(scheme, notify, options.timeout_seconds)


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``apprise``."""
    summary = "Sends through any service that apprise knows"
    yield Plugin(Kind.NOTIFIER, "apprise", build, Options, summary=summary, extra="notify", modules=("apprise",))
