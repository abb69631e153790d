"""Every mistake in a configuration at once: what is no value, and what no rule, matcher, group or window can mean."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import attrs

from watchkeeper.config.constraints import InstalledPlugins
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.problems import one_line
from watchkeeper.config.reading import read
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import ConfigError, PluginError, UsageError, WatchkeeperError
from watchkeeper.plugins import Plugins
from watchkeeper.registry.envelopes import SigningKey
from watchkeeper.registry.remote import check_address

from .doubts import doubts_of
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
    return found.loaded, (*references.doubts, *doubts_of(found.loaded))


def mistakes_at_use(loaded: LoadedConfig, plugins: Plugins) -> tuple[str, ...]:
    """What would fail when plugins are built, and when the notifiers are: nothing is sent for it."""
    told = loaded.mistakes_at_use(plugins)
    unbuildable = (line for name in loaded.config.notifiers for line in _unbuildable(name, loaded, plugins))
    return (*told, *unbuildable, *_unusable_registry(loaded))


def _unbuildable(name: str, loaded: LoadedConfig, plugins: Plugins) -> tuple[str, ...]:
    use = loaded.config.notifiers[name].plugin
    try:
        options = loaded.options(use, plugins)
    except (ConfigError, PluginError):
        return ()  # told already
    place = f"{loaded.places.of(('notifiers', name))}: notifiers.{name}"
    for option, folder in _missing_folders(options):
        return (one_line(f"{place}.{option}: there is no folder {folder}; make it, or name another"),)
    try:
        cast("Notifier", plugins.build(Kind.NOTIFIER, use.name, options)).close()
    except ConfigError as error:
        return tuple(f"{place}: {one}" for one in error.problems)
    except PluginError as error:
        return (one_line(f"{place}: {error}"),)
    return ()


def _missing_folders(options: Any) -> Iterator[tuple[str, Path]]:
    """Each option that is the path of a file in a folder that does not exist, with the folder."""
    for field in attrs.fields(type(options)) if attrs.has(type(options)) else ():
        path = getattr(options, field.name)
        if isinstance(path, Path) and not path.parent.is_dir():
            yield field.name, path.parent


def _unusable_registry(loaded: LoadedConfig) -> tuple[str, ...]:
    """What would fail when a version is registered: the folder of artifacts, the key that signs."""
    problems: list[str] = []
    registry = loaded.config.registry
    if registry.artifacts is not None:
        with _told_at(loaded, problems, "artifacts"):
            check_address(registry.artifacts)
    if registry.signing_key is not None and registry.signs_as is not None:
        with _told_at(loaded, problems, "signing_key"):
            key = SigningKey.read(loaded.config.folder / registry.signing_key, registry.signs_as)
            signer = loaded.config.signers.get(registry.signs_as)
            if signer is not None and signer.key != key.public:
                raise UsageError(
                    f"its public key is {key.public}, and [signers.{registry.signs_as}] has another: nobody would "
                    "trust what it signs"
                )
    return tuple(problems)


@contextmanager
def _told_at(loaded: LoadedConfig, problems: list[str], key: str) -> Iterator[None]:
    """What is refused inside becomes a problem with the place of that key of ``[registry]``."""
    try:
        yield
    except WatchkeeperError as error:
        problems.append(one_line(f"{loaded.places.of(('registry', key))}: registry.{key}: {error}"))


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
