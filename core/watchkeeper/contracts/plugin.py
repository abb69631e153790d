"""The record by which a plugin announces itself, and the kinds that there are."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

import attrs


class Kind(StrEnum):
    """What a plugin can be. The value is the first half of its entry point's name, ``<kind>.<name>``."""

    METRIC = "metric"
    DRIFT = "drift"
    WEIGHTING = "weighting"
    EXPLAINER = "explainer"
    NOTIFIER = "notifier"
    STORAGE = "storage"
    FORMAT = "format"
    EXECUTOR = "executor"


API: Final[dict[Kind, int]] = dict.fromkeys(Kind, 1)
"""The contract's version for each kind; the one before is accepted too."""


@attrs.frozen
class NoOptions:
    """For a plugin that has nothing to set."""


@attrs.frozen
class Plugin:
    """One plugin: hooks yield these, and the framework calls what `build` returns.

    Parameters
    ----------
    kind, name
        Together its identity, unique in an installation.
    build
        ``build(options)`` returns an object that satisfies the kind's Protocol. Import heavy packages here.
    options
        An attrs class; the configuration's keys are checked against its fields.
    api
        The contract version it was written for, see `API`.
    summary
        One sentence for ``watchkeeper plugins list``.
    extra
        The extra of its own distribution that installs what `build` imports, when there is one.
    modules
        Modules of that extra without which what it builds does not work: looked for when plugins are listed, as
        `build` may import them only later, and is not called where options are needed.
    """

    kind: Kind = attrs.field(converter=Kind)
    name: str
    build: Callable[[Any], object]
    options: type = NoOptions
    api: int = 1
    summary: str = ""
    extra: str | None = None
    modules: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """``kind.name``, as in the entry point."""
        return f"{self.kind}.{self.name}"
