"""Every mistake in a configuration at once: what is no value, and what no rule, matcher, group or window can mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from watchkeeper.config.constraints import InstalledPlugins
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.reading import read
from watchkeeper.domain.errors import ConfigError

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
    path: str, plugins: InstalledPlugins, environment: Mapping[str, str], *, at_use: bool = True
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
        *(found.loaded.mistakes_at_use(plugins) if at_use else ()),
    )
    if problems:
        raise ConfigError(*dict.fromkeys(problems))
    return found.loaded, references.doubts


def alerting_mistakes(
    loaded: LoadedConfig, of_references: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[str, ...]:
    """A line for each mistake in what the configuration says about alerts.

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
    )
    return tuple(problem for look in looks for problem in _problems(look, loaded))


def _problems(look: Callable[[LoadedConfig], object], loaded: LoadedConfig) -> tuple[str, ...]:
    try:
        look(loaded)
    except ConfigError as error:
        return error.problems
    return ()
