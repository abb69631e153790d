"""Every mistake in a configuration at once: what is no value, and what no rule, matcher, group or window can mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import cast

from watchkeeper.config.constraints import InstalledPlugins
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.problems import one_line
from watchkeeper.config.reading import read
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import ConfigError, PluginError
from watchkeeper.plugins import Plugins

from .healthy import check_health
from .references import References
from .rules import rules_of
from .telling import check_groups, inhibitions_of, windows_of


def loaded_whole(path: str, plugins: InstalledPlugins, environment: Mapping[str, str]) -> LoadedConfig:
    """Read a configuration file as `watchkeeper.config.load` does, and look at what it says about alerts as well.

    Raises
    ------
    ConfigError
        ``problems`` has a line for every mistake, as far as each section can be understood beside the others.
    """
    found = read(path, plugins, environment)
    problems = (*found.problems, *(() if found.loaded is None else alerting_mistakes(found.loaded)))
    if found.loaded is None or problems:
        raise ConfigError(*problems)
    return found.loaded


def checked_whole(
    path: str, plugins: Plugins, environment: Mapping[str, str], *, at_use: bool = True
) -> tuple[LoadedConfig, tuple[str, ...]]:
    """As `loaded_whole`, and look at the reference files, too, and at what plugins need to be built (`at_use`).

    Returns
    -------
    The configuration, and what its references lack and can do without, a line each.
    """
    found = read(path, plugins, environment)
    if found.loaded is None:
        raise ConfigError(*found.problems)
    references = References.of(found.loaded)
    problems = (
        *found.problems,
        *alerting_mistakes(found.loaded, references.features),
        *references.problems,
        *(mistakes_at_use(found.loaded, plugins) if at_use else ()),
    )
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return found.loaded, references.doubts


def mistakes_at_use(loaded: LoadedConfig, plugins: Plugins) -> tuple[str, ...]:
    """What would fail when plugins are built, and when the notifiers are: nothing is sent for it."""
    told = loaded.mistakes_at_use(plugins)
    return (*told, *(line for name in loaded.config.notifiers for line in _unbuildable(name, loaded, plugins)))


def _unbuildable(name: str, loaded: LoadedConfig, plugins: Plugins) -> tuple[str, ...]:
    use = loaded.config.notifiers[name].plugin
    try:
        options = loaded.options(use, plugins)
    except (ConfigError, PluginError):
        return ()  # told already
    try:
        cast("Notifier", plugins.build(Kind.NOTIFIER, use.name, options)).close()
    except ConfigError as error:
        return tuple(f"{loaded.places.of(('notifiers', name))}: notifiers.{name}: {one}" for one in error.problems)
    except PluginError as error:
        return (one_line(f"{loaded.places.of(('notifiers', name))}: notifiers.{name}: {error}"),)
    return ()


def alerting_mistakes(
    loaded: LoadedConfig, of_references: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[str, ...]:
    """A line for each mistake in what the configuration says about alerts and health.

    Parameters
    ----------
    of_references
        As of `rules_of`.
    """
    looks: tuple[Callable[[LoadedConfig], object], ...] = (
        lambda one: rules_of(one, of_references),
        check_groups,
        inhibitions_of,
        windows_of,
        check_health,
    )
    return tuple(problem for look in looks for problem in _problems(look, loaded))


def _problems(look: Callable[[LoadedConfig], object], loaded: LoadedConfig) -> tuple[str, ...]:
    try:
        look(loaded)
    except ConfigError as error:
        return error.problems
    return ()
