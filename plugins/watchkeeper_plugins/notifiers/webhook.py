"""Notifier ``webhook``: posts each notification as JSON, signed when there is a secret.

The body holds ``key``, ``alert``, ``measurements``, ``next_step``, ``link``, ``reason``, ``history`` and ``background``
(what was deployed last, what has drifted, which features matter); times are UTC microseconds, those of the alert also
ISO 8601. ``Idempotency-Key`` is the same for every attempt of one notification.

With a secret, ``Watchkeeper-Signature: t=<seconds>,v1=<hex>`` is HMAC-SHA256 over ``<seconds>.<body>``. A receiver
computes the same, compares in constant time, and refuses a ``t`` that is older than it likes:

>>> import hashlib, hmac
>>> body = b'{"key": "a-1"}'
>>> header = signature(b"s3cret", 1_225_497_600, body)
>>> expected = hmac.new(b"s3cret", b"1225497600." + body, hashlib.sha256).hexdigest()
>>> header == f"t=1225497600,v1={expected}"
True
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery, Notification
from watchkeeper.domain.plain import plain_notification
from watchkeeper.domain.window import iso_time
from watchkeeper.hookspecs import hookimpl

from .http_answers import check_address, client, place, posted

if TYPE_CHECKING:
    import httpx


@attrs.frozen
class Options:
    """What can be set."""

    url: str = attrs.field(repr=False)
    """An http or https address; often a secret, so better ``env:NAME`` or ``file:PATH``."""
    secret: str | None = attrs.field(default=None, repr=False)
    """Signs every request when given."""
    timeout_seconds: float = 10.0
    """How long one request may take in all; more than 0 and less than 60."""
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Sent along, such as ``Authorization``."""


class WebhookNotifier:
    """Posts with one client, whose connections are kept and shared between threads."""

    def __init__(self, options: Options, http: httpx.Client, now: Callable[[], float] = time.time) -> None:
        self._options = options
        self._http = http
        self._now = now

    def send(self, notification: Notification) -> Delivery:
        """Post; a 2xx status is acceptance, whatever becomes of the answer's body."""
        content = body(notification)
        headers = {**self._options.headers, "Content-Type": "application/json"}
        headers["Idempotency-Key"] = urllib.parse.quote(notification.key, safe="/:=+")
        if self._options.secret is not None:
            headers["Watchkeeper-Signature"] = signature(self._options.secret.encode(), int(self._now()), content)
        status, _ = posted(self._http, self._options.url, content, headers, self._now)
        return Delivery(place(self._options.url), str(status))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def body(notification: Notification) -> bytes:
    """The JSON that is posted, in ASCII."""
    plain: dict[str, Any] = plain_notification(notification)
    plain["alert"]["since"] = iso_time(notification.alert.since_us)
    plain["alert"]["changed"] = iso_time(notification.alert.changed_us)
    return json.dumps(plain, allow_nan=False).encode()


def signature(secret: bytes, at_seconds: int, content: bytes) -> str:
    """The header's value."""
    digest = hmac.new(secret, f"{at_seconds}.".encode() + content, hashlib.sha256).hexdigest()
    return f"t={at_seconds},v1={digest}"


def build(options: Options) -> WebhookNotifier:
    """The notifier; a ConfigError when the options cannot work."""
    check_address("url", options.url)
    return WebhookNotifier(options, client(options.timeout_seconds))


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``webhook``."""
    yield Plugin(Kind.NOTIFIER, "webhook", build, Options, summary="Posts JSON to an address, signed with HMAC-SHA256")
