"""What a request is refused with: RFC 9457 problems that say what the command line would."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import attrs

from watchkeeper.domain.errors import (
    Conflict,
    DataError,
    NotAllowed,
    NotFound,
    NothingToCheck,
    StoreBusy,
    StoreError,
    UsageError,
    WatchkeeperError,
    WrongState,
)

PROBLEM: Final = "application/problem+json"
KINDS: Final = {
    400: ("malformed-request", "It is no request of HTTP, or says a thing twice"),
    401: ("unknown-caller", "Nothing proves who asks"),
    403: ("not-allowed", "Who asks may not do that"),
    404: ("not-found", "There is no such thing"),
    405: ("wrong-method", "The path does not take that method"),
    408: ("too-slow", "The request did not arrive in time"),
    409: ("wrong-state", "The present state does not allow it"),
    413: ("too-large", "The body is too large"),
    415: ("wrong-media-type", "The body is of another kind than expected"),
    422: ("wrong-input", "A parameter or the body is not what is expected"),
    500: ("internal-error", "Something went wrong here"),
    503: ("unavailable", "It cannot be answered now"),
}
"""By status: the end of the problem's type, and its title."""
AGAIN: Final = {"Retry-After": "1"}
ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of every answer."""
_STATUS_OF: Final[tuple[tuple[type[WatchkeeperError], int], ...]] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (WrongState, 409),
    (NothingToCheck, 409),
    (UsageError, 422),
    (DataError, 422),
)
"""The narrowest first."""


@attrs.frozen
class Problem:
    """Why there is no other answer."""

    status: int
    sentence: str
    headers: Mapping[str, str] = attrs.field(factory=dict)
    more: Mapping[str, Any] = attrs.field(factory=dict)
    """What is told beside the sentence: ``errors`` of what was given, the ``id`` of what is in the log."""

    @property
    def content(self) -> dict[str, Any]:
        """The problem as it is sent."""
        kind, title = KINDS.get(self.status) or (str(self.status), HTTPStatus(self.status).phrase)
        told = {"type": f"urn:watchkeeper:problem:{kind}", "title": title, "status": self.status}
        return {**told, "detail": self.sentence, **self.more}


class Refused(WatchkeeperError):
    """A request that is refused before any of the systems sees it."""

    def __init__(self, status: int, sentence: str, **more: Any) -> None:
        super().__init__(sentence)
        headers = {"WWW-Authenticate": 'Bearer realm="watchkeeper"'} if status == HTTPStatus.UNAUTHORIZED else {}
        self.problem = Problem(status, sentence, headers, more)


def problem_of(error: WatchkeeperError) -> Problem:
    """What an error of watchkeeper's own is told as."""
    if isinstance(error, Refused):
        return error.problem
    status = next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 500)
    return Problem(status, str(error))


def store_problem(error: StoreError, mark: str) -> Problem:
    """What the store cannot do now, without saying where it is; `mark` stands beside the error in the log."""
    if isinstance(error, Conflict):
        why = "others change the same thing at this moment; try again"
    elif isinstance(error, StoreBusy):
        why = "another program has been writing the store for longer than is waited; try again"
    else:
        why = "the store cannot be used"
    return Problem(503, f"{why}; the service's log says more, beside {mark}", AGAIN, {"id": mark})
