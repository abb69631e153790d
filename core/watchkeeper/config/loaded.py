"""A configuration that was read: its values, where each came from, and the options of its plugins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import ConfigError, PluginError, UsageError
from watchkeeper.plugins.boundary import Crash, contained
from watchkeeper.plugins.options import field_types, read_options

from .constraints import InstalledPlugins, check_installed
from .overrides import value_of_text
from .places import Places
from .plugin_use import PluginUse, problem_of
from .positions import KeyPath
from .problems import Problem, Wrong, dotted, one_line, refused
from .schema import Config, uses_of
from .secrets import Secrets, covered, filled
from .storage_url import StorageAddress, storage_address
from .storing import OPTIONS


@attrs.frozen
class LoadedConfig:
    """What `load` returns; one made in code, without a file, needs the configuration alone."""

    config: Config
    places: Places = attrs.field(factory=Places)
    left_out: frozenset[KeyPath] = frozenset()
    """What was taken out as it could not be understood; nothing of a configuration without mistakes."""
    secrets: Secrets = attrs.field(
        default=attrs.Factory(lambda loaded: Secrets({}, loaded.config.folder), takes_self=True)
    )

    def origin(self, *path: str | int) -> str:
        """Where a value came from: ``watchkeeper.toml:12``, ``default`` or the variable's name.

        ``origin("models", "spx", "window")``; the place for messages about a value that was set.
        """
        return self.places.origin(path)

    def left_out_of(self, section: str) -> tuple[str, ...]:
        """The names of a section's tables that were left out whole."""
        return tuple(str(path[1]) for path in self.left_out if len(path) == 2 and path[0] == section)

    def options(self, use: PluginUse, plugins: InstalledPlugins) -> Any:
        """The options of a plugin that this configuration uses, with its secrets looked up, for ``plugins.build``.

        Raises
        ------
        ConfigError
            A secret is not there, or the plugin refuses its options; a line for each, with its place in the file.
        PluginError
            The plugin is missing or broken.
        """
        path, kind = next(
            ((path, kind) for path, (kind, found) in uses_of(self.config).items() if found is use), ((), None)
        )
        if kind is None:
            raise UsageError(f"plugin {use.name!r} is no use of this configuration's: pass one of its PluginUse values")
        plugin = plugins.get(kind, use.name)
        try:
            texts = self.secrets.looked_up(use.options)
        except Wrong as wrong:
            raise self._error(path, wrong.problems) from None
        return self._read(plugin, use.options, texts, path)

    def storage(self) -> StorageAddress:
        """Where the store is, a relative path made absolute; a ConfigError when a secret is not there or is no URL."""
        url = self.config.project.storage
        try:
            address = storage_address(self.secrets.looked_up(url).get((), url), self.config.folder)
            return attrs.evolve(address, options={**self.config.storage.options(), **self.config.retention.options()})
        except Wrong as wrong:
            raise self._error(("project", "storage"), wrong.problems) from None
        except UsageError as refusal:
            raise self._error(("project", "storage"), [refused(refusal)]) from None

    def mistakes_at_use(self, plugins: InstalledPlugins) -> tuple[str, ...]:
        """What would fail when plugins are built: those that do not load, secrets that are not there; a line each."""
        lines: list[str] = []
        for path, (kind, use) in uses_of(self.config).items():
            try:
                check_installed(kind, use.name, plugins)
                self.options(use, plugins)
            except ConfigError as error:
                lines.extend(error.problems)
            except Wrong as wrong:
                lines.extend(self._error(path, wrong.problems).problems)
            except PluginError as error:
                lines.append(one_line(f"{self.places.of(path)}: {dotted(path)}: {error}"))
        return (*self._storage_mistakes(plugins), *lines)

    def _storage_mistakes(self, plugins: InstalledPlugins) -> tuple[str, ...]:
        try:
            name = self.storage().name
            check_installed(Kind.STORAGE, name, plugins)
            known = field_types(plugins.get(Kind.STORAGE, name).options)
        except ConfigError as error:
            return error.problems
        except Wrong as wrong:
            return self._error(("project", "storage"), wrong.problems).problems
        except PluginError:
            return ()  # opening the store tells why
        strange = [key for key in self.config.storage.given() if OPTIONS[key] not in known]
        if not strange:
            return ()
        told = f"means nothing to the {name} store; leave it out"
        return self._error(
            (), [Problem(("storage", key), lambda path: f"{dotted(path)} {told}") for key in strange]
        ).problems

    def _given(self, kind: type, options: Mapping[str, Any], texts: Mapping[KeyPath, str]) -> dict[str, Any]:
        """The options as the plugin's class takes them: secrets filled in, relative paths begin at the folder."""
        kinds = field_types(kind)
        typed = {
            path: value_of_text(text, kinds.get(str(path[0]), str)) for path, text in texts.items() if path[1:] == ()
        }
        return {key: self._placed(value, kinds.get(key)) for key, value in filled(options, {**texts, **typed}).items()}

    def _placed(self, value: Any, kind: Any) -> Any:
        is_path = kind is Path or kind == Path | None
        return self.config.folder / value if is_path and isinstance(value, str) else value

    def _read(self, plugin: Plugin, options: Mapping[str, Any], texts: Mapping[KeyPath, str], path: KeyPath) -> Any:
        """The plugin's options class made of them; what it says of its values is shown without the secrets."""
        secrets = tuple(texts.values())
        read = contained(lambda: read_options(plugin.options, self._given(plugin.options, options, texts)))
        if isinstance(read, Crash):
            raise self._error(path, [refused(UsageError(covered(read.told, secrets)))])
        made, mistakes = read
        if mistakes:
            shown = [attrs.evolve(mistake, message=covered(mistake.message, secrets)) for mistake in mistakes]
            raise self._error(path, [problem_of(mistake, options) for mistake in shown])
        return made

    def _error(self, path: KeyPath, problems: Iterable[Problem]) -> ConfigError:
        return ConfigError(*(self.places.told(problem.under(*path)) for problem in problems))
