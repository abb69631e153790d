"""Delivers what is in the outbox: takes, sends, and decides what a failure means."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.domain.alert import Delivery, Notification, Severity
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryRefused, PluginError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.verdict import Failure

from .attempts import Attempt, delivery_or_error
from .lease import Lease
from .letters import Letter
from .limits import RateLimits
from .outbox import Outbox
from .patience import Patience
from .reports import DeliveryReport, Undelivered
from .trials import trial, trial_over

_MOST_RECEIVERS_AT_ONCE: Final = 16
_MOST_CRITICAL_AT_ONCE: Final = 8
_MOST_DUE: Final = 256


@attrs.frozen(eq=False)
class Courier:
    """Sends the letters of an outbox through notifiers.

    Parameters
    ----------
    notifiers
        By the names that rules use.
    attempt
        The plugin boundary, so that a broken notifier breaks only itself.
    rng
        Spreads the retries.
    fallback
        A receiver that is told when another cannot be reached for good.
    limits
        How much receivers are told; None: as much as there is.
    """

    outbox: Outbox
    notifiers: Mapping[str, Notifier]
    attempt: Attempt
    clock: Clock
    rng: random.Random
    patience: Patience = attrs.field(factory=Patience)
    fallback: str | None = None
    limits: RateLimits | None = None

    def deliver(self) -> DeliveryReport:
        """One pass over everything that is due, the receivers side by side: none waits for another.

        Each is told critical news first, several at once.
        """
        self.outbox.repair_times(self.clock.now_us())
        report = DeliveryReport()
        if self.notifiers:
            threads = min(len(self.notifiers), _MOST_RECEIVERS_AT_ONCE)
            with ThreadPoolExecutor(threads, "watchkeeper-deliver") as pool:
                report = sum(pool.map(self._critical_first, self.notifiers), report)
        return report + self.unknown_receivers()

    def _critical_first(self, receiver: str) -> DeliveryReport:
        report = DeliveryReport()
        while letters := self.critical(receiver, _MOST_CRITICAL_AT_ONCE):
            with ThreadPoolExecutor(len(letters), f"watchkeeper-critical-{receiver}") as pool:
                found = list(pool.map(self.deliver_one, letters))
            report = sum(found, report)
            if not all(one.delivered for one in found):
                break  # it fails, or waits for something: what is left goes one by one, as long as that is of use
        return report + self.deliver_to(receiver)

    def unknown_receivers(self) -> DeliveryReport:
        """Letters for receivers that are not configured wait, and it is said: the configuration may be repaired."""
        report = DeliveryReport()
        now_us = self.clock.now_us()
        due = self.outbox.waiting(limit=_MOST_DUE)
        for receiver in sorted({letter.receiver for letter in due if letter.next_us <= now_us} - set(self.notifiers)):
            seen: set[str] = set()  # by chance a wait may be over at once
            while (taken := self._take(receiver, now_us)) and not seen.issuperset(letter.key for letter in taken):
                seen |= {letter.key for letter in taken}
                for letter in taken:
                    report += self._delayed(letter, self._unknown(receiver), None)
        return report

    def _unknown(self, receiver: str) -> str:
        return f"no notifier is called {receiver!r}{did_you_mean(receiver, self.notifiers)}"

    def try_out(self, receiver: str) -> Delivery | Undelivered:
        """Send one notification that says it is a test, past the outbox; once, and not kept.

        Where it opens something that stays open (an incident, a message to be rewritten), its end follows at once.
        """
        begun = trial(receiver, self.clock.now_us())
        delivery = self._tried(receiver, begun)
        if isinstance(delivery, Undelivered):
            return delivery
        over = trial_over(begun, delivery, self.clock.now_us())
        end = delivery if over is None else self._tried(receiver, over)
        if isinstance(end, Undelivered):
            return attrs.evolve(end, error=f"the test was accepted, and its end was not: {end.error}")
        return delivery

    def _tried(self, receiver: str, notification: Notification) -> Delivery | Undelivered:
        call = partial(self._delivery_or_error, receiver, notification)
        result = self.attempt(f"notifier.{receiver}", notification.key, call)
        if isinstance(result, Delivery):
            return result
        error = result.error if isinstance(result, Failure) else str(result)
        return Undelivered(receiver, notification.key, error, is_final=True)

    def deliver_to(self, receiver: str) -> DeliveryReport:
        """One pass over what is due for one receiver.

        It ends early when several attempts in a row fail, or all that is due has been found to wait for something else.
        """
        report = DeliveryReport()
        in_a_row = 0
        held: set[str] = set()
        until_us = self.clock.now_us()
        if self.limits is not None:
            self.limits.settle(receiver, until_us)
        while taken := self._take(receiver, until_us):
            is_sent = False
            for at, letter in enumerate(taken):
                if self.clock.now_us() > letter.next_us - _us(self.patience.lease_seconds / 2):
                    break  # the lease may end while it is being sent; it is due again by itself then
                result = self.deliver_one(letter)
                if result.is_empty:
                    continue
                report += result
                is_sent = True
                in_a_row = 0 if result.delivered else in_a_row + 1
                if in_a_row >= self.patience.failures_in_a_row:
                    self._release(taken[at + 1 :], "other notifications to this receiver fail")
                    return report
            keys = {letter.key for letter in taken}
            if not is_sent and keys <= held:
                return report
            held = set() if is_sent else held | keys
        return report

    def critical(self, receiver: str, limit: int) -> tuple[Letter, ...]:
        """Up to `limit` critical letters that are due, leased: each is to be sent at once, beside the others."""
        now_us = self.clock.now_us()
        lease_until_us = now_us + _us(self.patience.lease_seconds)
        return self.outbox.take_critical(receiver, now_us, lease_until_us, limit)

    def deliver_one(self, letter: Letter) -> DeliveryReport:
        """Send a leased letter; nothing is reported of one that has to wait."""
        return DeliveryReport() if self._is_held(letter) or self._is_limited(letter) else self._sent(letter)

    def _take(self, receiver: str, due_until_us: int) -> tuple[Letter, ...]:
        now_us = self.clock.now_us()
        lease_until_us = now_us + _us(self.patience.lease_seconds)
        return self.outbox.take(receiver, due_until_us, lease_until_us, self.patience.batch, now_us)

    def _is_held(self, letter: Letter) -> bool:
        """Whether an earlier letter about the same alert comes first: no end is told before its beginning."""
        now_us = self.clock.now_us()
        until_us = self.outbox.held_until(letter, now_us)
        if until_us is not None:
            self.outbox.postponed(attrs.evolve(letter, attempts=letter.attempts - 1), until_us, letter.error, now_us)
        return until_us is not None

    def _is_limited(self, letter: Letter) -> bool:
        """Whether the receiver has been told enough for now; critical news and repeated attempts are not counted."""
        if self.limits is None or letter.receiver not in self.limits.limits:
            return False
        is_free = letter.is_uncounted or letter.notification.alert.severity is Severity.CRITICAL
        if is_free or letter.is_limited or letter.attempts > 1:  # who was held back has been counted
            return False
        now_us = self.clock.now_us()
        wait_us = self.limits.wait_us(letter.receiver, now_us)
        if wait_us:
            held = attrs.evolve(letter, attempts=letter.attempts - 1, is_limited=True)
            limit = self.limits.limits[letter.receiver]
            self.outbox.postponed(held, now_us + wait_us, f"held back by the limit of {limit}", now_us)
            self.outbox.wake()
        return wait_us > 0

    def _notification(self, letter: Letter) -> Notification:
        """The letter's notification, saying so when it was held back."""
        notification = self.outbox.told(letter)
        if not letter.is_limited:
            return notification
        seconds = max(0, self.clock.now_us() - letter.first_us) // 1_000_000
        limit = None if self.limits is None else self.limits.limits.get(letter.receiver)
        told = f"it comes {seconds} s late: this receiver's limit is {limit or 'lifted'}"
        return attrs.evolve(notification, reason="; ".join(filter(None, [notification.reason, told])))

    def _sent(self, letter: Letter) -> DeliveryReport:
        title = f"notifier.{letter.receiver}"
        told = self.attempt(title, letter.key, lambda: self._notification(letter))
        if isinstance(told, Failure):
            return self._failed(letter, told)
        with Lease(self.outbox, letter, self.clock, self.patience.lease_seconds) as lease:
            result = self.attempt(title, letter.key, lambda: self._delivery_or_error(letter.receiver, told))
        letter = lease.letter
        if isinstance(result, Delivery):
            self.outbox.follow_up(letter, told, self.clock.now_us())
            self.outbox.accepted(letter, result, self.clock.now_us())
            return DeliveryReport((result,))
        if isinstance(result, Failure):
            return self._failed(letter, result)
        if isinstance(result, DeliveryRefused):
            return self._dead(letter, str(result))
        known = attrs.evolve(letter, done=tuple(dict.fromkeys((*letter.done, *result.done))))
        return self._delayed(known, str(result), result.retry_after_seconds)

    def _delivery_or_error(
        self, receiver: str, notification: Notification
    ) -> Delivery | DeliveryDelayed | DeliveryRefused:
        if receiver not in self.notifiers:
            return DeliveryDelayed(self._unknown(receiver))
        try:
            notifier = self.notifiers[receiver]  # it may be built now, which can fail
        except (ConfigError, PluginError) as error:
            return DeliveryDelayed(f"the notifier cannot be made: {error}")
        return delivery_or_error(notifier, notification)

    def _failed(self, letter: Letter, failure: Failure) -> DeliveryReport:
        """A notifier's bug: it may be a passing one, so it is tried a few times."""
        is_final = letter.attempts >= self.patience.broken_attempts
        report = self._dead(letter, failure.error) if is_final else self._delayed(letter, failure.error, None)
        return report + DeliveryReport(failures=(failure,))

    def _delayed(self, letter: Letter, error: str, retry_after_seconds: float | None) -> DeliveryReport:
        now_us = self.clock.now_us()
        wait = self.patience.wait_seconds(letter.attempts, retry_after_seconds, self.rng)
        if now_us + _us(wait) - letter.first_us > _us(self.patience.give_up_seconds):
            return self._dead(letter, f"{error} (tried {letter.attempts} times)")
        self.outbox.postponed(letter, now_us + _us(wait), error, now_us)
        return DeliveryReport(undelivered=(Undelivered(letter.receiver, letter.key, error, is_final=False),))

    def _dead(self, letter: Letter, error: str) -> DeliveryReport:
        now_us = self.clock.now_us()
        self.outbox.given_up(letter, error, now_us, self._instead(letter, error, now_us))
        return DeliveryReport(undelivered=(Undelivered(letter.receiver, letter.key, error, is_final=True),))

    def _instead(self, letter: Letter, error: str, now_us: int) -> Letter | None:
        """The same news for the fallback receiver, saying whom it did not reach."""
        if self.fallback is None or letter.is_fallback or letter.receiver == self.fallback:
            return None
        notification = attrs.evolve(
            letter.notification,
            key=f"{letter.key}-instead-{letter.first_us}",
            reason=f"it could not be delivered to {letter.receiver}: {error}",
        )
        return Letter(self.fallback, notification, now_us, now_us, is_fallback=True, is_belated=True)

    def _release(self, letters: Sequence[Letter], error: str) -> None:
        """Letters that were leased and not tried wait a moment, which is no attempt."""
        for letter in letters:
            untried = attrs.evolve(letter, attempts=letter.attempts - 1)
            wait_us, now_us = _us(self.patience.wait_seconds(1, None, self.rng)), self.clock.now_us()
            self.outbox.postponed(untried, now_us + wait_us, letter.error or error, now_us)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
