"""One attempt to deliver, its errors as values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from watchkeeper.contracts.notifier import Notifier
from watchkeeper.domain.alert import Delivery, Notification
from watchkeeper.domain.errors import DeliveryDelayed, DeliveryError, DeliveryRefused
from watchkeeper.domain.verdict import Failure

T = TypeVar("T")


class Attempt(Protocol):
    """The plugin boundary: what `call` returns, or the failure that it became."""

    def __call__(self, title: str, subject: str, call: Callable[[], T], /) -> T | Failure:
        """Call it."""
        ...


def delivery_or_error(notifier: Notifier, notification: Notification) -> Delivery | DeliveryDelayed | DeliveryRefused:
    """What the notifier does, the errors of its contract as values: only other ones are for the plugin boundary."""
    try:
        delivery = notifier.send(notification)
    except (DeliveryDelayed, DeliveryRefused) as error:
        return error
    except DeliveryError as error:
        return DeliveryDelayed(str(error))
    if not isinstance(delivery, Delivery):
        raise TypeError(f"send() must return a Delivery, found {type(delivery).__name__}")
    return delivery
