"""Notifier ``slack``: a message in a channel, which is rewritten when the alert is over.

With ``token`` and ``channel`` it uses the Web API: the first message about a firing is posted, what follows while it
fires goes into its thread, and when it is over the message itself is rewritten. With ``url``, an incoming webhook,
every notification is a message of its own, as webhooks can only post.

>>> from watchkeeper.testing.notifier import sample_notification
>>> message(sample_notification())["text"]
'⚠ WARNING accuracy-fell: accuracy of momentum is 0.61, below 0.8'
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import AlertState, Delivery, Notification
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused
from watchkeeper.domain.wording import facts, headline
from watchkeeper.hookspecs import hookimpl

from .http_answers import check_address, client, found_instead, posted

if TYPE_CHECKING:
    import httpx

_LONGEST_TEXT: Final = 2_900
"""Characters of a block; Slack takes 3,000."""
_PASSING: Final = frozenset(
    {"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable", "team_added_to_org"}
)
"""Errors of the Web API that another attempt may not meet."""
_OWN_ERROR: Final = re.compile(rb"[a-z]+(_[a-z]+)+")
"""How an incoming webhook names an error, such as ``invalid_token``."""
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})


@attrs.frozen
class Options:
    """What can be set: either ``url``, or ``token`` and ``channel``."""

    url: str | None = attrs.field(default=None, repr=False)
    """An incoming webhook; a secret, so better ``env:NAME`` or ``file:PATH``."""
    token: str | None = attrs.field(default=None, repr=False)
    """A bot's token with the scope chat:write; a secret too."""
    channel: str | None = None
    """The channel's id or name, such as ``#ops``."""
    api_url: str = "https://slack.com/api"
    """Where the Web API is."""
    timeout_seconds: float = 10.0
    """How long one request may take in all; more than 0 and less than 60."""


class SlackNotifier:
    """Posts and rewrites messages with one client."""

    def __init__(self, options: Options, http: httpx.Client, now: Callable[[], float] = time.time) -> None:
        self._options = options
        self._http = http
        self._now = now

    def send(self, notification: Notification) -> Delivery:
        """Post, answer in the thread, or rewrite; acceptance is ``ok`` in the answer, not its status alone.

        A message about several alerts stays as it is, because they are not over together.
        """
        if self._options.url is not None:
            return self._by_webhook(self._options.url, message(notification))
        return self._by_api(notification)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _by_webhook(self, url: str, content: dict[str, Any]) -> Delivery:
        status, answer = posted(self._http, url, _json(content), {"Content-Type": _JSON}, self._now)
        said = answer.strip()
        if said == b"ok":
            return Delivery("slack", str(status))
        if _OWN_ERROR.fullmatch(said):
            raise DeliveryRefused(f"slack answered {status}: {said.decode()}")
        raise DeliveryDelayed(f"slack answered {status}, expected ok; found {found_instead(answer)}")

    def _by_api(self, notification: Notification) -> Delivery:
        content = {**message(notification), "channel": self._options.channel, **_metadata(notification)}
        if notification.others:
            return attrs.evolve(self._delivery(self._called("chat.postMessage", content)), thread=None)
        if notification.thread is None:
            return self._delivery(self._called("chat.postMessage", content))
        channel, _, moment = notification.thread.partition(":")
        try:
            if notification.alert.state is AlertState.RESOLVED:
                return self._delivery(self._called("chat.update", {**content, "channel": channel, "ts": moment}))
            reply = self._called("chat.postMessage", {**content, "channel": channel, "thread_ts": moment})
            return attrs.evolve(self._delivery(reply), thread=notification.thread)
        except _MessageGone:
            return self._delivery(self._called("chat.postMessage", content))

    def _called(self, method: str, content: dict[str, Any]) -> dict[str, Any]:
        """The Web API's answer, when it says ``ok``."""
        headers = {"Content-Type": _JSON, "Authorization": f"Bearer {self._options.token}"}
        _, answer = posted(self._http, f"{self._options.api_url}/{method}", _json(content), headers, self._now)
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise DeliveryDelayed(f"slack's answer to {method} is not JSON: {found_instead(answer)}")
        if found.get("ok") is True:
            return found
        error = str(found.get("error"))
        if error in _GONE:
            raise _MessageGone(f"slack answered {method} with {error}")
        kind = DeliveryDelayed if error in _PASSING else DeliveryRefused
        raise kind(f"slack answered {method} with {error}{_hint(error)}")

    def _delivery(self, answer: dict[str, Any]) -> Delivery:
        moment = str(answer.get("ts", ""))
        return Delivery("slack", moment, thread=f"{answer.get('channel', self._options.channel)}:{moment}")


class _MessageGone(DeliveryRefused):
    """The message to rewrite or to answer is not there any more."""


_JSON: Final = "application/json; charset=utf-8"


def message(notification: Notification) -> dict[str, Any]:
    """The text for lists and screen readers, and blocks for the eye."""
    title = _escaped(headline(notification.alert))[:_LONGEST_TEXT]
    lines = "\n".join(f"*{label}* {_escaped(text)}" for label, text in facts(notification))
    blocks = [_section(f"*{title}*"), _section(lines if len(lines) <= _LONGEST_TEXT else lines[:_LONGEST_TEXT] + " …")]
    return {"text": title, "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _metadata(notification: Notification) -> dict[str, Any]:
    """The key, so that somebody who reads the channel by program can drop a message that came twice."""
    return {"metadata": {"event_type": "watchkeeper_alert", "event_payload": {"key": notification.key}}}


def _escaped(text: str) -> str:
    """Slack's control characters as themselves: no name of a feature mentions a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _hint(error: str) -> str:
    hints = {
        "not_in_channel": ": invite the bot to the channel",
        "channel_not_found": ": see the option channel, and invite the bot to a private one",
        "invalid_auth": ": see the option token",
        "missing_scope": ": the token needs the scope chat:write",
    }
    return hints.get(error, "")


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, allow_nan=False).encode()


def build(options: Options) -> SlackNotifier:
    """The notifier; a ConfigError when the options cannot work."""
    if (options.url is None) == (options.token is None):
        raise ConfigError("expected either url (an incoming webhook) or token and channel (the Web API)")
    if options.token is not None and not options.channel:
        raise ConfigError("channel: expected a channel such as #ops beside the token")
    check_address("api_url", options.api_url)
    if options.url is not None:
        check_address("url", options.url)
    return SlackNotifier(options, client(options.timeout_seconds))


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``slack``."""
    yield Plugin(Kind.NOTIFIER, "slack", build, Options, summary="Posts to a Slack channel, and rewrites what is over")
