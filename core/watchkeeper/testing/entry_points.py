"""Entry points of a distribution that was never installed: for tests of plugins, and of what uses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import Distribution, EntryPoint
from os import PathLike
from pathlib import Path
from typing import Any

from watchkeeper.hookspecs import GROUP


def entry_points_of(
    distribution: str, offers: Mapping[str, object], *, version: str = "1.0", group: str = GROUP
) -> tuple[EntryPoint, ...]:
    """What an installed `distribution` would bring: for each ``kind.name`` the module (or object) that has the hooks.

    >>> from types import SimpleNamespace
    >>> from watchkeeper.plugins import Plugins
    >>> Plugins(entry_points_of("mine", {"notifier.file": SimpleNamespace()})).names("notifier")
    ('file',)
    """
    source = _Distribution(distribution, version)
    return tuple(_EntryPoint.made(title, group, source, _giving(found)) for title, found in offers.items())


def entry_point_that(title: str, loads: Callable[[], object], *, distribution: str = "mine") -> EntryPoint:
    """One whose import does what `loads` does: raise, say."""
    return _EntryPoint.made(title, GROUP, _Distribution(distribution, "1.0"), loads)


def _giving(found: object) -> Callable[[], object]:
    return lambda: found


class _EntryPoint(EntryPoint):
    """Gives an object instead of importing one."""

    @classmethod
    def made(cls, title: str, group: str, source: Distribution, loads: Callable[[], object]) -> _EntryPoint:
        point = cls(title, f"{source.name.replace('-', '_')}.{title.replace('.', '_')}", group)
        # an entry point refuses attributes; importlib.metadata itself sets `dist` like this
        vars(point).update(dist=source, loads=loads)
        return point

    def load(self) -> Any:
        return vars(self)["loads"]()


class _Distribution(Distribution):
    """A name and a version."""

    def __init__(self, name: str, version: str) -> None:
        self._metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: str | PathLike[str]) -> Path:
        raise FileNotFoundError(f"{path} was never installed")
