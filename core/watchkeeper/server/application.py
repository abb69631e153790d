"""The ASGI application: each request is checked, answered in a thread, and whatever goes wrong becomes a sentence."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any, Final

import anyio
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Path

from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.domain.errors import StoreError, WatchkeeperError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.plugins.boundary import Crash, contained

from . import openapi
from .bodies import refusal
from .callers import Callers, Head
from .problems import AGAIN, ALWAYS, PROBLEM, Problem, Refused, problem_of, store_problem
from .route import JSON, Answer, Body, Call, Route
from .routes import ROUTES
from .validating import queried

_log = logging.getLogger("watchkeeper.server")
_THREADS: Final = 16
_THREADS_FOR_PROBES: Final = 4
"""Apart from the others', so that probes are answered when all of those are busy."""
_ONCE: Final = ("Host", "Origin", "Sec-Fetch-Site", "Authorization", "Content-Type", "Content-Length")
_BODY_SECONDS: Final = 30.0
_ENDS_UNREAD: Final = Problem(
    503, "the service ends, and the body had not arrived: nothing was done; send it again", AGAIN
)
_ENDS_UNANSWERED: Final = Problem(
    503, "the service ends before this was answered: whether it was done, the alert's history tells", AGAIN
)


def application(watch: Watchkeeper, *, is_local: bool, routes: Sequence[Route] = ROUTES) -> Starlette:
    """The service of one project, for any ASGI server.

    Parameters
    ----------
    is_local
        Whether only this machine can reach it; then, in a project without identities, whoever asks from this machine
        acts as the project's own actor.
    """
    service = _Service(watch, Callers(watch, is_local=is_local))
    description = _encoded(openapi.described(routes, version("watchkeeper")))
    paths = [Path(route.path, service.endpoint(route), methods=[route.method]) for route in routes]
    paths.append(Path(openapi.PATH, _always(description), methods=["GET"]))
    handlers: dict[Any, Any] = {HTTPException: _not_routed(routes), Exception: _broken}
    made = Starlette(routes=paths, exception_handlers=handlers)
    made.router.redirect_slashes = False
    return made


class _Service:
    """Answers requests for one project."""

    def __init__(self, watch: Watchkeeper, callers: Callers) -> None:
        self._watch = watch
        self._callers = callers
        self._threads: dict[bool, anyio.CapacityLimiter] = {}

    def endpoint(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        """What answers a route's requests."""

        async def respond(request: Request) -> Response:
            try:
                head = _head(request)
                caller = None if route.is_open else self._callers.name(head)
                content = b"" if route.body is None else await _read(request, route.body)
            except Refused as refused:
                return _refused(refused.problem)
            except ClientDisconnect:
                return Response(status_code=400)  # nobody is there to read it
            except anyio.get_cancelled_exc_class():
                return _refused(_ENDS_UNREAD)  # the server's last word to it: there is nothing left to cancel
            answering = partial(self._answered, route, caller, request, content)
            limiter = self._limiter(is_open=route.is_open)
            try:
                with anyio.move_on_after(route.most_seconds):
                    return await to_thread.run_sync(
                        answering, limiter=limiter, abandon_on_cancel=route.most_seconds is not None
                    )
            except anyio.get_cancelled_exc_class():
                return _refused(_ENDS_UNANSWERED)
            return _refused(Problem(503, f"there is no answer after {route.most_seconds:g} seconds"))

        return respond

    def _limiter(self, *, is_open: bool) -> anyio.CapacityLimiter:
        """How many threads there are; made when the event loop runs, as older anyio wants it."""
        if is_open not in self._threads:
            self._threads[is_open] = anyio.CapacityLimiter(_THREADS_FOR_PROBES if is_open else _THREADS)
        return self._threads[is_open]

    def _answered(self, route: Route, caller: str | None, request: Request, content: bytes) -> Response:
        """In a thread: checked and done; a mistake of ours is in the log, and told by its id."""
        found = contained(lambda: self._checked(route, caller, request, content))
        if isinstance(found, Crash):
            return _refused(_logged(f"{route.method} {route.path}", found.error))
        return found

    def _checked(self, route: Route, caller: str | None, request: Request, content: bytes) -> Response:
        try:
            query, wrong = queried(route.parameters, request.query_params.multi_items())
            if wrong:
                raise refusal(wrong)
            body = {} if route.body is None else route.body.parsed(content)
            watch = self._watch if caller is None else self._callers.project(caller)
            return _sent(route.answer(Call(watch, request.path_params, query, body)))
        except WatchkeeperError as error:
            where = f"{route.method} {route.path}"
            if isinstance(error, StoreError):
                return _refused(_kept_apart(where, error))
            problem = problem_of(error)
            return _refused(_logged(where, error) if problem.status == 500 else problem)


async def _read(request: Request, body: Body) -> bytes:
    """The body, when it is of the right kind and not too long; else a `Refused`. None at all is an empty one."""
    if _is_without_body(request):
        return b""
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in body.media_types:
        expected = " or ".join(body.media_types)
        raise Refused(415, f"the Content-Type is {found[:60] or 'missing'}; expected {expected}")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > 18 or int(length) > body.most_bytes):
        raise _too_large(body)
    content = bytearray()
    with anyio.move_on_after(_BODY_SECONDS):
        async for chunk in request.stream():
            content += chunk
            if len(content) > body.most_bytes:
                raise _too_large(body)
        return bytes(content)
    raise Refused(408, f"the body has not arrived within {_BODY_SECONDS:g} seconds; send it at once")


def _is_without_body(request: Request) -> bool:
    """Whether nothing is sent, and of no kind: as in ``curl -X POST``."""
    headers = request.headers
    has_length = headers.get("content-length", "0") != "0"
    return not has_length and "transfer-encoding" not in headers and "content-type" not in headers


def _too_large(body: Body) -> Refused:
    return Refused(413, f"the body has more than {body.most_bytes} bytes, the most that is taken; send less")


def _head(request: Request) -> Head:
    for name in _ONCE:
        if len(request.headers.getlist(name)) > 1:
            raise Refused(400, f"the header {name} is given twice: which of them holds, nobody can say; send one")
    return Head(request.method, request.headers, request.client.host if request.client else None)


def _logged(where: str, error: BaseException) -> Problem:
    """The problem that tells nothing but where to look: what happened stands in the log beside the same id."""
    mark = secrets.token_hex(6)
    _log.error("%s failed (%s): %s", where, mark, error, exc_info=error, extra={"id": mark})
    sentence = f"this went wrong inside the service; its log says what, beside {mark}"
    return Problem(500, sentence, more={"id": mark})


def _kept_apart(where: str, error: StoreError) -> Problem:
    """What the store cannot do, without its place: that stands in the log beside the id."""
    mark = secrets.token_hex(6)
    _log.warning("%s was refused (%s): %s", where, mark, error, extra={"id": mark})
    return store_problem(error, mark)


def _sent(answer: Answer) -> Response:
    content = answer.content if isinstance(answer.content, bytes) else _encoded(answer.content)
    return Response(content, answer.status, {**ALWAYS, **answer.headers}, answer.media_type)


def _refused(problem: Problem) -> Response:
    return Response(_encoded(problem.content), problem.status, {**ALWAYS, **problem.headers}, PROBLEM)


def _encoded(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")


def _always(content: bytes) -> Callable[[Request], Awaitable[Response]]:
    async def respond(_request: Request) -> Response:
        return Response(content, 200, ALWAYS, JSON)

    return respond


def _not_routed(routes: Sequence[Route]) -> Callable[[Request, HTTPException], Awaitable[Response]]:
    """Answers what no route takes."""
    known = [route.path for route in routes]

    async def respond(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        if error.status_code == 405:
            fitting = [route for route in routes if _fits(route, path)]
            methods = ", ".join(route.method for route in fitting) or "GET"
            sentence = f"{path[:200]} does not take {request.method[:20]}; it takes {methods}"
            return _refused(Problem(405, sentence, {"Allow": methods}))
        near = did_you_mean(path, known)
        return _refused(Problem(404, f"there is nothing at {path[:200]}{near}; {openapi.PATH} lists what there is"))

    return respond


def _fits(route: Route, path: str) -> bool:
    wanted, found = route.path.split("/"), path.split("/")
    return len(wanted) == len(found) and all(
        one == other or one.startswith("{") for one, other in zip(wanted, found, strict=True)
    )


async def _broken(request: Request, error: Exception) -> Response:
    """Whatever goes wrong outside of the routes."""
    return _refused(_logged(f"{request.method} {request.url.path}", error))
