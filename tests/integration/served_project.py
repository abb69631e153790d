"""A project served over HTTP in this process, for the tests of the service."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from watchkeeper.app import open_project
from watchkeeper.app.identity import token_digest
from watchkeeper.server import openapi
from watchkeeper.server.running import serving

TOKENS = {"ada": "token-of-ada", "eve": "token-of-eve", "bob": "token-of-bob"}
IDENTITIES = "".join(f'[identities.{name}]\nsha256 = "{token_digest(token)}"\n' for name, token in TOKENS.items())
ROLES = """
[roles.desk]
role = "operator"
who = ["ada"]
models = ["mom*"]
[roles.reader]
role = "viewer"
who = ["eve"]
"""


@attrs.frozen
class Reply:
    """What the service said."""

    status: int
    headers: dict[str, str]
    content: Any
    """The JSON of it, or its bytes."""

    @property
    def detail(self) -> str:
        """The sentence of a problem."""
        assert self.headers["content-type"] == "application/problem+json"
        assert self.content["status"] == self.status
        return str(self.content["detail"])


@attrs.define
class Client:
    """Asks one service; http.client sends paths and headers as they are given."""

    watch: Any
    url: str
    token: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, port = self.url.removeprefix("http://").rsplit(":", 1)
        return host, int(port)

    def ask(self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Reply:
        """Send a request; a body that is not bytes is sent as JSON."""
        sent = dict(headers or {})
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if method == "POST" or body is not None:
            sent.setdefault("Content-Type", "application/json")
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            read = answer.read()
            is_json = "json" in found.get("content-type", "")
            return Reply(answer.status, found, json.loads(read) if is_json and read else read)
        finally:
            connection.close()

    def get(self, path: str, **more: Any) -> Reply:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        return self.ask("POST", path, {} if body is None else body, **more)

    def described(self) -> dict[str, Any]:
        """The description in OpenAPI."""
        return dict(self.get(openapi.PATH).content)


@contextmanager
def served(*, is_delivering: bool = False) -> Iterator[Client]:
    """The project in the working directory, on a free port of 127.0.0.1."""
    with open_project("watchkeeper.toml") as watch, serving(watch, port=0) as service:
        if is_delivering:
            with watch.delivering():
                yield Client(watch, service.url)
        else:
            yield Client(watch, service.url)
