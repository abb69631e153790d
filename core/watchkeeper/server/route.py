"""A route of the service: what it takes, what it answers, and the function in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

import attrs

from watchkeeper.app.watchkeeper import Watchkeeper

Schema: TypeAlias = "Mapping[str, Any]"
"""A schema as OpenAPI 3.1 has them; `validating.mistakes` knows the words that parameters and bodies use."""
JSON = "application/json"


@attrs.frozen
class Parameter:
    """One value in the path or behind the question mark."""

    name: str
    summary: str
    schema: Schema
    """Of type string, integer, or an array of strings for one that may be given several times."""
    is_in_path: bool = False


class Body(Protocol):
    """What a request brings with it."""

    @property
    def most_bytes(self) -> int:
        """A longer one is refused unread."""
        ...

    @property
    def media_types(self) -> tuple[str, ...]:
        """What its Content-Type may be."""
        ...

    def parsed(self, content: bytes) -> Mapping[str, Any]:
        """What is in it; a `Refused` when that is not what is expected."""
        ...

    def described(self) -> dict[str, Any]:
        """Its description for OpenAPI: the value of ``requestBody``."""
        ...


@attrs.frozen(eq=False)
class Call:
    """A request that has been checked, for a route to answer."""

    watch: Watchkeeper
    """The project, acted on by whoever asks; of open routes, by whom it was opened."""
    path: Mapping[str, str]
    query: Mapping[str, Any]
    """A value for each parameter: what was given, or its default, or None."""
    body: Mapping[str, Any]


@attrs.frozen
class Answer:
    """What is sent back: anything that JSON can hold, or bytes of `media_type`."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=dict)
    media_type: str = JSON


@attrs.frozen
class Told:
    """One kind of answer, for the description."""

    sentence: str
    schema: Schema
    media_type: str = JSON


@attrs.frozen(eq=False)
class Route:
    """Everything about one method of one path."""

    method: str
    path: str
    """Parameters in braces, as in ``/api/v1/alerts/{fingerprint}``."""
    name: str
    """What programs call it: ``operationId``."""
    summary: str
    answer: Callable[[Call], Answer]
    """Called in a thread: it may block. A WatchkeeperError becomes its problem."""
    answers: Mapping[int, Told]
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    problems: tuple[int, ...] = ()
    """What it may refuse with, beside what every route may."""
    is_open: bool = False
    """Whether everybody may ask, without a token: for probes."""
    most_seconds: float | None = None
    """After so long it is answered that there is no answer; None: it may take its time."""
