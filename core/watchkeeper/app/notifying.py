"""Whom alerts are told to: what is due, what could not be delivered, and what is silenced."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from watchkeeper.alerting.letters import Letter
from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.reports import DeliveryReport, Undelivered
from watchkeeper.alerting.silences import Silence
from watchkeeper.domain.alert import Delivery

from .delivering import delivered, delivering, delivery_trouble, is_delivering, tried_out
from .project import Project
from .silencing import require_known_labels


class Notifying(Project):
    """The part of `Watchkeeper` that notifies."""

    def deliver(self) -> DeliveryReport:
        """Send the notifications that are due; tells what was delivered, and what will be tried again."""
        return delivered(self._systems)

    def delivering(self, heard: Callable[[DeliveryReport], None] | None = None) -> AbstractContextManager[None]:
        """Inside the ``with`` block, threads send notifications as they come and take the steps of escalations.

        `heard` is called with what each pass delivered and what it could not, from those threads.
        """
        return delivering(self._systems, heard)

    @property
    def is_delivering(self) -> bool:
        """Whether `delivering` is under way, and every one of its threads is alive."""
        return is_delivering(self._systems)

    @property
    def delivery_trouble(self) -> str:
        """Why the last pass of a thread of `delivering` came to nothing, such as a damaged store; "" when none did."""
        return delivery_trouble(self._systems)

    def try_out(self, notifier: str) -> Delivery | Undelivered:
        """Send one notification that says it is a test to a configured notifier."""
        return tried_out(self._systems, notifier)

    def resend(self, key: str) -> Letter:
        """Make a notification that could not be delivered due again; `deliver` sends it."""
        return self.alerting.outbox.send_again(key, self._systems.clock.now_us(), self.actor)

    def drop(self, key: str) -> Letter:
        """Remove a notification that could not be delivered, because it is of no use any more; the log says who did."""
        return self.alerting.outbox.drop(key, self._systems.clock.now_us(), self.actor)

    def silence(
        self, matchers: Iterable[Matcher], lasts_us: int, *, by: str, comment: str, wait_us: int = 0
    ) -> Silence:
        """Tell nobody about alerts that fit all matchers, for so long, beginning in `wait_us`.

        Raises
        ------
        UsageError
            A matcher has a label that no alert has, with the nearest known one; or there is none at all.
        """
        matchers = tuple(matchers)
        require_known_labels(matchers, self.config, self.alerting.alerts())
        starts_us = self._systems.clock.now_us() + wait_us
        ends_us = starts_us + lasts_us
        return self.alerting.silences.add(matchers, ends_us, by=by, comment=comment, starts_us=starts_us)
