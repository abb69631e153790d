"""A letter that cannot be read becomes a dead one that says so, with what it held beside it."""

from __future__ import annotations

from typing import Final

import attrs

from watchkeeper.contracts.storage import Document, Operation
from watchkeeper.domain.alert import Notification, Severity

from .letters import Letter, Status, due_us_of, entry
from .own_alerts import own_alert

UNREADABLE: Final = "unreadable-letter"
"""The rule that a letter names which stands for one that cannot be read."""


def put_aside(document: Document, error: str) -> list[Operation]:
    """A letter that cannot be read becomes a dead one that says so, with what it held beside it."""
    now_us = due_us_of(document)
    summary = f"a notification was kept that cannot be read: {document.key}"
    alert = own_alert(UNREADABLE, Severity.WARNING, summary, now_us)
    notification = Notification(document.key, alert)
    dead = Letter(str(document.index["receiver"]), notification, now_us, now_us, status=Status.DEAD, error=error)
    put = attrs.evolve(dead, revision=document.revision).put()
    kept = attrs.evolve(put, value={**put.value, "unreadable": document.value})
    return [kept, entry("undeliverable", dead, now_us, detail=error)]
