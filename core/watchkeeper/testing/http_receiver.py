"""A receiver on 127.0.0.1 that answers as a test tells it to, and keeps a ledger of what came."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import attrs


@attrs.frozen
class Request:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def key(self) -> str:
        """Its Idempotency-Key, "" without one."""
        return self.headers.get("idempotency-key", "")


@attrs.frozen
class Answer:
    """What the receiver does with a request."""

    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b"ok"
    stall_seconds: float = 0.0
    """Wait so long before answering, or until the receiver is closed."""


class HttpReceiver:
    """Answers every POST with what `answer(request)` says; a context manager.

    Examples
    --------
    >>> import urllib.request
    >>> with HttpReceiver(lambda request: Answer(200)) as receiver:
    ...     with urllib.request.urlopen(receiver.url, b"hello") as answer:
    ...         answer.status, [request.body for request in receiver.requests]
    (200, [b'hello'])
    """

    def __init__(self, answer: Callable[[Request], Answer] = lambda _request: Answer()) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        """Everything that came, in order."""
        self.connections = 0
        """How many connections were opened."""
        self._released = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one write for head and body: two small ones wait for each other's acknowledgement
            timeout = 10.0

            def setup(self) -> None:
                receiver.connections += 1
                super().setup()

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, content)
                answer = receiver.answer(request)
                receiver.requests.append(request)
                if answer.stall_seconds:
                    receiver._released.wait(answer.stall_seconds)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_arguments: Any) -> None:
                """Tests are quiet."""

        return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is what some tests are about."""
