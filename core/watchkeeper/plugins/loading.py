"""One entry point imported, registered and questioned, apart from all others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import pluggy

from watchkeeper import hookspecs
from watchkeeper.contracts.plugin import API, Kind, Plugin
from watchkeeper.domain.errors import PluginBroken
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.hookspecs import HOOK_OF_KIND

from .boundary import Crash, contained
from .candidates import BUILT_IN, Candidate

OBSERVER_HOOKS = ("watchkeeper_alert_changed", "watchkeeper_version_promoted")


def load_plugin(candidate: Candidate) -> Plugin:
    """Import the candidate's module and take the plugin that its entry point names.

    Raises
    ------
    PluginBroken
        With the reason alone; whatever the module raises ends up here, SystemExit too.
    """
    kind = Kind(candidate.kind)
    hook = HOOK_OF_KIND[kind]
    manager = _registered(candidate)
    if not getattr(manager.hook, hook).get_hookimpls():
        raise broken(_without_hook(candidate, manager, (hook,)))
    results = contained(getattr(manager.hook, hook))
    if isinstance(results, Crash):
        raise broken(f"{hook} raised {results.told}", results)
    return _checked(candidate, _named(candidate, hook, _yielded(hook, results)))


def load_observer(candidate: Candidate) -> pluggy.PluginManager:
    """Import an observer; the manager holds it alone."""
    manager = _registered(candidate)
    if not any(getattr(manager.hook, hook).get_hookimpls() for hook in OBSERVER_HOOKS):
        raise broken(_without_hook(candidate, manager, OBSERVER_HOOKS))
    return manager


def broken(reason: str, crash: Crash | None = None) -> PluginBroken:
    """The error with what is wrong; `crash` becomes its cause."""
    error = PluginBroken(reason)
    error.__cause__ = crash.error if crash else None
    return error


def _registered(candidate: Candidate) -> pluggy.PluginManager:
    """A manager for this candidate only: in a shared one, pluggy keeps what a rejected plugin left behind."""
    found = contained(candidate.entry_point.load)
    if isinstance(found, Crash):
        raise broken(f"importing {candidate.target} raised {found.told}", found)
    if isinstance(found, type):
        raise broken(f"{candidate.target} is a class, expected a module or an object: make an instance")
    manager = pluggy.PluginManager("watchkeeper")
    manager.add_hookspecs(hookspecs)
    registration = contained(lambda: manager.register(found, candidate.title))
    if isinstance(registration, Crash):
        raise broken(registration.told, registration)
    pending = contained(manager.check_pending)
    if isinstance(pending, Crash):
        raise broken(_unknown_hooks(manager, found), pending)
    return manager


def _unknown_hooks(manager: pluggy.PluginManager, found: object) -> str:
    known = (*HOOK_OF_KIND.values(), *OBSERVER_HOOKS)
    callers = manager.get_hookcallers(found) or []
    unknown = [f"{caller.name!r}{did_you_mean(caller.name, known)}" for caller in callers if not caller.has_spec()]
    return f"it implements a hook that does not exist: {', '.join(unknown)}"


def _without_hook(candidate: Candidate, manager: pluggy.PluginManager, wanted: tuple[str, ...]) -> str:
    found = manager.get_plugin(candidate.title)
    reason = f"{candidate.target} does not implement {' or '.join(wanted)}"
    unmarked = [name for name in wanted if hasattr(found, name)]
    if unmarked:
        return f"{reason}: there is a function of that name, mark it with @hookimpl"
    others = sorted(caller.name for caller in manager.get_hookcallers(found) or [])
    return f"{reason}, it implements {', '.join(others) or 'no hook at all'}"


def _yielded(hook: str, results: Any) -> list[Plugin]:
    """Everything that the hook yielded; the generator's body runs here, so here it may fail."""
    if not results:  # pluggy leaves out a None
        raise broken(f"{hook} returned None, expected it to yield a Plugin")
    (result,) = results
    if not isinstance(result, Iterable):
        raise broken(f"{hook} returned a {type(result).__name__}, expected it to yield a Plugin")
    items = contained(lambda: list(result))
    if isinstance(items, Crash):
        raise broken(f"{hook} raised {items.told}", items)
    strange = [type(item).__name__ for item in items if not isinstance(item, Plugin)]
    if strange:
        raise broken(f"{hook} yielded a {strange[0]}, expected a Plugin")
    return items


def _named(candidate: Candidate, hook: str, yielded: list[Plugin]) -> Plugin:
    matching = [plugin for plugin in yielded if plugin.title == candidate.title]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise broken(f"{hook} yielded {candidate.title} {len(matching)} times, expected once")
    titles = ", ".join(plugin.title for plugin in yielded) or "nothing"
    raise broken(f"its entry point is named {candidate.title!r} and {hook} yielded {titles}: the two must agree")


def _checked(candidate: Candidate, plugin: Plugin) -> Plugin:
    newest = API[plugin.kind]
    accepted = [number for number in (newest - 1, newest) if number >= 1]
    if plugin.api not in accepted:
        listed = " and ".join(map(str, accepted))
        upgrade = candidate.source.name or "the plugin" if plugin.api in range(newest) else BUILT_IN
        raise broken(
            f"it was written for version {plugin.api} of the {plugin.kind} contract, this watchkeeper accepts "
            f"{listed}: upgrade {upgrade}",
        )
    if not attrs.has(plugin.options):
        found = getattr(plugin.options, "__name__", plugin.options)
        raise broken(f"its options are {found!r}, expected an attrs class")
    if not callable(plugin.build):
        raise broken(f"its build is a {type(plugin.build).__name__}, expected a function of the options")
    return plugin
