"""``[storage]``: how rows go into the store, and how its back end goes about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import attrs

from watchkeeper.domain.spans import Duration

from .constraints import AtLeast
from .keys import told

_MOST_WAITING: Final = 64 * 1024 * 1024
OPTIONS: Final[Mapping[str, str]] = {
    "busy": "busy_seconds",
    "scan": "scan_seconds",
    "chunk_rows": "chunk_rows",
    "checkpoint_bytes": "checkpoint_bytes",
    "small_blob_bytes": "small_blob_bytes",
    "connections": "connections",
    "retry": "retry_seconds",
}
"""The keys that are the back end's, with the name of its plugin's option."""


@attrs.frozen(kw_only=True)
class StorageConfig:
    """What can be tuned; the defaults are measured, see the explanation of the store."""

    flush: Duration = attrs.field(default=Duration.parse("100ms"), metadata=told("how often logged rows are committed"))
    waiting_bytes: Annotated[int, AtLeast(1_000_000)] = attrs.field(
        default=_MOST_WAITING, metadata=told("how much may wait in memory to be committed")
    )
    block: Duration = attrs.field(
        default=Duration.parse("5s"), metadata=told("how long a call waits for room when that much is waiting")
    )
    busy: Duration | None = attrs.field(
        default=None, metadata=told("how long a write waits for its turn, or for a connection")
    )
    scan: Duration | None = attrs.field(
        default=None, metadata=told("how long one reading of rows may take while they are being compacted")
    )
    chunk_rows: Annotated[int, AtLeast(1)] | None = attrs.field(
        default=None, metadata=told("how many rows are packed together")
    )
    checkpoint_bytes: Annotated[int, AtLeast(1)] | None = attrs.field(
        default=None, metadata=told("SQLite: how large a write-ahead log grows before it is moved into its database")
    )
    small_blob_bytes: Annotated[int, AtLeast(1)] | None = attrs.field(
        default=None, metadata=told("SQLite: artifacts up to this size are kept inside the database")
    )
    connections: Annotated[int, AtLeast(1)] | None = attrs.field(
        default=None, metadata=told("PostgreSQL: how many connections this process opens at most")
    )
    retry: Duration | None = attrs.field(
        default=None, metadata=told("PostgreSQL: how long a call that lost its connection is tried again")
    )

    def options(self) -> dict[str, Any]:
        """What the storage plugin is told: the keys that say something."""
        return {OPTIONS[key]: value for key, value in self.given().items()}

    def given(self) -> dict[str, Any]:
        """The keys for the back end that say something; lengths of time in seconds."""
        values = {key: getattr(self, key) for key in OPTIONS}
        return {
            key: value.us / 1e6 if isinstance(value, Duration) else value
            for key, value in values.items()
            if value is not None
        }
