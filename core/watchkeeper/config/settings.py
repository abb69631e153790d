"""Every effective value of a configuration, with where it came from; secrets stay covered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import PluginError
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.spans import Checks, Duration, FalseAlarmBudget, WindowSize

from .alerting import Action
from .constraints import InstalledPlugins
from .loaded import LoadedConfig
from .plugin_use import PluginUse
from .positions import KeyPath
from .problems import dotted
from .schema import NotifierConfig, keys_of, uses_of
from .secrets import MASK, is_secret, masked, without_password

_AS_TEXT = (Action, Checks, Duration, FalseAlarmBudget, WindowSize, Path)


@attrs.frozen
class Setting:
    """One key with the value that counts."""

    path: KeyPath
    value: Any
    """What JSON can hold; None when nothing is set; ``***`` for a secret."""
    origin: str
    """``watchkeeper.toml:12``, ``default`` or the variable that set it."""

    @property
    def key(self) -> str:
        """``models.spx.window``."""
        return dotted(self.path)


def settings(loaded: LoadedConfig, plugins: InstalledPlugins) -> tuple[Setting, ...]:
    """All of them, in the order of the schema; options that a plugin sets by itself included."""
    kinds = {path: kind for path, (kind, _) in uses_of(loaded.config).items()}
    return tuple(
        Setting(path, value, loaded.places.origin(path))
        for path, found in _values(loaded.config, ())
        for path, value in (_of_plugin(path, found, kinds[path], loaded, plugins) if path in kinds else [(path, found)])
    )


def plain(value: Any) -> Any:
    """A value of the schema as TOML and JSON write it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PluginUse | Segment):
        return _named(value)
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, _AS_TEXT):
        return str(value)
    if attrs.has(type(value)):
        return {key: plain(getattr(value, field.name)) for key, field in keys_of(type(value)).items()}
    return value


def _named(value: PluginUse | Segment) -> Any:
    """The name alone where that says all."""
    if isinstance(value, Segment):
        return value.name if value.where is None else {"name": value.name, "where": value.where.text}
    return {"name": value.name, **value.options} if value.options else value.name


def _values(table: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    """The leaves: plain values, and the uses of plugins."""
    for key, field in keys_of(type(table)).items():
        value, here = getattr(table, field.name), (*path, key)
        if isinstance(value, Mapping):
            for name, inner in value.items():
                is_notifier = isinstance(inner, NotifierConfig)
                is_table = attrs.has(type(inner)) and not is_notifier
                leaf = inner.plugin if is_notifier else inner
                yield from _values(inner, (*here, name)) if is_table else [((*here, name), leaf)]
        elif isinstance(value, PluginUse):
            yield here, value
        elif isinstance(value, tuple) and any(isinstance(item, PluginUse) for item in value):
            yield from (((*here, place), item) for place, item in enumerate(value))
        elif attrs.has(type(value)) and not isinstance(value, _AS_TEXT):
            yield from _values(value, here)
        else:
            yield here, without_password(value) if isinstance(value, str) else plain(value)


def _of_plugin(
    path: KeyPath, use: PluginUse, kind: Kind, loaded: LoadedConfig, plugins: InstalledPlugins
) -> Iterator[tuple[KeyPath, Any]]:
    """The plugin's name and each of its options, covered where they are secret."""
    yield (*path, "kind") if kind is Kind.NOTIFIER else path, use.name
    fields = _fields(kind, use.name, plugins)
    for key, value in use.options.items():
        is_hidden = key in fields and not fields[key].repr and not is_secret(value)
        variable = loaded.places.variable((*path, key))
        yield (*path, key), MASK if is_hidden else masked(key, value, is_from_environment=variable is not None)
    for key, field in fields.items():
        if key not in use.options:
            yield (*path, key), plain(_default(field))


def _fields(kind: Kind, name: str, plugins: InstalledPlugins) -> dict[str, attrs.Attribute[Any]]:
    """The fields of a plugin's options class; none when the plugin cannot be used."""
    try:
        options = plugins.get(kind, name).options
    except PluginError:
        return {}
    return {field.name: field for field in attrs.fields(options) if field.init}


def _default(field: attrs.Attribute[Any]) -> Any:
    """A field's default as it is when nothing else is set; None for one that must be given."""
    factory = getattr(field.default, "factory", None)
    if factory is None:
        return None if field.default is attrs.NOTHING else field.default
    return "computed from the others" if getattr(field.default, "takes_self", False) else factory()
