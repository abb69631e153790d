"""A conversation by SMTP that has a deadline: no server holds it up by saying little."""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from typing import Any, Final

from watchkeeper.contracts.notifier import LEASE_SECONDS

from .time_limits import TimeLimit

_STEPS: Final = 3
"""The whole conversation may take as long as so many of its steps."""
_LONGEST_REPLIES: Final = 1_000_000
_CHUNK: Final = 16_384


class Deadline:
    """When a conversation must be over."""

    def __init__(self, step_seconds: float) -> None:
        self.seconds = min(_STEPS * step_seconds, LEASE_SECONDS)
        self._step_seconds = step_seconds
        self._end = time.monotonic() + self.seconds

    def left(self) -> float:
        """How long the next wait may take; a TimeoutError when there is nothing left."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"the whole conversation took longer than {self.seconds:.3g} s")
        return min(left, self._step_seconds)


class Dialog(smtplib.SMTP):
    """smtplib's client, greeted, which asks for what is left before it waits.

    Parameters
    ----------
    step_seconds
        How long each wait may take; all of them `_STEPS` times as long.
    trust
        Protects the conversation from the first byte when given.
    """

    def __init__(
        self, host: str, port: int, step_seconds: float, lookups: TimeLimit, trust: ssl.SSLContext | None
    ) -> None:
        self._deadline = Deadline(step_seconds)
        self._lookups = lookups
        self._trust = trust
        # a fixed name for ourselves: asking the resolver for it can take longer than the time-out
        super().__init__(host, port, "localhost", timeout=step_seconds)

    def send(self, s: Any) -> None:
        """Send; see smtplib."""
        parts = [s] if isinstance(s, str) else [s[at : at + _CHUNK] for at in range(0, len(s), _CHUNK)]
        for part in parts:
            if self.sock is not None:
                self.sock.settimeout(self._left())
            super().send(part)

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply; see smtplib."""
        if self.file is None and self.sock is not None:
            self.file = _Lines(self.sock, self._deadline)
        return super().getreply()

    def _left(self) -> float:
        try:
            return self._deadline.left()
        except TimeoutError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from error

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002 - smtplib's hook
        """Connect to the first address that answers."""
        addresses = self._lookups.addresses(host, port, self._deadline.left())
        last: OSError | None = None
        for at, address in enumerate(addresses):
            try:
                found = socket.create_connection((address, port), self._deadline.left() / (len(addresses) - at))
            except OSError as error:
                last = error
            else:
                found.settimeout(self._deadline.left())
                return found if self._trust is None else self._trust.wrap_socket(found, server_hostname=host)
        raise last or OSError(f"{host} has no address")


class _Lines:
    """The lines that a server says, none of which may take longer than the deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._known = b""
        self._room = _LONGEST_REPLIES

    def readline(self, size: int) -> bytes:
        """Up to and with the end of the line, or `size` bytes; what there is when the server has closed."""
        while b"\n" not in self._known and len(self._known) < size:
            self._connection.settimeout(self._deadline.left())
            try:
                more = self._connection.recv(8_192)
            except TimeoutError:
                self._deadline.left()  # which tells when all of it has taken too long
                raise
            self._room -= len(more)
            if self._room < 0:
                raise OSError(f"the server said more than {_LONGEST_REPLIES} bytes")
            if not more:
                size = len(self._known)
            self._known += more
        end = min(self._known.find(b"\n") + 1 or size, size)
        line, self._known = self._known[:end], self._known[end:]
        return line

    def close(self) -> None:
        """Nothing is held: the socket belongs to the client."""
