"""Who asks: whom a bearer token proves; without any identities, this machine's own user on this machine alone."""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import attrs

from watchkeeper.app.identity import proven
from watchkeeper.app.watchkeeper import Watchkeeper

from .problems import Refused

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")
"""Nothing but a name or an address, and a port: what is taken apart as a URL has more ways to look like ours."""
_READING: Final = frozenset({"GET", "HEAD"})


@attrs.frozen
class Head:
    """What is known of a request before its body is read."""

    method: str
    headers: Mapping[str, str]
    """Names in lower case."""
    peer: str | None
    """The address that it comes from."""


class Callers:
    """Tells who asks, and gives each the project under their own name. Safe from several threads.

    Parameters
    ----------
    is_local
        Whether only this machine can reach the service.
    """

    def __init__(self, watch: Watchkeeper, *, is_local: bool) -> None:
        self._own = watch
        self._is_local = is_local
        self._known = {name: one.sha256 for name, one in watch.config.identities.items()}
        self._projects: dict[str, Watchkeeper] = {}
        self._lock = threading.Lock()

    def name(self, head: Head) -> str:
        """Who asks; a `Refused` when nothing proves it, or a browser asks for a page that is not ours."""
        if head.method not in _READING:
            _refuse_other_pages(head)
        scheme, _, token = head.headers.get("authorization", "").strip().partition(" ")
        if not scheme:
            return self._user(head)
        if scheme.lower() != "bearer" or not token.strip():
            raise Refused(401, f"the Authorization is {scheme[:20]!r} and no more; expected Bearer and a token")
        name = proven(self._known, token) if self._known else None
        if name is None and not self._known:
            raise Refused(401, "this project knows no tokens, as nobody is in its [identities]; leave the token out")
        if name is None:
            raise Refused(401, "the token is nobody's; ask whoever keeps the project's [identities] for a new one")
        return name

    def project(self, name: str) -> Watchkeeper:
        """The project for somebody who acts; what is stored, recorded and sent is shared."""
        with self._lock:
            if name not in self._projects:
                self._projects[name] = self._own if name == self._own.actor else self._own.acting_as(name)
            return self._projects[name]

    def _user(self, head: Head) -> str:
        """Who has started the service, for requests that only somebody on this machine can make."""
        if self._known:
            raise Refused(401, "nothing proves who asks; send the header Authorization: Bearer TOKEN")
        if not self._is_local or not is_loopback(head.peer or ""):
            raise Refused(
                401, "only programs on the service's own machine may ask without a token; there are no others"
            )
        if any(name in head.headers for name in _FORWARDED):
            raise Refused(401, "the request came through a proxy and nothing proves who asks; add [identities]")
        host = _hostname(head.headers.get("host", ""))
        if host != "localhost" and not is_loopback(host):
            raise Refused(403, f"the Host is {host[:60]!r}; without a token expected 127.0.0.1, [::1] or localhost")
        return self._own.actor


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _refuse_other_pages(head: Head) -> None:
    """A page of another site may make a browser send requests: browsers say so."""
    site, origin = head.headers.get("sec-fetch-site"), head.headers.get("origin")
    if site is None or site == "none":  # somebody's own doing, which names no other origin
        is_own = origin is None or _authority(origin) == head.headers.get("host", "").lower()
    else:
        is_own = site == "same-origin"
    if not is_own:
        raise Refused(403, f"a page of {(origin or 'another site')[:60]!r} has sent this; only the service's own may")


def _authority(origin: str) -> str | None:
    """The host and port of an Origin; None when it is none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _hostname(host: str) -> str:
    """The name in a Host header, without the port; "" when it is none, such as ``evil.example@127.0.0.1``."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found["name"].strip("[]").lower()
