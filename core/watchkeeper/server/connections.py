"""Connections that do not ask in time are closed, and the longest waiting one makes room when there are too many."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from .limits import Limits
from .problems import AGAIN, ALWAYS, PROBLEM, Problem

_PROBES: Final = frozenset({"/healthz", "/readyz"})


class BoundedProtocol(H11Protocol):
    """One connection; it waits when no request of it is being answered.

    uvicorn itself limits how long an answered connection may be silent, and nothing else: connections that send half a
    request would stay for ever, and shut everybody out when there are enough of them.
    """

    limits: ClassVar[Limits] = Limits()
    _waits_until: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Make room, or say that there is none."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._make_room()
        if len(self.connections) > self.limits.connections + self.limits.reserve:
            transport.abort()
            return
        if len(self.connections) > self.limits.connections:
            self.app = _full(self.app)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """The time runs on until a whole head has come, however slowly it comes."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """The time for the next head begins."""
        super().on_response_complete()
        self._wait()

    def send_400_response(self, msg: str) -> None:
        """A problem, as all that is refused."""
        self._end_with(Problem(400, f"{msg} Expected HTTP/1.1 with a head of at most 64 KiB"))

    @property
    def waiting_since(self) -> float | None:
        """The loop's time at which it must have asked, which is in the order of waiting; None while it is answered."""
        return None if self._waits_until is None else self._waits_until.when()

    def give_way(self) -> None:
        """Close it for another."""
        self._wait_no_more()
        self.transport.abort()
        self.connections.discard(self)

    @property
    def _answering(self) -> RequestResponseCycle | None:
        """The request that is being answered."""
        last: RequestResponseCycle | None = self.cycle  # None before the first
        return None if last is None or last.response_complete else last

    def _wait(self) -> None:
        if self.transport.is_closing() or self._answering is not None:
            self._wait_no_more()
        elif self._waits_until is None:
            self._waits_until = self.loop.call_later(self.limits.head_seconds, self._give_up)

    def _wait_no_more(self) -> None:
        if self._waits_until is not None:
            self._waits_until.cancel()
            self._waits_until = None

    def _give_up(self) -> None:
        """Whoever has begun to ask is told; who has not, is not there."""
        self._waits_until = None
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            seconds = self.limits.head_seconds
            self._end_with(Problem(408, f"the request's head has not arrived within {seconds:g} seconds"))
        else:
            self.transport.abort()

    def _make_room(self) -> None:
        """Close the one that waits longest without having asked."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
        waiting = [(one.waiting_since, one) for one in others if one.waiting_since is not None]
        if waiting:
            _, longest = min(waiting, key=lambda pair: pair[0])
            longest.give_way()

    def _end_with(self, problem: Problem) -> None:
        """Answer by hand, as no request is there to answer, and close."""
        answering = self._answering
        if answering is not None:
            answering.disconnected = True
            answering.message_event.set()
            if answering.response_started:
                self.transport.abort()
                return
        content = json.dumps(problem.content).encode()
        headers = {
            **ALWAYS,
            **problem.headers,
            "Content-Type": PROBLEM,
            "Content-Length": str(len(content)),
            "Connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        status = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n"
        self.transport.write(f"{status}{lines}\r\n".encode("ascii") + content)
        self.transport.close()


def bounded(limits: Limits) -> type[BoundedProtocol]:
    """The protocol with these limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})


def _full(app: Any) -> Any:
    """An application for connections of the reserve: probes are answered, others asked to come again."""

    async def respond(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] in _PROBES:
            await app(scope, receive, send)
            return
        problem = Problem(503, "the service has as many connections as it takes; try again", AGAIN)
        headers = {**ALWAYS, **problem.headers, "Content-Type": PROBLEM, "Connection": "close"}
        told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": problem.status, "headers": told})
        await send({"type": "http.response.body", "body": json.dumps(problem.content).encode()})

    return respond
