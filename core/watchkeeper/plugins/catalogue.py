"""Every plugin of an installation: found without an import, loaded one at a time, each failure kept to itself."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint
from typing import Any

import attrs
import pluggy

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import PluginBroken, PluginMissing, UsageError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.verdict import Failure

from .boundary import attempt
from .building import built
from .candidates import KINDS, OBSERVER, Candidate, candidates, installed_entry_points
from .loading import OBSERVER_HOOKS, load_observer, load_plugin
from .rows import PluginRow, row_of

_log = logging.getLogger("watchkeeper.plugins")


@attrs.define(eq=False)
class _Slot:
    """One candidate, and what came of loading it; the lock lets others load meanwhile."""

    candidate: Candidate
    outcome: Plugin | pluggy.PluginManager | PluginBroken | None = None
    lock: threading.RLock = attrs.field(factory=threading.RLock)

    def loaded(self) -> Plugin | pluggy.PluginManager:
        """The plugin or the observer's manager; the PluginBroken is the same reason every time."""
        with self.lock:
            if self.outcome is None:
                self.outcome = self._first_outcome()
        if not isinstance(self.outcome, PluginBroken):
            return self.outcome
        raise self.broken(self.outcome) from self.outcome

    def broken(self, reason: PluginBroken) -> PluginBroken:
        """The error for callers: whose plugin it is, and the reason."""
        whose = self.candidate.source.name or self.candidate.target
        return PluginBroken(f"plugin {self.candidate.title} of {whose} is broken: {reason}")

    def _first_outcome(self) -> Plugin | pluggy.PluginManager | PluginBroken:
        candidate = self.candidate
        try:
            if candidate.refusal:
                return PluginBroken(candidate.refusal)
            return load_observer(candidate) if candidate.kind == OBSERVER else load_plugin(candidate)
        except PluginBroken as broken:
            told = {"plugin": candidate.title, "distribution": candidate.source.name, "error": str(broken)}
            _log.info("plugin %s is broken: %s", candidate.title, broken, extra=told)
            return broken


class Plugins:
    """The plugins that are installed. Safe to use from several threads; everything it knows lives in the object.

    Parameters
    ----------
    entry_points
        Where to look; None for the installed ones of the group ``watchkeeper``, which are read once, at the
        first question.
    """

    def __init__(self, entry_points: Iterable[EntryPoint] | None = None) -> None:
        self._given = None if entry_points is None else tuple(entry_points)
        self._lock = threading.Lock()
        self._slots: tuple[_Slot, ...] | None = None

    def names(self, kind: Kind | str) -> tuple[str, ...]:
        """The names of one kind, sorted; nothing is imported, so one of them may still prove broken."""
        wanted = _checked_kind(kind)
        return tuple(sorted({slot.candidate.name for slot in self._usable() if slot.candidate.kind == wanted}))

    def get(self, kind: Kind | str, name: str) -> Plugin:
        """The plugin, after importing its entry point and no other.

        Raises
        ------
        PluginMissing
            Nobody provides it; the message has the nearest name and all there are.
        PluginBroken
            It is installed and cannot be loaded; the message has the reason.
        """
        loaded = self._slot(kind, name).loaded()
        if isinstance(loaded, Plugin):
            return loaded
        raise UsageError(f"observer.{name} is told of events, it is not built: use tell()")

    def build(self, kind: Kind | str, name: str, options: Mapping[str, Any] | object | None = None) -> object:
        """An object that satisfies the kind's Protocol.

        Parameters
        ----------
        kind, name
            Which plugin.
        options
            A mapping that is read strictly as the plugin's options class, an instance of that class, or None.

        Raises
        ------
        PluginMissing, PluginBroken
            As `get`; PluginBroken also when ``build`` raises or returns something else.
        ExtraMissing
            It needs a package that is not installed; the message has the pip line.
        ConfigError
            The options are wrong: one line for each mistake.
        """
        plugin = self.get(kind, name)
        slot = self._slot(kind, name)
        try:
            return built(slot.candidate, plugin, options)
        except PluginBroken as reason:
            raise slot.broken(reason) from reason

    def rows(self) -> tuple[PluginRow, ...]:
        """Every entry point, loaded and tried, sorted by kind and name; a broken one is a row with its reason."""
        ordered = sorted(self._scanned(), key=lambda slot: _listing_order(slot.candidate))
        return tuple(_row(slot) for slot in ordered)

    def row(self, kind: Kind | str, name: str) -> PluginRow:
        """One plugin's row; a PluginMissing when nobody provides it."""
        return _row(self._slot(kind, name))

    def tell(self, hook_name: str, **arguments: object) -> tuple[Failure, ...]:
        """Call an observer hook of each observer apart from the others; what failed is returned and logged."""
        if hook_name not in OBSERVER_HOOKS:
            expected = " or ".join(OBSERVER_HOOKS)
            raise UsageError(
                f"{hook_name!r} is no hook of observers, expected {expected}{did_you_mean(hook_name, OBSERVER_HOOKS)}"
            )
        observers = [slot for slot in self._usable() if slot.candidate.kind == OBSERVER]
        told = [_told(slot, hook_name, arguments) for slot in observers]
        return tuple(outcome for outcome in told if outcome is not None)

    def _scanned(self) -> tuple[_Slot, ...]:
        with self._lock:
            if self._slots is None:
                points = installed_entry_points() if self._given is None else self._given
                self._slots = tuple(map(_Slot, candidates(points)))
            return self._slots

    def _usable(self) -> list[_Slot]:
        return [slot for slot in self._scanned() if not slot.candidate.refusal]

    def _slot(self, kind: Kind | str, name: str) -> _Slot:
        title = f"{_checked_kind(kind)}.{name}"
        for slot in self._usable():
            if slot.candidate.title == title:
                return slot
        names = self.names(kind)
        listed = f"installed: {', '.join(names)}" if names else f"no {kind} plugin is installed"
        raise PluginMissing(f"there is no plugin {title!r}; {listed}{did_you_mean(name, names)}")


def split_title(title: str) -> tuple[str, str]:
    """``metric.accuracy`` as its kind and its name; a UsageError for anything else."""
    kind, dot, name = title.partition(".")
    if not (dot and name):
        raise UsageError(f"{title!r} is not a plugin's name, expected <kind>.<name> such as metric.accuracy")
    return _checked_kind(kind), name


def _checked_kind(kind: str) -> str:
    if kind not in KINDS:
        raise UsageError(
            f"{str(kind)!r} is not a kind of plugin, expected one of {', '.join(KINDS)}{did_you_mean(kind, KINDS)}"
        )
    return str(kind)


def _listing_order(candidate: Candidate) -> tuple[int, str]:
    position = KINDS.index(candidate.kind) if candidate.kind in KINDS else len(KINDS)
    return position, candidate.title


def _row(slot: _Slot) -> PluginRow:
    try:
        loaded = slot.loaded()
    except PluginBroken as broken:
        return row_of(slot.candidate, broken.__cause__ or broken)
    return row_of(slot.candidate, loaded)


def _told(slot: _Slot, hook_name: str, arguments: Mapping[str, object]) -> Failure | None:
    try:
        manager = slot.loaded()
    except PluginBroken as broken:
        told = {"plugin": slot.candidate.title, "subject": hook_name, "error": str(broken)}
        _log.warning("%s was not told of %s: %s", slot.candidate.title, hook_name, broken, extra=told)
        return Failure(slot.candidate.title, str(broken), hook_name)
    caller = getattr(manager.hook, hook_name) if isinstance(manager, pluggy.PluginManager) else None
    if caller is None or not caller.get_hookimpls():
        return None
    outcome = attempt(slot.candidate.title, hook_name, lambda: caller(**arguments))
    return outcome if isinstance(outcome, Failure) else None
