"""How much of the service one side may take: connections, and the time to send what is asked."""

from __future__ import annotations

import attrs


@attrs.frozen
class Limits:
    """What a service of one process allows; the defaults are those of `serving`."""

    connections: int = 500
    """At once; beyond it the one that waits longest without having asked is closed for the next."""
    reserve: int = 100
    """Connections beyond those, which are told that the service is full; probes are answered on them."""
    head_seconds: float = 10.0
    """From the connection, or the last answer, to the end of a request's head."""
    grace_seconds: int = 10
    """How long requests that are being answered may take at the end."""
