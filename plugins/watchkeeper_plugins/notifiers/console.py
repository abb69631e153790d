"""Notifier ``console``: a readable block of plain text for each notification, on standard error or output."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import Literal, TextIO

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.alert import Delivery, Notification
from watchkeeper.domain.errors import DeliveryDelayed
from watchkeeper.domain.wording import block
from watchkeeper.hookspecs import hookimpl


@attrs.frozen
class Options:
    """What can be set."""

    stream: Literal["stderr", "stdout"] = "stderr"
    """Where to write."""


class ConsoleNotifier:
    """Writes to a stream of text; a character that the stream's encoding lacks becomes ``?``.

    Parameters
    ----------
    stream
        ``stderr`` and ``stdout`` mean what they are at the moment of sending.

    Examples
    --------
    >>> from watchkeeper.testing.notifier import sample_notification
    >>> delivery = ConsoleNotifier("stdout").send(sample_notification(measurements=()))
    ⚠ WARNING accuracy-fell: accuracy of momentum is 0.61, below 0.8
      model     momentum 1.4.0
      where     segment venue=NYSE
      state     firing at 2008-11-01T00:00:00Z
      since     2008-10-01T00:00:00Z, 3 checks
      deployed  1.4.0 at 2008-10-01T00:00:00Z, by ada
      drifted   vol10 (ks 0.31, 1.9 times its edge)
      important vol10 41%, ret1 20%
      note      2008-11-01T00:00:00Z ada: the feed was late
      next      Look at vol10.
      runbook   https://runbook.example/accuracy
      alert     5f1d0c2e
    """

    def __init__(self, stream: Literal["stderr", "stdout"] | TextIO = "stderr") -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, notification: Notification) -> Delivery:
        """Write the block in one piece and flush."""
        stream = self._opened()
        encoding = getattr(stream, "encoding", None) or "utf-8"
        text = (block(notification) + "\n").encode(encoding, errors="replace").decode(encoding)
        try:
            with self._lock:
                stream.write(text)
                stream.flush()
        except (OSError, ValueError) as error:  # a closed stream is a ValueError
            raise DeliveryDelayed(f"{self._receiver} could not be written: {error}; is it still open?") from error
        return Delivery(self._receiver, f"{text.count(chr(10))} lines")

    def close(self) -> None:
        """Nothing is held: the stream belongs to whoever opened it."""

    @property
    def _receiver(self) -> str:
        return self._stream if isinstance(self._stream, str) else str(getattr(self._stream, "name", "stream"))

    def _opened(self) -> TextIO:
        if isinstance(self._stream, str):
            return sys.stdout if self._stream == "stdout" else sys.stderr
        return self._stream


def build(options: Options) -> ConsoleNotifier:
    """The notifier."""
    return ConsoleNotifier(options.stream)


@hookimpl
def watchkeeper_notifiers() -> Iterable[Plugin]:
    """One plugin: ``console``."""
    yield Plugin(Kind.NOTIFIER, "console", build, Options, summary="Prints a readable block of plain text")
