"""The service as a thread of this process: it listens, and at the end answers what has arrived."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import attrs

from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.domain.errors import ExtraMissing, UsageError

from .callers import is_loopback
from .limits import Limits

if TYPE_CHECKING:
    import uvicorn

_BACKLOG: Final = 256
_LIMITS: Final = Limits()
_HEADER_BYTES: Final = 65_536


@attrs.frozen(eq=False)
class Serving:
    """A service that is under way."""

    url: str
    is_local: bool
    """Whether only this machine can reach it."""
    thread: threading.Thread

    @property
    def is_running(self) -> bool:
        """Whether it answers; False when it has come to an end by itself."""
        return self.thread.is_alive()


@contextmanager
def serving(
    watch: Watchkeeper,
    host: str = "127.0.0.1",
    port: int = 8420,
    *,
    ended: Callable[[], None] = lambda: None,
    limits: Limits = _LIMITS,
) -> Iterator[Serving]:
    """Inside the ``with`` block the project's HTTP service answers; at the end it finishes what it is answering.

    Parameters
    ----------
    port
        0 for one that is free.
    ended
        Called from the service's thread when it ends, as it does when something is wrong with it.
    limits
        How many connections there may be, and how long each may take.

    Raises
    ------
    ExtraMissing
        starlette or uvicorn is not installed.
    UsageError
        The address cannot be had; or it can be reached from other machines and nobody in ``[identities]`` could prove
        who they are.
    """
    try:
        import uvicorn

        from .application import application
    except ModuleNotFoundError as error:
        told = f'serving needs {error.name}, which is not installed: pip install "watchkeeper[server]"'
        raise ExtraMissing(told) from error
    listening, is_local = listening_at(host, port, watch.config.identities)
    server = uvicorn.Server(_settings(application(watch, is_local=is_local), limits))
    thread = threading.Thread(target=_run, args=(server, listening, ended), name="watchkeeper-http", daemon=True)
    with listening:
        found = Serving(_url(listening), is_local, thread)
        thread.start()
        try:
            yield found
        finally:
            server.should_exit = True
            thread.join(limits.grace_seconds + 5.0)


def listening_at(host: str, port: int, identities: Mapping[str, object]) -> tuple[socket.socket, bool]:
    """A socket that takes connections, and whether they can come from this machine alone; errors are `serving`'s."""
    try:
        family, _, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{host!r} is no address of this machine ({why}); such as 127.0.0.1 or 0.0.0.0") from error
    is_local = is_loopback(str(address[0]))
    if not is_local and not identities:
        raise UsageError(
            f"other machines can reach {host!r}, and nobody in [identities] could prove who they are: add people there "
            "(`watchkeeper models token NAME` makes a token), or serve on 127.0.0.1"
        )
    # named: asyncio turns Nagle's algorithm off for sockets of TCP alone, and answers came 40 ms late with it
    found = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(_BACKLOG)
    except OSError as error:
        found.close()
        raise UsageError(_told(error, host, port)) from error
    return found, is_local


def _told(error: OSError, host: str, port: int) -> str:
    """Why an address cannot be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"{host}:{port} is in use by another program; name another port, or end that program"
    if error.errno == errno.EACCES:
        return f"{host}:{port} is not for everybody to serve on; name a port above 1023"
    return f"{host}:{port} cannot be served on ({error.strerror}); name another address"


def _settings(app: object, limits: Limits) -> uvicorn.Config:
    """Headers that proxies set are not believed: who asks is told by the connection and the token."""
    import uvicorn

    from .connections import bounded

    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # Starlette is an ASGI application
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        http=bounded(limits),
        timeout_graceful_shutdown=limits.grace_seconds,
        h11_max_incomplete_event_size=_HEADER_BYTES,
    )


def _run(server: uvicorn.Server, listening: socket.socket, ended: Callable[[], None]) -> None:
    try:
        server.run(sockets=[listening])
    finally:
        ended()


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if listening.family == socket.AF_INET6 else f"http://{host}:{port}"
