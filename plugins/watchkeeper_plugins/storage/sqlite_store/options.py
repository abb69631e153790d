"""What a user can set about the SQLite store, and the folder that its URL names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from watchkeeper.domain.errors import ConfigError

SCHEME: Final = "sqlite:///"


def _positive(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value <= 0:
        raise ConfigError(f"storage option {attribute.name} is {value}; expected a number above 0")


def _positive_values(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, float]) -> None:
    for stream, number in value.items():
        if number <= 0:
            raise ConfigError(f"storage option {attribute.name} of {stream!r} is {number}; expected a number above 0")


@attrs.frozen
class SqliteOptions:
    """How the embedded store behaves; the defaults are measured, see docs/explanation/storage.md."""

    url: str
    """``sqlite:///relative/folder`` or ``sqlite:////absolute/folder``."""
    busy_seconds: float = attrs.field(default=30.0, validator=_positive)
    """How long a write waits for its turn before StoreBusy."""
    chunk_rows: int = attrs.field(default=10_000, validator=_positive)
    """Rows of a full chunk: larger appends are split, smaller ones are compacted to about this many."""
    small_blob_bytes: int = attrs.field(default=65_536, validator=_positive)
    """Blobs up to this size live inside state.db, larger ones as files."""
    checkpoint_bytes: int = attrs.field(default=33_554_432, validator=_positive)
    """Size of a write-ahead log at which a commit moves it into the database file."""
    scan_seconds: float = attrs.field(default=300.0, validator=_positive)
    """How long a scan may take while its rows are being compacted; replaced chunks are kept as long."""
    keep_days: Mapping[str, float] = attrs.field(factory=dict, validator=_positive_values)
    """By stream: days that rows are kept, by their own time. A stream left out is kept for ever."""
    keep_wide_days: Mapping[str, float] = attrs.field(factory=dict, validator=_positive_values)
    """By stream: days that wide columns (features) are kept; the rest of the row stays."""
    keep_bytes: Mapping[str, float] = attrs.field(factory=dict, validator=_positive_values)
    """By stream: bytes that it may take on disk; the oldest rows go first."""

    @property
    def folder(self) -> Path:
        """The folder that the URL names."""
        return folder_of(self.url)


def folder_of(url: str) -> Path:
    """The folder that ``sqlite:///...`` names; a ConfigError when it does not name one."""
    if not url.startswith(SCHEME):
        raise ConfigError(
            f"{url!r} is not a URL of the SQLite store: expected sqlite:///folder or sqlite:////absolute/folder"
        )
    path = url[len(SCHEME) :]
    if not path or path == ":memory:" or "\0" in path:
        raise ConfigError(
            f"{url!r} does not name a folder: expected sqlite:///folder or sqlite:////absolute/folder "
            "(the store keeps files; there is no in-memory form)"
        )
    return Path(path)
