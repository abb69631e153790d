"""The storage URL: which back end, and where."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from watchkeeper.domain.errors import UsageError

EXPECTED = 'a storage URL such as "sqlite:///watch", or "env:NAME" of a variable that holds one'


@attrs.frozen
class StorageAddress:
    """Where the store is: a back end's name and what it needs to find its place."""

    name: str
    """The URL's scheme, which is the storage plugin's name."""
    url: str = attrs.field(repr=False)  # it may hold a password
    """The whole URL; a relative path has been made absolute."""
    path: Path | None = None
    """For ``scheme:///path``: the path, absolute; None when the URL names a host."""
    options: Mapping[str, Any] = attrs.field(factory=dict)
    """What ``[storage]`` and ``[retention]`` set, as options of the plugin."""

    @property
    def plugin_options(self) -> dict[str, Any]:
        """What the storage plugin is built with."""
        return {"url": self.url, **self.options}


def storage_address(url: str, folder: Path) -> StorageAddress:
    """Read a URL: ``sqlite:///watch`` is a path in `folder`, ``sqlite:////data/watch`` begins at the root.

    Raises
    ------
    UsageError
        When there is no scheme or nothing behind it. The message does not repeat the URL: it may hold a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme or not rest.strip("/"):
        raise UsageError(f"expected {EXPECTED}")
    if not rest.startswith("/"):
        return StorageAddress(scheme, url)
    path = folder / rest[1:]
    return StorageAddress(scheme, f"{scheme}:///{path}", path)
