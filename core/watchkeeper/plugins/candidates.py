"""What is installed: the entry points of the group ``watchkeeper``, read without importing any of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Final

import attrs

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import PluginMissing
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.hookspecs import GROUP

from .boundary import Crash, contained

OBSERVER: Final = "observer"
BUILT_IN: Final = "watchkeeper"
KINDS: Final[tuple[str, ...]] = (*Kind, OBSERVER)
_log = logging.getLogger("watchkeeper.plugins")


@attrs.frozen
class Source:
    """The distribution that an entry point came from; empty when it is not known."""

    name: str = ""
    version: str = ""

    @property
    def key(self) -> str:
        """The name as installers compare it."""
        return re.sub(r"[-_.]+", "-", self.name).lower()


@attrs.frozen(eq=False)
class Candidate:
    """One entry point, and why it cannot be used if that can be told without importing it."""

    kind: str
    """What stands before the dot of its name: a `Kind`, ``observer``, or a mistake."""
    name: str
    entry_point: EntryPoint
    source: Source
    refusal: str | None = None

    @property
    def title(self) -> str:
        """``kind.name``."""
        return self.entry_point.name

    @property
    def target(self) -> str:
        """``module`` or ``module:object``."""
        return self.entry_point.value


def installed_entry_points() -> tuple[EntryPoint, ...]:
    """Those of every installed distribution; a PluginMissing when watchkeeper's own are not among them."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for distribution in distributions():
        # one by one, as importlib.metadata.entry_points() stops at the first damaged file of anybody
        read = _entry_points_of(distribution)
        if isinstance(read, Crash):
            _log.warning("the entry points of an installed distribution cannot be read: %s", read.told)
        elif read:
            # of two with the same name, the first on sys.path is the one that Python imports
            found.setdefault(_source(distribution).key, read)
    if BUILT_IN not in found:
        raise PluginMissing(
            "watchkeeper is not installed, so none of its plugins can be found: it runs from a source checkout whose "
            "entry points nobody has read; run `pip install -e .` in the checkout"
        )
    return tuple(point for points in found.values() for point in points)


def candidates(points: Iterable[EntryPoint]) -> tuple[Candidate, ...]:
    """All of them, in the order in which they win a name: built-ins, then by distribution and name.

    The first of a name wins; later ones carry a refusal, as do names that are not ``<kind>.<name>``.
    """
    found = tuple(points)
    # reading a distribution's name parses its whole METADATA, so once for each distribution
    origins = {id(origin): origin for origin in map(_origin, found)}
    sources = {key: _source(origin) for key, origin in origins.items()}
    ordered = sorted((_candidate(point, sources[id(_origin(point))]) for point in found), key=_precedence)
    first: dict[str, Candidate] = {}
    return tuple(_without_double(candidate, first.setdefault(candidate.title, candidate)) for candidate in ordered)


def _entry_points_of(distribution: Distribution) -> tuple[EntryPoint, ...] | Crash:
    return contained(lambda: tuple(distribution.entry_points.select(group=GROUP)))


def _origin(point: EntryPoint) -> Distribution | None:
    # one made by hand has none, which typeshed does not say of every Python version
    return getattr(point, "dist", None)


def _source(distribution: Distribution | None) -> Source:
    if distribution is None:
        return Source()
    read = contained(lambda: Source(distribution.name or "", distribution.version or ""))
    return Source("unreadable metadata") if isinstance(read, Crash) else read


def _candidate(point: EntryPoint, source: Source) -> Candidate:
    kind, _, name = point.name.partition(".")
    return Candidate(kind, name, point, source, refusal=_name_refusal(point.name, kind, name))


def _precedence(candidate: Candidate) -> tuple[bool, str, str]:
    return candidate.source.key != BUILT_IN, candidate.source.key, candidate.title


def _without_double(candidate: Candidate, winner: Candidate) -> Candidate:
    if winner is candidate or candidate.refusal:
        return candidate
    holder = f"{winner.source.name or 'another entry point'} ({winner.target})"
    reason = f"the name {candidate.title} is taken by {holder}, which comes first: give this plugin another name"
    return attrs.evolve(candidate, refusal=reason)


def _name_refusal(whole: str, kind: str, name: str) -> str | None:
    if kind in KINDS and name:
        return None
    hint = did_you_mean(kind, KINDS) if kind not in KINDS else ""
    return f"the entry point is named {whole!r}, expected <kind>.<name> with a kind of {', '.join(KINDS)}{hint}"
