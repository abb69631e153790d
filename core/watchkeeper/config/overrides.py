"""Environment variables that set a key: ``WATCHKEEPER_MODELS__SPX__WINDOW`` is ``window`` in ``[models.spx]``."""

from __future__ import annotations

import copy
import re
import tomllib
import types
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import attrs

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import PluginError
from watchkeeper.domain.nearest import nearest_name
from watchkeeper.domain.spans import Checks, Duration, FalseAlarmBudget, WindowSize
from watchkeeper.plugins.boundary import Crash, contained
from watchkeeper.plugins.options import field_types

from .constraints import InstalledPlugins
from .plugin_use import PluginUse
from .positions import KeyPath
from .problems import listed, one_line
from .schema import Config, NotifierConfig, keys_of
from .secrets import references

PREFIX: Final = "WATCHKEEPER_"
NO_SETTINGS: Final = frozenset({"WATCHKEEPER_CONFIG", "WATCHKEEPER_DEBUG", "WATCHKEEPER_TOKEN"})
"""Variables of watchkeeper's own that set no key."""
_ALIKE: Final = 0.85
"""How alike a name without ``__`` is to one that means something, to be told as misspelt; others are of others."""
_TEXTS: Final = (str, Path, Enum, Duration, WindowSize, FalseAlarmBudget, Checks, PluginUse)


@attrs.frozen
class Overridden:
    """A file's values after the environment has had its say."""

    raw: dict[str, Any]
    set_by: Mapping[KeyPath, str]
    """The variable that set each overridden key."""
    problems: tuple[str, ...]
    """One line for each variable that sets nothing, named at its beginning."""


@attrs.frozen
class _Key:
    """A key that a variable can set: where it is and what it holds."""

    path: KeyPath
    kind: Any

    @property
    def variable(self) -> str:
        return PREFIX + "__".join(_spelt(str(step)) for step in self.path)


def overridden(raw: Mapping[str, Any], environment: Mapping[str, str], plugins: InstalledPlugins) -> Overridden:
    """The values with each ``WATCHKEEPER_*`` variable put in its place; `raw` stays as it is.

    Upper and lower case are alike, and every character of a name that no variable can have stands as ``_``. A
    variable sets a key of a table that the file has; it cannot make a new model, rule or notifier. One without ``__``
    can set nothing: it is left to whoever reads it, unless it is nearly the name of one that means something.
    """
    result: dict[str, Any] = copy.deepcopy(dict(raw))
    secrets = {reference.removeprefix("env:") for _, reference in references(raw)}
    set_by: dict[KeyPath, str] = {}
    problems: list[str] = []
    for variable in sorted(environment):
        if not variable.upper().startswith(PREFIX) or variable.upper() in NO_SETTINGS or variable in secrets:
            continue
        keys = tuple(_settable(Config, result, plugins))
        matching = [key for key in keys if key.variable == variable.upper()]
        if _is_of_others(variable.upper(), keys):
            continue
        if len(matching) != 1:
            problems.append(one_line(f"{variable}: {_refusal(variable, keys, matching)}"))
        elif matching[0].path in set_by:
            problems.append(one_line(f"{variable}: sets what {set_by[matching[0].path]} sets too; unset one of them"))
        else:
            set_by[matching[0].path] = variable
            _put(result, matching[0].path, value_of_text(environment[variable], matching[0].kind))
    return Overridden(result, set_by, tuple(problems))


def value_of_text(text: str, kind: Any) -> Any:
    """A variable's text as the TOML value that a key of this type needs.

    What is a text in the file is the text itself; anything else is written as in TOML (``0.5``, ``true``, ``["a"]``),
    and an array also as ``a,b``. What cannot be read stays a text, for the type check to refuse.
    """
    if _is_text(kind):
        return _toml_value(text, text) if text.startswith("{") and _plain(kind) is PluginUse else text
    value = _toml_value(text, None)
    if value is None and get_origin(_plain(kind)) in (tuple, list):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text if value is None else value


def _settable(table: type, raw: Mapping[str, Any], plugins: InstalledPlugins, path: KeyPath = ()) -> Iterator[_Key]:
    """Every key that a variable can set, in the tables that the file has."""
    for key, field in keys_of(table).items():
        kind, here = _plain(field.type), (*path, key)
        if isinstance(raw.get(key), dict):  # of a table or a file, what the file has
            kind = next((arm for arm in get_args(kind) if get_origin(arm) is Mapping), kind)
        if get_origin(kind) is Mapping:
            section = raw.get(key)
            inner_kind = get_args(kind)[1]
            for name, inner in section.items() if isinstance(section, dict) else ():
                is_table = isinstance(inner_kind, type) and attrs.has(inner_kind)
                yield from (
                    _inside(inner_kind, inner, plugins, (*here, name))
                    if is_table
                    else [_Key((*here, name), inner_kind)]
                )
        elif isinstance(kind, type) and attrs.has(kind) and kind not in _TEXTS:
            yield from _inside(kind, raw.get(key, {}), plugins, here)
        else:
            yield _Key(here, field.type)


def _inside(table: type, raw: Any, plugins: InstalledPlugins, path: KeyPath) -> Iterator[_Key]:
    if not isinstance(raw, dict):
        return
    yield from _settable(table, raw, plugins, path)
    if table is NotifierConfig:
        kinds = _option_types(raw.get("kind"), plugins)
        for option in {**kinds, **raw}:
            if option != "kind":
                yield _Key((*path, option), kinds.get(option, str))


def _option_types(name: object, plugins: InstalledPlugins) -> Mapping[str, Any]:
    """The options of a notifier plugin; none when it cannot be used, which is told elsewhere."""
    if not isinstance(name, str) or name not in plugins.names(Kind.NOTIFIER):
        return {}
    try:
        options = plugins.get(Kind.NOTIFIER, name).options
    except PluginError:
        return {}
    kinds = contained(lambda: field_types(options))
    return {} if isinstance(kinds, Crash) else kinds


def _is_of_others(variable: str, keys: Iterable[_Key]) -> bool:
    """Whether it is neither of the form of a key, nor a table's name, nor nearly a name that means something."""
    name = variable.removeprefix(PREFIX)
    if "__" in name:
        return False
    known = {key.variable.removeprefix(PREFIX) for key in keys}
    if name in {table.partition("__")[0] for table in known}:
        return False
    meant = {*(key.replace("__", "_") for key in known), *(own.removeprefix(PREFIX) for own in NO_SETTINGS)}
    return all(SequenceMatcher(None, name[:200], one).ratio() < _ALIKE for one in meant)


def _refusal(variable: str, keys: tuple[_Key, ...], matching: list[_Key]) -> str:
    if matching:
        meant = " and ".join(".".join(map(str, key.path)) for key in matching)
        return f"stands for {meant} alike; rename one of them, or set them in the file"
    inner = tuple(key.variable for key in keys if key.variable.startswith(variable.upper() + "__"))
    if inner:
        return f"names a table; expected one of its keys: {listed(inner)}"
    # without the prefix, which all have: it would make every name near
    known = [key.variable for key in keys] if "_" in variable[len(PREFIX) :] else sorted(NO_SETTINGS)
    near = nearest_name(variable[len(PREFIX) :], [name.removeprefix(PREFIX) for name in known])
    found = (
        f"; did you mean {PREFIX}{near}?"
        if near
        else f"; a key of this file is set by a name such as {keys[0].variable}"
    )
    return f"no key of the configuration has this name; expected {PREFIX}TABLE__KEY{found}"


def _put(raw: dict[str, Any], path: KeyPath, value: Any) -> None:
    *outer, last = path
    table: Any = raw
    for key in outer:
        table = table.setdefault(key, {})
    table[last] = value


def _spelt(key: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", key).upper()


def _plain(kind: Any) -> Any:
    """The type without its constraints and without None."""
    if get_origin(kind) is Annotated:
        return _plain(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        arms = [arm for arm in get_args(kind) if arm is not type(None)]
        return _plain(arms[0]) if len(arms) == 1 else kind
    return kind


def _is_text(kind: Any) -> bool:
    plain = _plain(kind)
    if get_origin(plain) in (Union, types.UnionType):
        return any(_is_text(arm) for arm in get_args(plain))
    if get_origin(plain) is Literal:
        return all(isinstance(choice, str) for choice in get_args(plain))
    return isinstance(plain, type) and issubclass(plain, _TEXTS)


def _toml_value(text: str, otherwise: Any) -> Any:
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return otherwise
    return document["value"] if document.keys() == {"value"} else otherwise
