"""A plugin that the configuration uses: its name, its options, and whether they fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import PluginError
from watchkeeper.plugins.boundary import Crash, contained
from watchkeeper.plugins.options import OptionProblem, field_types, option_problems, read_options

from .constraints import Context, InstalledPlugins, check_installed
from .positions import KeyPath
from .problems import Problem, Wrong, dotted
from .secrets import check_form, references


@attrs.frozen
class PluginUse:
    """A plugin by name, with the options that the file gives it; secrets in them are not looked up yet."""

    name: str
    options: Mapping[str, Any] = attrs.field(factory=dict)

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class InstalledPlugin:
    """A use of a plugin that is installed, with options that it accepts."""

    kind: Kind

    def check(self, value: PluginUse, context: Context) -> None:
        """Refuse a name that is not installed, and options that the plugin's own class refuses."""
        check_installed(self.kind, value.name, context.plugins)
        try:
            plugin = context.plugins.get(self.kind, value.name)
        except PluginError:
            return  # a plugin that does not load breaks only itself: `LoadedConfig.mistakes_at_use` tells of it
        problems = tuple(_option_mistakes(plugin, value.options))
        if problems:
            raise Wrong(*problems)

    def schema(self, plugins: InstalledPlugins) -> dict[str, Any]:
        """The name, or a table with the name and options."""
        name = {"enum": list(plugins.names(self.kind))}
        return {"anyOf": [name, {"type": "object", "properties": {"name": name}, "required": ["name"]}]}


def problem_of(option: OptionProblem, options: Mapping[str, Any]) -> Problem:
    """A mistake in a plugin's options, seen from the table that holds them."""
    path = _walked(option.path, options)
    return Problem(path, lambda path: f"{dotted(path)}: {option.message}")


def _option_mistakes(plugin: Plugin, options: Mapping[str, Any]) -> Iterator[Problem]:
    """What the plugin's own class says; values behind secrets are looked at when they are used."""
    secrets = tuple(references(options))
    for path, reference in secrets:
        try:
            check_form(reference)
        except Wrong as wrong:
            yield from (problem.under(*path) for problem in wrong.problems)
    checked = contained(
        lambda: tuple(option_problems(plugin.options, options)) if secrets else read_options(plugin.options, options)[1]
    )
    if isinstance(checked, Crash):
        yield Problem((), lambda path: f"{dotted(path)}: the options of {plugin.title} cannot be read: {checked.told}")
        return
    known = contained(lambda: field_types(plugin.options))
    for found in checked:
        problem = problem_of(found, options)
        is_known = isinstance(known, Crash) or problem.path[:1] == () or problem.path[0] in known
        if not is_known or not any(problem.path == path for path, _ in secrets):
            yield problem


def _walked(steps: tuple[str, ...], value: Any) -> KeyPath:
    """The path with places in arrays as numbers."""
    path: KeyPath = ()
    for step in steps:
        is_place = isinstance(value, list | tuple)
        path = (*path, int(step) if is_place else step)
        value = _item(value, path[-1])
    return path


def _item(value: Any, key: str | int) -> Any:
    try:
        return value[key]
    except (KeyError, IndexError, TypeError):
        return None
