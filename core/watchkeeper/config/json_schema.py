"""The JSON Schema of watchkeeper.toml, from the same classes that read it: for editors that complete and check TOML."""

from __future__ import annotations

import types
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Union, get_args, get_origin

import attrs

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.presets import Preset, PresetChoice
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.spans import PERSISTENCE_PATTERN, Duration, FalseAlarmBudget, Persistence, WindowSize

from .alerting import Action
from .constraints import Constraint, InstalledPlugins
from .keys import ABOUT
from .plugin_use import PluginUse
from .schema import Config, Importance, NotifierConfig, keys_of
from .settings import plain

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_SCALARS: Final[Mapping[Any, str]] = {
    str: "string",
    Path: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
}


def schema_json(plugins: InstalledPlugins) -> dict[str, Any]:
    """JSON Schema, draft 2020-12, with the names of the plugins that are installed; no plugin is imported."""
    return {
        "$schema": DIALECT,
        "title": "watchkeeper.toml",
        "description": "What watchkeeper watches, how it judges, and who is told.",
        **_schema(Config, plugins),
    }


def _schema(kind: Any, plugins: InstalledPlugins) -> dict[str, Any]:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _constrained(arguments, plugins)
    if kind in _SPECIAL:
        return dict(_SPECIAL[kind](plugins))
    if origin in (Union, types.UnionType):
        return _schema(next(arm for arm in arguments if arm is not type(None)), plugins)
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0], plugins)}
    if origin is Mapping:
        name, table = (_schema(part, plugins) for part in arguments)
        return {"type": "object", "propertyNames": name, "additionalProperties": table}
    return _plain_schema(kind, plugins)


def _plain_schema(kind: Any, plugins: InstalledPlugins) -> dict[str, Any]:
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    if issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    return _table(kind, plugins)


def _constrained(arguments: tuple[Any, ...], plugins: InstalledPlugins) -> dict[str, Any]:
    schema = _schema(arguments[0], plugins)
    for constraint in arguments[1:]:
        if isinstance(constraint, Constraint):
            schema |= constraint.schema(plugins)
    return schema


def _table(kind: type, plugins: InstalledPlugins) -> dict[str, Any]:
    keys = keys_of(kind)
    required = [key for key, field in keys.items() if field.default is attrs.NOTHING]
    return {
        "type": "object",
        "properties": {key: _key(field, plugins) for key, field in keys.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _key(field: attrs.Attribute[Any], plugins: InstalledPlugins) -> dict[str, Any]:
    schema = {**_schema(field.type, plugins), "description": field.metadata[ABOUT]}
    is_made = hasattr(field.default, "factory")
    is_shown = field.default is not attrs.NOTHING and field.default is not None and not is_made
    return {**schema, "default": plain(field.default)} if is_shown else schema


def _notifier(plugins: InstalledPlugins) -> dict[str, Any]:
    """A table with a plugin's name; which other keys it may have, the plugin alone knows."""
    kind = {"enum": list(plugins.names(Kind.NOTIFIER)), "description": keys_of(NotifierConfig)["kind"].metadata[ABOUT]}
    return {"type": "object", "properties": {"kind": kind}, "required": ["kind"]}


_SPECIAL: Final[Mapping[Any, Any]] = {
    Duration: lambda _: {"type": "string", "pattern": Duration.PATTERN},
    WindowSize: lambda _: {"type": "string", "pattern": WindowSize.PATTERN},
    FalseAlarmBudget: lambda _: {"type": "string", "pattern": FalseAlarmBudget.PATTERN},
    Action: lambda _: {"type": "string", "pattern": "^notify:.+$"},
    PluginUse: lambda _: {},
    Segment: lambda _: {
        "anyOf": [
            {"type": "string", "minLength": 1},
            {
                "type": "object",
                "properties": {"name": {"type": "string"}, "where": {"type": "string"}},
                "required": ["name", "where"],
                "additionalProperties": False,
            },
        ]
    },
    Persistence: lambda _: {"type": "string", "pattern": PERSISTENCE_PATTERN},
    PresetChoice: lambda _: {"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": list(Preset)}}]},
    Importance: lambda _: {
        "anyOf": [{"type": "string", "minLength": 1}, {"type": "object", "additionalProperties": {"type": "number"}}]
    },
    NotifierConfig: _notifier,
}
