"""One mail by SMTP: the connection, and what the server's replies mean."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Collection, Mapping, Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import attrs

from watchkeeper.domain.errors import DeliveryDelayed, DeliveryRefused
from watchkeeper.domain.wording import one_line

from .smtp_deadline import Dialog
from .time_limits import TimeLimit


@attrs.frozen
class Server:
    """Where mail is handed in, and how."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    username: str | None
    password: str | None = attrs.field(repr=False)
    ca_file: Path | None
    timeout_seconds: float


def sent(message: EmailMessage, server: Server, lookups: TimeLimit, done: Collection[str] = ()) -> str:
    """Hand the mail in and give what is to be noted about it; the reply 250 after the text is acceptance.

    Parameters
    ----------
    lookups
        Looks up the server's name.
    done
        Recipients who have it, or will never take it: it is not handed in for them again.

    Raises
    ------
    DeliveryDelayed
        No connection, a time-out, a reply below 500; also when some recipients are put off.
    DeliveryRefused
        A reply from 500 on, a certificate that is not trusted, a way of protection that the server does not offer.
    """
    try:
        recipients = [one.addr_spec for one in message["To"].addresses if one.addr_spec not in done]
        if not recipients:
            return "everybody has it already"
        connection = _connected(server, lookups)
        try:
            refused = connection.send_message(message, to_addrs=recipients)
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                connection.quit()  # what comes after acceptance changes nothing
    except smtplib.SMTPException as error:
        raise _delivery_error(error, server.host) from error
    except ssl.SSLCertVerificationError as error:
        raise DeliveryRefused(
            f"{server.host} cannot be trusted: {error.verify_message}; see the option ca_file"
        ) from error
    except OSError as error:
        raise DeliveryDelayed(f"{server.host} cannot be reached: {error}") from error
    return _accepted(refused, recipients)


def _connected(server: Server, lookups: TimeLimit) -> Dialog:
    trust = None if server.security == "none" else ssl.create_default_context(cafile=server.ca_file)
    from_the_start = trust if server.security == "tls" else None
    connection = Dialog(server.host, server.port, server.timeout_seconds, lookups, from_the_start)
    try:
        if server.security == "starttls":
            connection.starttls(context=trust)
        if server.username is not None:
            connection.login(server.username, server.password or "")
    except (smtplib.SMTPException, OSError):
        connection.close()
        raise
    return connection


def _accepted(refused: Mapping[str, tuple[int, bytes]], recipients: Sequence[str]) -> str:
    """What to note of a mail that the server has taken; a DeliveryDelayed when a recipient may be accepted later."""
    if not refused:
        return f"{len(recipients)} of {len(recipients)} recipients"
    told = ", ".join(f"{address} {code} {_said(answer)}" for address, (code, answer) in refused.items())
    if any(code < 500 for code, _ in refused.values()):
        put_off = {address for address, (code, _) in refused.items() if code < 500}
        done = tuple(address for address in recipients if address not in put_off)
        raise DeliveryDelayed(f"some recipients were put off, they alone get the mail again: {told}", done=done)
    return f"{len(recipients) - len(refused)} of {len(recipients)} recipients, refused: {told}"


def _delivery_error(error: smtplib.SMTPException, host: str) -> DeliveryDelayed | DeliveryRefused:
    """Replies from 500 on are final, others are worth another attempt."""
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryRefused(f"{host} does not offer what is set: {error}; see the option security")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        told = ", ".join(f"{address} {code} {_said(answer)}" for address, (code, answer) in error.recipients.items())
        kind = DeliveryRefused if all(code >= 500 for code in codes) else DeliveryDelayed
        return kind(f"{host} takes mail for none of the recipients: {told}")
    if isinstance(error, smtplib.SMTPResponseException):
        kind = DeliveryRefused if error.smtp_code >= 500 else DeliveryDelayed
        return kind(f"{host} answered {error.smtp_code}: {_said(error.smtp_error)}")
    return DeliveryDelayed(f"{host} broke off: {one_line(str(error), 200)}")


def _said(answer: bytes | str) -> str:
    return one_line(answer.decode("utf-8", errors="replace") if isinstance(answer, bytes) else answer, 200)
