"""What a user can set about the PostgreSQL store, and what its URL says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

import attrs

from watchkeeper.domain.errors import ConfigError

SCHEME: Final = "postgresql"
DEFAULT_SCHEMA: Final = "watchkeeper"
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_EXPECTED: Final = "expected postgresql://user:password@host:5432/database"


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise ConfigError(f"storage option {attribute.name} is {value}; expected a number above 0")


def _positive_values(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, float]) -> None:
    for stream, number in value.items():
        if number <= 0:
            raise ConfigError(f"storage option {attribute.name} of {stream!r} is {number}; expected a number above 0")


def _readable(_: object, __: attrs.Attribute[Any], url: str) -> None:
    schema = _asked(_split(url)).get("schema", DEFAULT_SCHEMA)
    if not _SCHEMA.fullmatch(schema):
        raise ConfigError(
            f"the schema {schema!r} of the storage URL cannot be used: expected 1 to 63 lower-case letters, digits "
            "and _, not beginning with a digit or pg_"
        )


@attrs.frozen
class PostgresOptions:
    """How the PostgreSQL store behaves; see docs/how-to/moving-to-postgresql.md."""

    url: str = attrs.field(validator=_readable, repr=False)
    """``postgresql://user:password@host:5432/database``, as libpq reads it; ``?schema=name`` keeps projects apart."""
    connections: int = attrs.field(default=8, validator=_positive)
    """The most connections that this process opens; more threads wait for one."""
    busy_seconds: float = attrs.field(default=30.0, validator=_positive)
    """How long to wait for a lock or a connection before StoreBusy."""
    connect_seconds: int = attrs.field(default=10, validator=_positive)
    """How long a connection may take to be made."""
    retry_seconds: float = attrs.field(default=15.0, validator=_positive)
    """How long a call that lost its connection is tried again: a restart or a failover of the server."""
    chunk_rows: int = attrs.field(default=10_000, validator=_positive)
    """Rows of a full chunk: larger appends are split, smaller ones are compacted to about this many."""
    scan_seconds: float = attrs.field(default=300.0, validator=_positive)
    """How long a scan may take while its rows are being compacted; replaced chunks are kept as long."""
    keep_days: Mapping[str, float] = attrs.field(factory=dict, validator=_positive_values)
    """By stream: days that rows are kept, by their own time. A stream left out is kept for ever."""
    keep_wide_days: Mapping[str, float] = attrs.field(factory=dict, validator=_positive_values)
    """By stream: days that wide columns (features) are kept; the rest of the row stays."""
    keep_bytes: Mapping[str, float] = attrs.field(factory=dict, validator=_positive_values)
    """By stream: bytes that its chunks may take; the oldest rows go first."""

    @property
    def schema(self) -> str:
        """The PostgreSQL schema that holds the tables."""
        return _asked(_split(self.url)).get("schema", DEFAULT_SCHEMA)

    @property
    def conninfo(self) -> str:
        """The URL as libpq takes it: without our own ``schema``."""
        split = _split(self.url)
        kept = [part for part in split.query.split("&") if part and not part.startswith("schema=")]
        query = "&".join(kept)
        return f"{SCHEME}://{split.netloc}{split.path}{'?' if query else ''}{query}"

    @property
    def place(self) -> str:
        """The URL for messages: neither user nor password."""
        split = _split(self.url)
        host = split.netloc.rpartition("@")[2] or _asked(split).get("host", "")
        return f"{SCHEME}://{host}{split.path}"


def _split(url: str) -> SplitResult:
    """The parts of the URL; the message of a ConfigError does not repeat it: it may hold a password."""
    if not url.startswith(f"{SCHEME}://"):
        raise ConfigError(f"the storage URL is not one of the PostgreSQL store: {_EXPECTED}")
    try:
        split = urlsplit(url)
    except ValueError:
        raise ConfigError(
            f"the storage URL cannot be read: {_EXPECTED}; write special characters of a password as %XX"
        ) from None
    if split.path.startswith("//"):
        raise ConfigError(
            f"the storage URL names no host, so that what follows was read as a path: {_EXPECTED}, or for a local "
            "socket postgresql://localhost/database?host=/run/postgresql"
        )
    return split


def _asked(split: SplitResult) -> dict[str, str]:
    """What stands behind the question mark."""
    return dict(parse_qsl(split.query, keep_blank_values=True))
