"""What happens though nobody asks: what is due at a time, its audit, and a sign of life that stops when it is stuck."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from watchkeeper.clock import Clock
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.domain.alert import Alert, Delivery, Notification, Severity
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.verdict import Failure

from .attempts import Attempt, delivery_or_error
from .letters import Letter
from .own_alerts import own_alert
from .system import Alerting

_log = logging.getLogger("watchkeeper.alerting")
HEARTBEAT: Final = "heartbeat"
STUCK: Final = "escalation-stuck"
"""The rule that a notice about a stuck escalation names."""
_MINUTE_US: Final = 60_000_000
_LATE_US: Final = 900_000_000
_MOST_NAMED: Final = 5


class Caretaker:
    """Takes due escalation steps, tells what was held back, and gives a sign of life only while nothing is stuck.

    Somebody who expects the sign (a dead-man's switch) hears of it when this process, its store, an escalation, or
    delivery stands still: silence is the alarm.

    Parameters
    ----------
    heart
        The notifier that gets the sign of life; None: nobody expects one.
    is_sending
        Whether those who deliver are alive.
    watchdog
        The receiver that is told when an escalation is stuck, and when it no longer is; None: the log alone says it.
    every_seconds
        How often to look.
    beat_us
        How often to look for stuck escalations and to give the sign, in microseconds.
    """

    def __init__(
        self,
        alerting: Alerting,
        clock: Clock,
        attempt: Attempt,
        *,
        heart: Notifier | None = None,
        watchdog: str | None = None,
        is_sending: Callable[[], bool] = lambda: True,
        every_seconds: float = 1.0,
        beat_us: int = _MINUTE_US,
    ) -> None:
        self._alerting = alerting
        self._clock = clock
        self._attempt = attempt
        self._heart = heart
        self._watchdog = watchdog
        self._is_sending = is_sending
        self._trouble = ""
        self._failed = ""
        self._every_seconds = every_seconds
        self._beat_us = beat_us
        self._next_beat_us = 0
        self._stuck: frozenset[str] = frozenset()
        self._stuck_us = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the last look came to nothing; "" when it came to its end."""
        return self._failed

    def look(self) -> None:
        """Do once what is due."""
        try:
            self._alerting.tend()
            # what is further ahead than a beat is of a clock that has been set back since
            if not 0 < self._next_beat_us - self._clock.now_us() <= self._beat_us:
                self._audit()
            self._failed = ""
        except StoreError as error:
            self._failed = str(error)
            _log.warning("escalations and news that was held back wait, the store cannot be used: %s", error)

    def start(self) -> None:
        """Look again and again in the background; when it does already, nothing happens."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._work, name="watchkeeper-caretaker", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End; when it does not run, nothing happens."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(15.0)
            self._thread = None

    def _work(self) -> None:
        while not self._stopping.wait(self._every_seconds):
            result = self._attempt("caretaker", "", self.look)  # one broken look does not end the thread
            if isinstance(result, Failure):
                self._failed = result.error

    def _audit(self) -> None:
        """Look whether every escalation goes on and news is sent; only then give the sign of life."""
        now_us = self._clock.now_us()
        self._next_beat_us = now_us + self._beat_us
        stuck = self._alerting.overdue()
        found = frozenset(alert.fingerprint for alert in stuck)
        if found != self._stuck:
            self._tell(stuck, now_us)
            self._stuck = found
        trouble = self._delivery_trouble(now_us)
        if trouble and trouble != self._trouble:
            _log.error("no sign of life is given: %s", trouble)
        self._trouble = trouble
        if not stuck and not trouble and self._heart is not None:
            self._beat(self._heart, now_us)

    def _delivery_trouble(self, now_us: int) -> str:
        """Why news does not go out; "" when it does."""
        if not self._is_sending():
            return "a thread that sends notifications has died; start the process again"
        if self._alerting.outbox.late(now_us - _LATE_US, limit=1):
            return "notifications are due for 15 minutes and nobody sends them"
        oldest_us = self._alerting.outbox.oldest_critical_us()
        if oldest_us is not None and oldest_us < now_us - _LATE_US:
            return "critical news of 15 minutes ago has not arrived; `watchkeeper doctor` tells what receivers say"
        return ""

    def _tell(self, stuck: Sequence[Alert], now_us: int) -> None:
        """Say which escalations are stuck now; none: that all of them go on again."""
        if not self._stuck:
            self._stuck_us = now_us
        if stuck:
            names = ", ".join(alert.fingerprint for alert in stuck[:_MOST_NAMED])
            _log.error("no sign of life is given: %d escalations are stuck: %s", len(stuck), names)
        else:
            _log.warning("every escalation goes on again")
        if self._watchdog is not None:
            notification = _stuck_notice(stuck, self._stuck_us, now_us)
            self._alerting.outbox.write(Letter(self._watchdog, notification, now_us, now_us, is_uncounted=True))

    def _beat(self, heart: Notifier, now_us: int) -> None:
        sign = self._sign(now_us)
        result = self._attempt("notifier.heartbeat", sign.key, lambda: delivery_or_error(heart, sign))
        if not isinstance(result, Delivery):
            error = result.error if isinstance(result, Failure) else str(result)
            _log.warning("the sign of life was not accepted: %s", error)

    def _sign(self, now_us: int) -> Notification:
        open_alerts = len(self._alerting.alerts(limit=1_000))
        dead = len(self._alerting.outbox.dead_letters(limit=1_000))
        told = f"watchkeeper watches: {open_alerts} alerts are open, {dead} notifications could not be delivered"
        alert = own_alert(HEARTBEAT, Severity.INFO, told, now_us)
        return Notification(f"{HEARTBEAT}-{now_us}", alert)


def _stuck_notice(stuck: Sequence[Alert], since_us: int, now_us: int) -> Notification:
    """What the watchdog is told."""
    named = ", ".join(f"{alert.rule} of {alert.model} ({alert.fingerprint[:8]})" for alert in stuck[:_MOST_NAMED])
    more = f" and {len(stuck) - _MOST_NAMED} more" if len(stuck) > _MOST_NAMED else ""
    told = f"nobody takes the next step of {named}{more}" if stuck else "every escalation goes on again"
    alert = own_alert(STUCK, Severity.CRITICAL, told, since_us, changed_us=now_us, is_over=not stuck)
    step = "Tell those who are next yourself; see whether `watchkeeper run` runs and its store can be written."
    return Notification(f"{STUCK}-{since_us}-{now_us}", alert, next_step=step if stuck else "")
