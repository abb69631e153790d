"""Sends the notifications that are due."""

from __future__ import annotations

from watchkeeper.alerting.delivery import DeliveryReport
from watchkeeper.plugins.boundary import attempt

from .assembly import Systems


def delivered(systems: Systems) -> DeliveryReport:
    """One pass over the outbox; what fails is tried again later, or tells why it never will be."""
    return systems.alerting.deliver(systems.notifiers, attempt)
