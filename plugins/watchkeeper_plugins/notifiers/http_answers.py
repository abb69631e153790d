"""What an HTTP receiver's answer means: accepted, worth another attempt, or refused for good."""

from __future__ import annotations

import contextlib
import email.utils
import re
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from watchkeeper.contracts.notifier import LEASE_SECONDS
from watchkeeper.domain.errors import ConfigError, DeliveryDelayed, DeliveryError, DeliveryRefused
from watchkeeper.domain.wording import one_line

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = re.compile(r"[0-9]{1,300}(\.[0-9]{1,300})?")
"""A whole number by the standard; some send a fraction."""
_LATER: Final = frozenset({408, 425, 429})
_LONGEST_ANSWER: Final = 65_536
"""Bytes of an answer's body that are read; the connection is dropped when there are more."""


def check_address(key: str, url: str) -> None:
    """A ConfigError when it cannot be called at all: expected http or https, and a host."""
    import httpx

    try:
        address = httpx.URL(url)
        can_be_called = address.scheme in {"http", "https"} and bool(address.host) and (address.port or 1) < 65_536
    except httpx.InvalidURL:
        can_be_called = False
    if not can_be_called:
        raise ConfigError(
            f"{key}: expected http:// or https:// and a host, found something else (not shown, it may be secret)"
        )


def check_timeout(seconds: float) -> None:
    """A ConfigError when a sender could lose the notification to another while it waits."""
    if not 0 < seconds < LEASE_SECONDS:
        raise ConfigError(f"timeout_seconds: expected more than 0 and less than {LEASE_SECONDS:g}, found {seconds:g}")


def posted(
    client: httpx.Client,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    now: Callable[[], float],
) -> tuple[int, bytes]:
    """Post once and give the 2xx status and what came of the answer, its beginning when it is long or breaks off.

    The status is what the receiver says; only a caller that needs the answer has to look whether it is whole.

    Parameters
    ----------
    now
        Seconds since 1970, for a Retry-After that is a date.

    Raises
    ------
    DeliveryDelayed
        No connection, a time-out, 408, 425, 429 or 5xx; with what Retry-After asked for.
    DeliveryRefused
        A redirect, another 4xx, an address that cannot be one.
    """
    import httpx

    from .http_deadline import deadline

    if client.is_closed:
        raise DeliveryDelayed("the notifier has been closed; it sends again when it is built anew")
    try:
        with (
            deadline(client.timeout.read or LEASE_SECONDS),
            client.stream("POST", url, content=body, headers=dict(headers), follow_redirects=False) as response,
        ):
            answer = _beginning(response)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        raise DeliveryRefused(f"{place(url)} cannot be called: {error}; expected an http or https address") from error
    except httpx.TimeoutException as error:
        raise DeliveryDelayed(f"{place(url)} did not answer in time ({type(error).__name__})") from error
    except httpx.HTTPError as error:
        raise DeliveryDelayed(f"{place(url)} cannot be reached: {one_line(str(error), 200)}") from error
    if response.is_success:
        return response.status_code, answer
    raise answered_error(place(url), response.status_code, response.headers, answer, now())


def answered_error(
    place: str, status: int, headers: Mapping[str, str], answer: bytes, now_seconds: float
) -> DeliveryError:
    """The error for a status other than 2xx."""
    said = one_line(answer.decode("utf-8", errors="replace"), 200)
    told = f"{place} answered {status}" + (f": {said}" if said else "")
    if status in _LATER or status >= 500:
        sent_at = _moment(headers.get("date"))  # by the receiver's clock, which may differ from ours
        asked = retry_after(headers.get("retry-after"), now_seconds if sent_at is None else sent_at)
        return DeliveryDelayed(told, retry_after_seconds=asked)
    if 300 <= status < 400:
        where = one_line(headers.get("location", "nowhere"), 200)
        return DeliveryRefused(
            f"{place} answered {status} and points to {where}; redirects are not followed: set that address"
        )
    return DeliveryRefused(told)


def retry_after(header: str | None, now_seconds: float) -> float | None:
    """Seconds to wait: the header is a number of seconds or an HTTP date; None when it is neither.

    Parameters
    ----------
    now_seconds
        For a date: the time by the clock that the date was made with, seconds since 1970.

    Examples
    --------
    >>> retry_after("120", 0.0)
    120.0
    >>> retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 15.0)
    45.0
    >>> retry_after("soon", 0.0) is None
    True
    """
    if header is None:
        return None
    text = header.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - now_seconds)


def _moment(date: str | None) -> float | None:
    """An HTTP date as seconds since 1970; None when it is none."""
    if date is None:
        return None
    try:
        found = email.utils.parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def client(timeout_seconds: float, **settings: Any) -> httpx.Client:
    """A client that keeps its connections; an exchange, all of it, may take `timeout_seconds`."""
    import httpx

    from .http_deadline import keep_deadlines

    check_timeout(timeout_seconds)
    headers = {"User-Agent": "watchkeeper", "Accept-Encoding": "identity"}  # answers are short: nothing to unpack
    return keep_deadlines(httpx.Client(timeout=timeout_seconds, headers=headers, **settings))


def _beginning(response: httpx.Response) -> bytes:
    """The body, or what came of it when it is long, late or broken: the status has been heard by then.

    One that is read to its end leaves the connection usable.
    """
    import httpx

    found = b""
    with contextlib.suppress(httpx.HTTPError):
        for part in response.iter_bytes():
            found += part
            if len(found) > _LONGEST_ANSWER:
                break
    return found[:_LONGEST_ANSWER]


def found_instead(answer: bytes) -> str:
    """An answer as it is told in the message about one that is not the receiver's own."""
    said = one_line(answer.decode("utf-8", errors="replace"), 100)
    what = repr(said) if said else "an empty answer"
    return f"{what}; something between (a log-in page, a proxy) may have answered in its place"


def place(url: str) -> str:
    """The address without query and credentials: those may be secrets, and messages are kept."""
    without_query = url.split("?", 1)[0].split("#", 1)[0]
    scheme, separator, rest = without_query.partition("://")
    host, slash, _path = rest.partition("/")
    return one_line(f"{scheme}{separator}{host.rpartition('@')[2]}{slash and '/…'}", 200)
