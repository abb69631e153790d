"""Who acts: whom a token proves, or whom the operating system or the caller names."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Final

from watchkeeper.domain.errors import NotAllowed

TOKEN_VARIABLE: Final = "WATCHKEEPER_TOKEN"  # noqa: S105 - the name of a variable
_TOKEN_BYTES: Final = 32


def identified(known: Mapping[str, str], actor: str | None, token: str | None, user: Callable[[], str]) -> str:
    """The name to act under.

    Parameters
    ----------
    known
        SHA-256 of the tokens of those who must prove who they are, by name.
    actor
        Who the caller says to be; None: whom the token proves, or `user`.

    Raises
    ------
    NotAllowed
        The token is nobody's or somebody else's, or a name that takes one comes without it.
    """
    if token is None:
        name = actor or user()
        if name in known:
            raise NotAllowed(
                f"{name!r} must prove who they are: set {TOKEN_VARIABLE} to their token, or pass token= to open()"
            )
        return name
    found = proven(known, token)
    if found is None:
        raise NotAllowed(
            f"the token is nobody's: [identities] of the configuration has {', '.join(known) or 'no names'}; ask for a "
            f"new one, or unset {TOKEN_VARIABLE} to act as {user()!r}"
        )
    if actor is not None and actor != found:
        raise NotAllowed(f"the token is that of {found!r}, and not of {actor!r}: leave actor out, or the token")
    return found


def proven(known: Mapping[str, str], token: str) -> str | None:
    """Whose token it is; None when it is nobody's. It is compared with everybody's, in constant time."""
    digest = token_digest(token)
    found = [name for name, its in known.items() if hmac.compare_digest(digest, its)]
    return found[0] if found else None


def token_digest(token: str) -> str:
    """What the configuration keeps of a token: SHA-256, hexadecimal. A token is random, so that no salt is needed."""
    return hashlib.sha256(token.strip().encode()).hexdigest()


def new_token() -> str:
    """A token of 256 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)
