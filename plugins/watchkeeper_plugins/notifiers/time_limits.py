"""A limit of time for what has none of its own: looking up a name, somebody else's library."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_MOST_HANGING: Final = 4


class TimeLimit:
    """Runs calls in threads of their own and waits for them; those that hang are left behind, and only so many.

    Parameters
    ----------
    most
        While so many hang, further calls wait for one of them to end, and no thread is begun for them.
    """

    def __init__(self, most: int = _MOST_HANGING) -> None:
        self._room = threading.Semaphore(most)

    def result(self, call: Callable[[], T], seconds: float | None) -> T:
        """What `call` returns or raises; a TimeoutError when it has not ended after so long (None: waits for it)."""
        if seconds is None:
            return call()
        if not self._room.acquire(timeout=seconds):
            raise TimeoutError("earlier attempts hang still")
        work = _Work(call, self._room.release)
        work.start()
        work.join(seconds)
        if work.is_alive():
            raise TimeoutError(f"it has not ended after {seconds:.3g} s")
        return work.result()

    def addresses(self, host: str, port: int, seconds: float | None) -> list[str]:
        """The host's numeric addresses, each once, in the order in which they are to be tried.

        Raises
        ------
        TimeoutError
            The name server did not answer in time.
        OSError
            There is no such name.
        """

        def look_up() -> list[str]:
            return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]

        try:
            return list(dict.fromkeys(self.result(look_up, seconds)))
        except TimeoutError as error:
            raise TimeoutError(f"the name {host} was not looked up in time: {error}") from error
        except UnicodeError as error:  # a label that is too long, say
            raise OSError(f"{host} cannot be a name: {error}") from error


class _Work(threading.Thread, Generic[T]):
    """A call, its result or its error; a daemon: a process that ends does not wait for what hangs."""

    def __init__(self, call: Callable[[], T], ended: Callable[[], object]) -> None:
        super().__init__(name="watchkeeper-time-limit", daemon=True)
        self._call = call
        self._ended = ended
        self._found: list[T] = []
        self._carried = _Carried()

    def run(self) -> None:
        try:
            with self._carried:
                self._found.append(self._call())
        finally:
            self._ended()

    def result(self) -> T:
        if self._carried.error is not None:
            raise self._carried.error
        return self._found[0]


class _Carried:
    """Carries what is raised inside to the thread that waits for the result, where it is raised again."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True
