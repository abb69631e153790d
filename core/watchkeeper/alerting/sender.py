"""Background threads that deliver as soon as there is something: for a process that stays."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.verdict import Failure

from .delivery import Courier
from .reports import DeliveryReport
from .reserve import Reserve

_log = logging.getLogger("watchkeeper.alerting")
_PAUSE_SECONDS: Final = 1.0
_REPAIR_SECONDS: Final = 10.0


class Sender:
    """Delivers in the background, each receiver in threads of its own: one that hangs holds up nobody else.

    Parameters
    ----------
    courier
        What does the sending.
    threads
        How many for each receiver: one stalled attempt does not hold up the receiver's other letters either.
    reserve
        How many critical letters to each receiver are sent at once beside these threads, whatever these wait for.
    heard
        Called with what each pass did, when it did something; from the threads. None: what is given up is logged.
    poll_seconds
        How often to look for what other processes have written, and for retries that have become due.
    """

    def __init__(
        self,
        courier: Courier,
        *,
        threads: int = 2,
        reserve: int = 8,
        poll_seconds: float = 0.25,
        heard: Callable[[DeliveryReport], None] | None = None,
    ) -> None:
        self._courier = courier
        self._heard = heard or _logged
        self._threads = threads
        self._reserve = reserve
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._running: list[threading.Thread] = []
        self._reserves: list[Reserve] = []
        self._next_repair = 0.0
        self._failed: dict[str, str] = {}

    @property
    def is_running(self) -> bool:
        """Whether every thread is alive."""
        return bool(self._running) and all(thread.is_alive() for thread in self._running)

    @property
    def trouble(self) -> str:
        """Why the last pass of a thread came to nothing; "" when each came to its end."""
        return next(iter(tuple(self._failed.values())), "")

    def start(self) -> None:
        """Begin; when it is running already, nothing happens."""
        if self._running:
            return
        self._stopping.clear()
        work = [("letters-for-nobody", self._look_after)]
        for name in self._courier.notifiers:
            work += [(name, partial(self._deliver, name))] * self._threads
            reserve = Reserve(self._courier, name, most=self._reserve, heard=self._heard)
            self._reserves.append(reserve)
            work.append((f"{name}-critical", reserve.look))
        self._running = [
            threading.Thread(target=self._work, args=(name, do), name=f"watchkeeper-send-{name}", daemon=True)
            for name, do in work
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
        for reserve in self._reserves:
            reserve.stop(max(0.0, deadline - time.monotonic()))
        self._running = []
        self._reserves = []

    def _work(self, name: str, do: Callable[[], None]) -> None:
        """Do it whenever there may be something to do, until it is stopped."""
        seen = -1
        while not self._stopping.is_set():
            seen = self._courier.outbox.wait(seen, self._poll_seconds)
            if self._stopping.is_set():
                return
            result = self._courier.attempt("sender", name, partial(self._pass, name, do))
            if isinstance(result, Failure):
                self._failed[name] = result.error
                self._stopping.wait(_PAUSE_SECONDS)  # one broken pass ends no thread

    def _pass(self, name: str, do: Callable[[], None]) -> None:
        """Do it once."""
        try:
            do()
            self._failed.pop(name, None)
        except StoreError as error:
            self._failed[name] = str(error)
            _log.warning("delivery pauses, the store cannot be used: %s", error, extra={"receiver": name})
            self._stopping.wait(_PAUSE_SECONDS)

    def _deliver(self, receiver: str) -> None:
        self._tell(self._courier.deliver_to(receiver))

    def _look_after(self) -> None:
        """Care for letters that are for nobody, and for those whose time never comes."""
        if time.monotonic() >= self._next_repair:
            self._next_repair = time.monotonic() + _REPAIR_SECONDS
            self._courier.outbox.repair_times(self._courier.clock.now_us())
        self._tell(self._courier.unknown_receivers())

    def _tell(self, report: DeliveryReport) -> None:
        if not report.is_empty:
            self._heard(report)


def _logged(report: DeliveryReport) -> None:
    """When nobody hears, what is given up is in the log at least."""
    for missed in report.undelivered:
        if missed.is_final:
            told = {"receiver": missed.receiver, "key": missed.key}
            _log.error("given up, not delivered to %s: %s", missed.receiver, missed.error, extra=told)
