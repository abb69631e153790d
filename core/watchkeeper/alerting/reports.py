"""What one pass over the outbox did."""

from __future__ import annotations

import attrs

from watchkeeper.domain.alert import Delivery
from watchkeeper.domain.verdict import Failure


@attrs.frozen
class Undelivered:
    """One attempt that failed."""

    receiver: str
    key: str
    error: str
    is_final: bool
    """Whether it is a dead letter now, and not tried again."""


@attrs.frozen
class DeliveryReport:
    """What one pass over the outbox did."""

    delivered: tuple[Delivery, ...] = ()
    undelivered: tuple[Undelivered, ...] = ()
    failures: tuple[Failure, ...] = ()
    """Notifiers that raised what they must not."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was tried."""
        return not (self.delivered or self.undelivered or self.failures)

    def __add__(self, other: DeliveryReport) -> DeliveryReport:
        return DeliveryReport(
            self.delivered + other.delivered, self.undelivered + other.undelivered, self.failures + other.failures
        )
