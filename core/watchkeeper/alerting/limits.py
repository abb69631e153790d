"""Limits of how much one receiver is told: what is above them waits, and the receiver hears that it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from watchkeeper.contracts.storage import Durability, LogEntry, Namespace, Operation, Put, Storage
from watchkeeper.domain.alert import AlertState, Notification, Severity
from watchkeeper.domain.errors import ConfigError, Conflict

from .letters import ALERT_LOG, SAME_TIME_US, Letter
from .own_alerts import own_alert

ALLOWANCES: Final = Namespace("allowances")
"""One document a receiver with a limit: what it may still be told, counted over all processes."""
LIMITED: Final = "notification-limit"
"""The rule that a notice about a limit names."""
_MINUTE_US: Final = 60_000_000
_ATTEMPTS: Final = 8


@attrs.frozen
class Limit:
    """So many notifications a minute, and at most `burst` at once. Critical ones are not counted and never wait.

    Raises
    ------
    ConfigError
        When nothing could ever be told.
    """

    per_minute: float
    burst: int = 10

    def __attrs_post_init__(self) -> None:
        if not self.per_minute > 0 or self.burst < 1:
            raise ConfigError(
                f"a limit is more than 0 a minute and at least 1 at once, found {self.per_minute:g} and {self.burst}"
            )

    def __str__(self) -> str:
        return f"{self.per_minute:g} a minute"


@attrs.frozen
class Allowance:
    """A token bucket: each notification takes one, and they come back evenly; below 0 they are given in advance."""

    tokens: float
    at_us: int
    held: int = 0
    """How many were held back since `limited_us`."""
    limited_us: int | None = None
    """Since when some are; None while none is."""
    revision: int = 0

    def at(self, limit: Limit, now_us: int) -> Allowance:
        """With what has come back; a clock that is set back a little adds nothing, and counts no time twice afterwards.

        One that is set back by more counts from now on: else nothing would come back until it is as late again.
        """
        if now_us < self.at_us - SAME_TIME_US:
            return attrs.evolve(self, at_us=now_us)
        passed = max(0, now_us - self.at_us)
        tokens = min(float(limit.burst), self.tokens + passed * limit.per_minute / _MINUTE_US)
        return attrs.evolve(self, tokens=tokens, at_us=max(now_us, self.at_us))

    def taken(self, limit: Limit, now_us: int) -> tuple[Allowance, int]:
        """After one more notification, and how many microseconds that has to wait."""
        rest = attrs.evolve(self.at(limit, now_us), tokens=self.at(limit, now_us).tokens - 1.0)
        if rest.tokens >= 0:
            return rest, 0
        since_us = now_us if self.limited_us is None else self.limited_us
        wait_us = max(1, round(-rest.tokens * _MINUTE_US / limit.per_minute))
        return attrs.evolve(rest, held=self.held + 1, limited_us=since_us), wait_us


@attrs.frozen(eq=False)
class RateLimits:
    """Counts what receivers are told, in the store; safe for many senders in many processes."""

    storage: Storage
    limits: Mapping[str, Limit]

    def wait_us(self, receiver: str, now_us: int) -> int:
        """Count one notification and give how long it has to wait; when it is the first that has to, tell so."""
        limit = self.limits[receiver]
        for _ in range(_ATTEMPTS):
            before = self._allowance(receiver, limit, now_us)
            after, wait_us = before.taken(limit, now_us)
            is_first = before.limited_us is None and after.limited_us is not None
            if self._stored(receiver, after, _notice(receiver, limit, after, now_us) if is_first else None, now_us):
                return wait_us
        return 0  # rather one too many than one that nobody sends

    def settle(self, receiver: str, now_us: int) -> None:
        """Tell the receiver when nothing has to wait any more."""
        limit = self.limits.get(receiver)
        if limit is None:
            return
        now = self._allowance(receiver, limit, now_us).at(limit, now_us)
        if now.limited_us is None or now.tokens < 1.0:
            return
        over = attrs.evolve(now, held=0, limited_us=None)
        self._stored(receiver, over, _notice(receiver, limit, now, now_us, is_over=True), now_us)

    def _allowance(self, receiver: str, limit: Limit, now_us: int) -> Allowance:
        document = self.storage.get(ALLOWANCES, receiver)
        if document is None:
            return Allowance(float(limit.burst), now_us)
        return Allowance(**document.value, revision=document.revision)

    def _stored(self, receiver: str, allowance: Allowance, notice: Letter | None, now_us: int) -> bool:
        """Whether it is in the store with the notice; False when another process was faster."""
        plain = attrs.asdict(allowance, filter=lambda field, _: field.name != "revision")
        operations: list[Operation] = [Put(ALLOWANCES, receiver, plain, expect=allowance.revision)]
        if notice is not None:
            operations += [notice.put(), _entry(receiver, notice, now_us)]
        try:
            self.storage.commit(operations, Durability.FLUSHED)
        except Conflict:
            return False
        return True


def _notice(receiver: str, limit: Limit, allowance: Allowance, now_us: int, *, is_over: bool = False) -> Letter:
    since_us = now_us if allowance.limited_us is None else allowance.limited_us
    summary = (
        f"nothing is held back any more: {allowance.held} notifications to {receiver} came later than they would have"
        if is_over
        else f"more is due to {receiver} than its limit of {limit}: what is above it comes later and says so; critical "
        "news comes at once"
    )
    alert = own_alert(
        LIMITED,
        Severity.WARNING,
        summary,
        since_us,
        changed_us=now_us,
        fingerprint=f"{LIMITED}-{receiver}",
        is_over=is_over,
    )
    key = f"{alert.fingerprint}-{since_us}-{alert.state.value}"
    next_step = "" if is_over else "`watchkeeper alerts list` shows everything that fires now."
    return Letter(receiver, Notification(key, alert, next_step=next_step), now_us, now_us, is_uncounted=True)


def _entry(receiver: str, notice: Letter, now_us: int) -> LogEntry:
    is_over = notice.notification.alert.state is AlertState.RESOLVED
    body = {
        "event": "limit over" if is_over else "limited",
        "key": notice.key,
        "fingerprint": notice.notification.alert.fingerprint,
        "receiver": receiver,
        "detail": notice.notification.alert.summary,
        "at_us": now_us,
    }
    return LogEntry(ALERT_LOG, body)
