"""The description of every route in OpenAPI 3.1, made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from .problems import KINDS, PROBLEM
from .route import Parameter, Route, Told
from .schemas import COMPONENTS, ref

PATH: Final = "/openapi.json"
_OF_CALLERS: Final = (401, 403)
_OF_BODIES: Final = (403, 408, 413, 415)
_ALWAYS: Final = (400, 408, 422, 500, 503)
_ABOUT: Final = (
    "Alerts and silences of a watchkeeper project. Times are UTC microseconds since 1970. What is refused is a problem "
    "of RFC 9457 whose `detail` is the sentence that the command line says."
)


def described(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """The whole description."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    paths[PATH] = {"get": _own_operation()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "watchkeeper", "version": version, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": COMPONENTS,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "the token of somebody in [identities]; `watchkeeper models token NAME` makes one",
                }
            },
        },
    }


def statuses(route: Route) -> tuple[int, ...]:
    """Every status that a route may be refused with."""
    found = {*_ALWAYS, *route.problems, *(() if route.is_open else _OF_CALLERS)}
    if route.body is not None:
        found |= set(_OF_BODIES)
    elif route.method != "GET":
        found |= {403}
    return tuple(sorted(found))


def _operation(route: Route) -> dict[str, Any]:
    answers = {str(status): _answer(told) for status, told in route.answers.items()}
    answers |= {str(status): _problem(status) for status in statuses(route)}
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [_subject(route.path)],
        "parameters": [_parameter(one) for one in route.parameters],
        "responses": answers,
        "security": [] if route.is_open else [{"token": []}, {}],
    }
    return found if route.body is None else {**found, "requestBody": route.body.described()}


def _own_operation() -> dict[str, Any]:
    told = Told("This description.", {"type": "object"})
    return {
        "operationId": "describe",
        "summary": "This description",
        "tags": ["description"],
        "responses": {"200": _answer(told)},
        "security": [],
    }


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": "path" if one.is_in_path else "query",
        "required": one.is_in_path,
        "description": one.summary,
        "schema": one.schema,
    }


def _answer(told: Told) -> dict[str, Any]:
    return {"description": told.sentence, "content": {told.media_type: {"schema": told.schema}}}


def _problem(status: int) -> dict[str, Any]:
    return {"description": KINDS[status][1], "content": {PROBLEM: {"schema": ref("Problem")}}}


def _subject(path: str) -> str:
    """What a route is about: the first word after the version."""
    return re.sub(r"^/(api/v[0-9]+/)?", "", path).partition("/")[0]
