"""Threads that are kept for critical news: a receiver that is slow with other news does not hold it up."""

from __future__ import annotations

import threading
from collections.abc import Callable

from watchkeeper.domain.verdict import Failure

from .delivery import Courier
from .letters import Letter
from .reports import DeliveryReport


class Reserve:
    """Sends one receiver's critical letters, each in a thread of its own; a thread lasts as long as there are some.

    Parameters
    ----------
    most
        So many are sent at once; while attempts fail, one.
    heard
        Called with what each attempt did.
    """

    def __init__(
        self, courier: Courier, receiver: str, *, most: int = 8, heard: Callable[[DeliveryReport], None] | None = None
    ) -> None:
        self._courier = courier
        self._receiver = receiver
        self._most = most
        self._heard = heard
        self._lock = threading.Lock()
        self._running: set[threading.Thread] = set()
        self._failures = 0
        """In a row."""
        self._is_over = False

    def look(self) -> None:
        """Begin to send what is critical and due."""
        with self._lock:
            room = 0 if self._is_over else (1 if self._is_down else self._most) - len(self._running)
            letters = self._courier.critical(self._receiver, room) if room > 0 else ()
            for letter in letters:
                title = f"watchkeeper-critical-{self._receiver}"
                thread = threading.Thread(target=self._work, args=(letter,), name=title, daemon=True)
                self._running.add(thread)
                thread.start()

    def stop(self, timeout_seconds: float) -> None:
        """Begin no other attempt, and wait for those that are being made, for so long in all."""
        self._is_over = True
        self.wait(timeout_seconds)

    def wait(self, timeout_seconds: float) -> None:
        """Wait for the attempts that are being made, for so long in all."""
        with self._lock:
            running = list(self._running)
        for thread in running:
            thread.join(timeout_seconds / len(running))

    @property
    def _is_down(self) -> bool:
        return self._failures >= self._courier.patience.failures_in_a_row

    def _work(self, letter: Letter) -> None:
        try:
            following: tuple[Letter, ...] = (letter,)
            while following and self._is_accepted(following[0]):
                following = self._following()
        finally:
            with self._lock:
                self._running.discard(threading.current_thread())

    def _following(self) -> tuple[Letter, ...]:
        """The next letter, if there is one; what fails is tried by the next look."""
        if self._is_over:
            return ()
        found = self._courier.attempt("sender", self._receiver, lambda: self._courier.critical(self._receiver, 1))
        return () if isinstance(found, Failure) else found

    def _is_accepted(self, letter: Letter) -> bool:
        """Whether the receiver took it; what fails is due again later, and by then any thread may send it."""
        report = self._courier.attempt("sender", letter.key, lambda: self._courier.deliver_one(letter))
        if isinstance(report, Failure):
            return False
        if report.delivered:
            self._failures = 0
        elif not report.is_empty:
            self._failures += 1
        if self._heard is not None and not report.is_empty:
            self._heard(report)
        return bool(report.delivered)
