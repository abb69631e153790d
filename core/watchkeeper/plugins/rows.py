"""What ``watchkeeper plugins list`` tells of one entry point."""

from __future__ import annotations

import attrs
import pluggy

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import ExtraMissing, PluginBroken, WatchkeeperError

from .building import built, close, lacking_module, lacking_told, pip_line
from .candidates import Candidate
from .options import required_options


@attrs.frozen
class PluginRow:
    """One entry point: whose it is, and whether it works."""

    kind: str
    """A `Kind`, ``observer``, or whatever a misnamed entry point has before its dot."""
    name: str
    is_ok: bool
    """Whether it works, or would as soon as `needs` is installed."""
    reason: str
    """Why it does not work, or what is to be known about it; "" when there is nothing to say."""
    distribution: str
    distribution_version: str
    summary: str
    api: int | None
    """The contract version it was written for; None for an observer and for what cannot be loaded."""
    target: str
    """``module`` or ``module:object``."""
    needs: str = ""
    """The pip line that installs what it needs, when that is missing."""

    @property
    def title(self) -> str:
        """``kind.name``."""
        return f"{self.kind}.{self.name}" if self.name else self.kind


def row_of(candidate: Candidate, loaded: Plugin | pluggy.PluginManager | BaseException) -> PluginRow:
    """The row of a candidate, given what came of loading it; a plugin is built when nothing has to be set for it."""
    row = PluginRow(
        kind=candidate.kind,
        name=candidate.name,
        is_ok=not isinstance(loaded, BaseException),
        reason=str(loaded) if isinstance(loaded, BaseException) else "",
        distribution=candidate.source.name,
        distribution_version=candidate.source.version,
        summary=loaded.summary if isinstance(loaded, Plugin) else "",
        api=loaded.api if isinstance(loaded, Plugin) else None,
        target=candidate.target,
    )
    return _tried(candidate, loaded, row) if isinstance(loaded, Plugin) else row


def _tried(candidate: Candidate, plugin: Plugin, row: PluginRow) -> PluginRow:
    if (lacking := lacking_module(plugin)) is not None:
        told = lacking_told(candidate, plugin, lacking)
        return attrs.evolve(row, reason=told, needs=pip_line(candidate, plugin.extra or ""))
    # opening a storage creates files, and a list must not
    if plugin.kind is Kind.STORAGE or required_options(plugin.options):
        return row
    try:
        close(built(candidate, plugin, None))
    except ExtraMissing as missing:
        return attrs.evolve(row, reason=str(missing), needs=pip_line(candidate, plugin.extra or ""))
    except PluginBroken as broken:
        return attrs.evolve(row, is_ok=False, reason=str(broken))
    except WatchkeeperError as refused:
        # it speaks our words, so it works: with nothing set it only cannot start
        return attrs.evolve(row, reason=f"not built without options: {refused}")
    return row
