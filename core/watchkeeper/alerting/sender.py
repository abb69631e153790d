"""Background threads that deliver as soon as there is something: for a process that stays."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.verdict import Failure

from .delivery import Courier
from .reports import DeliveryReport

_log = logging.getLogger("watchkeeper.alerting")
_PAUSE_SECONDS: Final = 1.0


class Sender:
    """Delivers in the background, each receiver in threads of its own: one that hangs holds up nobody else.

    Parameters
    ----------
    courier
        What does the sending.
    threads
        How many for each receiver: one stalled attempt does not hold up the receiver's other letters either.
    heard
        Called with what each pass did, when it did something; from the threads.
    poll_seconds
        How often to look for what other processes have written, and for retries that have become due.
    """

    def __init__(
        self,
        courier: Courier,
        *,
        threads: int = 2,
        poll_seconds: float = 0.25,
        heard: Callable[[DeliveryReport], None] | None = None,
    ) -> None:
        self._courier = courier
        self._heard = heard
        self._threads = threads
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._running: list[threading.Thread] = []

    @property
    def is_running(self) -> bool:
        """Whether every thread is alive."""
        return bool(self._running) and all(thread.is_alive() for thread in self._running)

    def start(self) -> None:
        """Begin; when it is running already, nothing happens."""
        if self._running:
            return
        self._stopping.clear()
        receivers: list[str | None] = [name for name in self._courier.notifiers for _ in range(self._threads)]
        self._running = [
            threading.Thread(target=self._work, args=(receiver,), name=f"watchkeeper-send-{receiver}", daemon=True)
            for receiver in [*receivers, None]
        ]
        for thread in self._running:
            thread.start()

    def stop(self, timeout_seconds: float = 15.0) -> None:
        """End after the attempts that are being made; when it does not run, nothing happens.

        A thread that still waits for a receiver after `timeout_seconds` in all is left behind; its letter is due again
        when the lease ends.
        """
        self._stopping.set()
        self._courier.outbox.wake()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._running:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._running = []

    def _work(self, receiver: str | None) -> None:
        """Deliver to one receiver, or look after letters that are for nobody, until it is stopped."""
        seen = -1
        while not self._stopping.is_set():
            seen = self._courier.outbox.wait(seen, self._poll_seconds)
            if self._stopping.is_set():
                return
            if isinstance(self._courier.attempt("sender", receiver or "", lambda: self._pass(receiver)), Failure):
                self._stopping.wait(_PAUSE_SECONDS)  # one broken pass ends no thread

    def _pass(self, receiver: str | None) -> None:
        """Deliver once."""
        try:
            report = self._courier.unknown_receivers() if receiver is None else self._courier.deliver_to(receiver)
        except StoreError as error:
            _log.warning("delivery pauses, the store cannot be used: %s", error, extra={"receiver": receiver})
            self._stopping.wait(_PAUSE_SECONDS)
            return
        if self._heard is not None and not report.is_empty:
            self._heard(report)
