"""The project that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.app import Watchkeeper


def opened(config: str) -> Watchkeeper:
    """The project of a configuration file; use it in a ``with`` block."""
    from watchkeeper.app import open_project

    return open_project(config)
