"""A plugin built with its options, and what it built held against the contract."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from watchkeeper.contracts.plugin import Plugin
from watchkeeper.domain.errors import ConfigError, ExtraMissing, WatchkeeperError

from .boundary import Crash, contained
from .candidates import Candidate
from .conformity import protocol_breaches, protocol_of
from .loading import broken
from .options import structured_options


def built(candidate: Candidate, plugin: Plugin, given: Mapping[str, Any] | object | None) -> object:
    """What the plugin's ``build`` returned, found to keep the kind's Protocol.

    Raises
    ------
    ConfigError
        `given` does not fit the plugin's options: one line for each mistake.
    ExtraMissing
        ``build`` imports a package that is not installed; the message holds the pip line.
    PluginBroken
        ``build`` raised, or returned something else; with the reason alone.
    WatchkeeperError
        What ``build`` itself said in our words, such as a StoreBusy or a ConfigError.
    """
    options: object = contained(lambda: structured_options(plugin.title, plugin.options, given))
    if isinstance(options, Crash):
        raise _refused(plugin, options)
    result = contained(lambda: plugin.build(options))
    if isinstance(result, Crash):
        raise _translated(candidate, plugin, result)
    protocol = protocol_of(plugin.kind, result)
    breaches = protocol_breaches(result, protocol)
    if breaches:
        close(result)
        found = type(result).__name__
        raise broken(f"build returned a {found}, which is no {protocol.__name__}: {'; '.join(breaches)}")
    return result


def close(result: object) -> None:
    """Release what a trial built, if it can be released; what that raises does not matter any more."""
    release = contained(lambda: getattr(result, "close", None))
    if callable(release) and not isinstance(result, type):
        contained(release)


def pip_line(candidate: Candidate, extra: str) -> str:
    """What installs an extra: ``pip install "watchkeeper[explain]"``."""
    distribution = candidate.source.name or candidate.entry_point.module.partition(".")[0]
    return f'pip install "{distribution}[{extra}]"'


def lacking_module(plugin: Plugin) -> str | None:
    """The first of the modules that it declares which is not installed; nothing is imported."""
    return next((name for name in plugin.modules if plugin.extra and find_spec(name) is None), None)


def lacking_told(candidate: Candidate, plugin: Plugin, module: str) -> str:
    """Which module it lacks, and the pip line."""
    line = pip_line(candidate, plugin.extra or "")
    return f"{plugin.title} needs the module {module!r}, which is not installed: {line}"


def _refused(plugin: Plugin, crash: Crash) -> Exception:
    """What is wrong with the options, or with a class of options whose own code raises."""
    if isinstance(crash.error, ConfigError):
        return crash.error
    return broken(f"reading its options class {plugin.options.__name__} raised {crash.told}", crash)


def _translated(candidate: Candidate, plugin: Plugin, crash: Crash) -> Exception:
    error = crash.error
    if isinstance(error, WatchkeeperError):
        return error
    missing = _missing_package(candidate, error)
    if missing is None:
        return broken(f"build raised {crash.told}", crash)
    if plugin.extra is None:
        return broken(f"build needs the module {missing!r}, which is not installed, and names no extra for it", crash)
    told = ExtraMissing(lacking_told(candidate, plugin, missing))
    told.__cause__ = error
    return told


def _missing_package(candidate: Candidate, error: BaseException) -> str | None:
    """The top-level module that is not installed; a module missing from the plugin's own package is a mistake in it."""
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    package = error.name.partition(".")[0]
    return None if package == candidate.entry_point.module.partition(".")[0] else package
