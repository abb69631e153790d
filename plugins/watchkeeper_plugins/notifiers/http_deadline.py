"""One deadline over a whole HTTP exchange: a server that sends a byte now and then cannot hold it up.

httpx's time-outs are for each wait alone, and looking up a name has none. Here the streams under its client ask for
what is left of the deadline before every wait, and names are looked up within it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpcore
import httpx

from .time_limits import TimeLimit

_DEADLINE: Final[ContextVar[float | None]] = ContextVar("watchkeeper_http_deadline", default=None)
"""Monotonic seconds."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What is done inside with a client of `keep_deadlines` ends with a time-out after so long, all waits together."""
    token = _DEADLINE.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def keep_deadlines(client: httpx.Client) -> httpx.Client:
    """The same client, its connections (those to proxies too) keeping deadlines from now on."""
    # httpx has no setting for the network under its pools, though the pools have one; a transport of our own, given to
    # the client, would make it forget the environment's proxies
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - as above
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = _Network()  # noqa: SLF001 - as above
    return client


def _left(timeout: float | None, late: Callable[[str], Exception]) -> float | None:
    """How long the next wait may take."""
    end = _DEADLINE.get()
    if end is None:
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late("the whole exchange took too long")
    return left if timeout is None else min(left, timeout)


class _Network(httpcore.SyncBackend):
    """Opens streams that keep deadlines."""

    def __init__(self) -> None:
        super().__init__()
        self._lookups = TimeLimit()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect; see httpcore."""
        addresses = self._addresses(host, port, _left(timeout, httpcore.ConnectTimeout))
        last: Exception | None = None
        for at, address in enumerate(addresses):
            left = _left(timeout, httpcore.ConnectTimeout)
            share = None if left is None else left / (len(addresses) - at)  # so that none takes the time of all
            try:
                return _Stream(super().connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or httpcore.ConnectError(f"{host} has no address")

    def _addresses(self, host: str, port: int, seconds: float | None) -> list[str]:
        try:
            return self._lookups.addresses(host, port, seconds)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.NetworkStream):
    """A stream that keeps deadlines."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read; see httpcore."""
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write; see httpcore."""
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Protect; see httpcore."""
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """Ask; see httpcore."""
        return self._stream.get_extra_info(info)
