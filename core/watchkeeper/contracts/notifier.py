"""What a notifier plugin is: it tells somebody, or says clearly that it could not."""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from watchkeeper.domain.alert import Delivery, Notification

LEASE_SECONDS: Final = 60.0
"""For how long a sender has a notification to itself; a notifier's time-out is shorter."""


@runtime_checkable
class Notifier(Protocol):
    """Sends one notification at a time; may be called from several threads, has its own time-out."""

    def send(self, notification: Notification) -> Delivery:
        """Deliver, and return only when the receiver has accepted.

        Pass ``notification.key`` on where the receiver can use it: a retry carries the same key.

        Raises
        ------
        DeliveryDelayed
            Worth another attempt: no connection, a time-out, 429 (with what Retry-After said), 5xx.
        DeliveryRefused
            Not worth one: another 4xx, an address that does not exist.
        """
        ...

    def close(self) -> None:
        """Release connections; may be called twice."""
        ...
