"""A notification as a mail: plain text, and HTML with a small chart of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from typing import Final
from urllib.parse import quote

from watchkeeper.domain.alert import Notification, Severity
from watchkeeper.domain.wording import block, facts, headline, one_line

from .chart import caption_of, chart_of

_LONGEST_SUBJECT: Final = 160


def mail(notification: Notification, sender: str, to: Sequence[str], subject_prefix: str) -> EmailMessage:
    """The whole message; its Message-ID is the same for every attempt, and mails about one alert form a thread.

    Examples
    --------
    >>> from watchkeeper.testing.notifier import sample_notification
    >>> message = mail(sample_notification(), "watchkeeper@example", ["ops@example"], "[desk]")
    >>> message["Subject"]
    '[desk] ⚠ WARNING accuracy-fell: accuracy of momentum is 0.61, below 0.8'
    >>> message["Message-ID"]
    '<sample-1@watchkeeper>'
    """
    alert = notification.alert
    message = EmailMessage(policy=SMTP)
    subject = f"{subject_prefix} {headline(alert)}".strip()
    message["Subject"] = subject if len(subject) <= _LONGEST_SUBJECT else subject[: _LONGEST_SUBJECT - 1] + "…"
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Message-ID"] = f"<{quote(notification.key, safe='')}@watchkeeper>"
    message["References"] = f"<{quote(alert.fingerprint, safe='')}@watchkeeper>"
    message["Auto-Submitted"] = "auto-generated"
    if alert.severity is Severity.CRITICAL:
        message["Importance"] = "high"
    message.set_content(block(notification))
    chart = chart_of(notification)
    message.add_alternative(_page(notification, has_chart=chart is not None), subtype="html")
    if chart is not None:
        pages = message.get_payload()
        pages[-1].add_related(chart, "image", "png", cid="<chart@watchkeeper>")  # type: ignore[index,union-attr]  # a multipart's payload is its parts
    return message


def _page(notification: Notification, *, has_chart: bool) -> str:
    rows = "".join(
        f'<tr><th align="left" valign="top">{escape(label)}</th><td>{_linked(label, text)}</td></tr>'
        for label, text in facts(notification)
    )
    chart = ""
    if has_chart:
        caption = escape(one_line(caption_of(notification)))
        chart = f'<p><img src="cid:chart@watchkeeper" alt="{caption}"><br><small>{caption}</small></p>'
    return (
        f'<html><body style="font-family:sans-serif"><h3>{escape(headline(notification.alert))}</h3>'
        f'<table cellpadding="3">{rows}</table>{chart}</body></html>'
    )


def _linked(label: str, text: str) -> str:
    is_address = label == "runbook" and text.startswith(("https://", "http://"))
    return f'<a href="{escape(text)}">{escape(text)}</a>' if is_address else escape(text)
