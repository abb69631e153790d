"""Notifier ``email``: one mail for each notification, as plain text and as HTML with a small chart.

>>> notifier = build(Options(host="mail.example", sender="watchkeeper@example", to=("ops@example",)))
>>> notifier.close()
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery, Notification
from watchkeeper.domain.errors import ConfigError
from watchkeeper.hookspecs import hookimpl

from .http_answers import check_timeout
from .time_limits import TimeLimit


@attrs.frozen
class Options:
    """What can be set."""

    host: str
    """The mail server."""
    sender: str
    """The address in From."""
    to: tuple[str, ...]
    """The addresses in To; one mail goes to all of them."""
    port: int = 587
    """587 for STARTTLS, 465 for TLS, 25 within one's own network."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected; with ``none`` anybody on the way can read it."""
    username: str | None = None
    """Logs in when given."""
    password: str | None = attrs.field(default=None, repr=False)
    """Better ``env:NAME`` or ``file:PATH``."""
    ca_file: Path | None = None
    """Certificates to trust instead of the system's, such as a company's own."""
    timeout_seconds: float = 10.0
    """How long each step may take; the whole mail three times as long, and never longer than a minute."""
    subject_prefix: str = "[watchkeeper]"
    """What every subject begins with."""


class EmailNotifier:
    """Opens a connection for each mail, so that several threads can send at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lookups = TimeLimit()

    def send(self, notification: Notification) -> Delivery:
        """Send; the server's acceptance of the text is acceptance."""
        from .mail_message import mail
        from .smtp_session import Server, sent

        options = self._options
        message = mail(notification, options.sender, options.to, options.subject_prefix)
        server = Server(
            options.host,
            options.port,
            options.security,
            options.username,
            options.password,
            options.ca_file,
            options.timeout_seconds,
        )
        return Delivery(options.host, sent(message, server, self._lookups, notification.done))

    def close(self) -> None:
        """Nothing is held between mails."""


def build(options: Options) -> EmailNotifier:
    """The notifier; a ConfigError when the options cannot work."""
    if not options.to:
        raise ConfigError("to: expected at least one address")
    for key, address in [("sender", options.sender), *(("to", address) for address in options.to)]:
        name, at, place = address.rpartition("@")
        if not (name and at and place) or any(letter in address for letter in " ,;<>\r\n"):
            raise ConfigError(f"{key}: expected an address such as ops@example.com, found {address!r}")
    check_timeout(options.timeout_seconds)
    if options.password is not None and options.security == "none":
        raise ConfigError('security: expected "starttls" or "tls" when there is a password, found "none"')
    if options.ca_file is not None and not options.ca_file.is_file():
        raise ConfigError(f"ca_file: there is no file {str(options.ca_file)!r}")
    return EmailNotifier(options)


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``email``."""
    yield Plugin(Kind.NOTIFIER, "email", build, Options, summary="Sends mail by SMTP, as text and as HTML with a chart")
