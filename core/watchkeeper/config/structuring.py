"""Plain TOML values become the schema's classes: nothing is converted quietly, and every mistake is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias, TypeVar, get_args, get_origin

import attrs
from cattrs import Converter

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.alert import Severity
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import (
    PERSISTENCE_EXPECTED,
    Duration,
    FalseAlarmBudget,
    Persistence,
    WindowSize,
    parse_persistence,
)

from .constraints import Constraint, Context, check_installed, check_reference
from .plugin_use import PluginUse
from .problems import (
    Problem,
    Wrong,
    did_you_mean,
    expected_choice,
    missing_key,
    mistaken,
    quoted,
    refused,
    said,
    unknown_key,
)
from .schema import ABOUT, Action, Config, NotifierConfig, Verb, keys_of

T = TypeVar("T")
Hook: TypeAlias = Callable[[Any, Any], Any]
"""What cattrs calls with a value and the type that it shall become."""


def structured(raw: Mapping[str, Any], context: Context) -> tuple[Config | None, tuple[Problem, ...]]:
    """The configuration, or None with every mistake in it."""
    try:
        config = converter_for(context).structure(raw, Config)
    except Wrong as wrong:
        return None, wrong.problems
    return attrs.evolve(config, folder=context.folder), ()


def converter_for(context: Context) -> Converter:
    """A converter that is strict about types, checks each value's constraints and raises `Wrong` with every mistake."""
    converter = Converter(detailed_validation=False)
    hooks: dict[Any, Hook] = {
        **_SCALARS,
        # each enum by itself: cattrs gives those that are also texts the hook of `str`
        **dict.fromkeys((Severity, Task), _choice),
        **{span: _span_hook(span.parse, span.EXPECTED) for span in (Duration, WindowSize, FalseAlarmBudget)},
        Path: lambda value, _: context.folder / _text(value, str),
        PluginUse: _plugin_use,
        Action: lambda value, _: _action(value, context),
        NotifierConfig: lambda value, _: _notifier(value, converter, context),
    }
    converter.register_structure_hook_factory(attrs.has, lambda kind: _table_hook(kind, converter))
    converter.register_structure_hook_factory(_is_made_of(tuple), lambda kind: _array_hook(kind, converter))
    converter.register_structure_hook_factory(_is_made_of(Mapping), lambda kind: _section_hook(kind, converter))
    converter.register_structure_hook_factory(
        _is_made_of(Annotated), lambda kind: _constrained_hook(kind, converter, context)
    )
    converter.register_structure_hook_func(
        lambda kind: kind == Persistence, _span_hook(parse_persistence, PERSISTENCE_EXPECTED)
    )
    for kind, hook in hooks.items():
        converter.register_structure_hook(kind, hook)
    return converter


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise mistaken(value, "a text in quotes")
    return value


def _whole_number(value: Any, _: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value.bit_length() > 63:
        raise mistaken(value, "a whole number")
    return value


def _number(value: Any, _: Any) -> float:
    is_number = isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 64)
    if not is_number or isinstance(value, bool) or not math.isfinite(value):
        raise mistaken(value, "a number")
    return float(value)


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise mistaken(value, "true or false")
    return value


_SCALARS: Final[Mapping[type, Hook]] = {
    str: _text,
    int: _whole_number,
    float: _number,
    bool: _truth,
}


def _choice(value: Any, kind: type[Enum]) -> Enum:
    choices = {str(member.value): member for member in kind}
    if not isinstance(value, str) or value not in choices:
        raise expected_choice(value, choices)
    return choices[value]


def _span_hook(parse: Callable[[str], Any], expected: str) -> Hook:
    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, str):
            raise mistaken(value, expected)
        try:
            return parse(value)
        except UsageError as refusal:
            raise Wrong(refused(refusal)) from None

    return hook


def _plugin_use(value: Any, _: Any) -> PluginUse:
    expected = 'a plugin\'s name, or a table with its name and options such as { name = "psi", bins = 10 }'
    if isinstance(value, PluginUse):
        return value
    if isinstance(value, str):
        return PluginUse(value)
    if not isinstance(value, dict):
        raise mistaken(value, expected)
    if "name" not in value:
        raise Wrong(missing_key("name", expected))
    name = _under("name", lambda: _text(value["name"], str))
    return PluginUse(name, {key: option for key, option in value.items() if key != "name"})


def _notifier(value: Any, converter: Converter, context: Context) -> NotifierConfig:
    """A notifier's table: ``kind``, and whatever its plugin's options class accepts."""
    if not isinstance(value, dict):
        raise mistaken(value, "a table")
    kind = keys_of(NotifierConfig)["kind"]
    if "kind" not in value:
        raise Wrong(missing_key("kind", kind.metadata[ABOUT]))
    constrained: Any = kind.type
    name = _under("kind", lambda: _text(value["kind"], str))
    _under("kind", lambda: check_installed(Kind.NOTIFIER, name, context.plugins))
    options = {key: option for key, option in value.items() if key != "kind"}
    return NotifierConfig(plugin=converter.structure(PluginUse(name, options), constrained))


def _under(key: str, read: Callable[[], T]) -> T:
    """What `read` returns; what it finds wrong is wrong with that key of the table."""
    try:
        return read()
    except Wrong as wrong:
        raise Wrong(*(problem.under(key) for problem in wrong.problems)) from None


def _action(value: Any, context: Context) -> Action:
    text = _text(value, str)
    verb, _, target = text.partition(":")
    if verb != Verb.NOTIFY or not target:
        notifiers = context.names.get("notifiers", ())
        meant = f"{Verb.NOTIFY}:{text}" if text in notifiers else text
        near = did_you_mean(meant, [f"{Verb.NOTIFY}:{name}" for name in notifiers])
        raise said(f'is {quoted(text)}; the only action there is today is "notify:NAME" of a notifier{near}')
    check_reference(target, "notifiers", context)
    return Action(Verb.NOTIFY, target)


def _is_made_of(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _table_hook(kind: type, converter: Converter) -> Hook:
    """Reads a table as an attrs class: unknown keys, missing keys and what is wrong inside, all told together."""
    keys = keys_of(kind)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise mistaken(value, "a table")
        problems = [unknown_key(key, keys) for key in value if key not in keys]
        problems += [missing_key(key, field.metadata[ABOUT]) for key, field in _missing(keys, value)]
        given = ((key, value[key], field.type) for key, field in keys.items() if key in value)
        values, wrong = _gathered(converter, given)
        if problems or wrong:
            raise Wrong(*problems, *wrong)
        return _built(kind, {keys[str(key)].name: inner for key, inner in values.items()})

    return hook


def _missing(
    keys: Mapping[str, attrs.Attribute[Any]], value: Mapping[str, Any]
) -> Iterator[tuple[str, attrs.Attribute[Any]]]:
    for key, field in keys.items():
        if key not in value and field.default is attrs.NOTHING:
            yield key, field


def _built(kind: type, values: Mapping[str, Any]) -> Any:
    try:
        return kind(**values)
    except UsageError as refusal:
        raise Wrong(refused(refusal)) from None


def _array_hook(kind: Any, converter: Converter) -> Hook:
    item_kind = get_args(kind)[0]

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise mistaken(value, 'an array such as ["a", "b"]')
        items, problems = _gathered(converter, ((place, item, item_kind) for place, item in enumerate(value)))
        if problems:
            raise Wrong(*problems)
        return tuple(items.values())

    return hook


def _section_hook(kind: Any, converter: Converter) -> Hook:
    """Reads tables by name: ``[models.NAME]``."""
    name_kind, table_kind = get_args(kind)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise mistaken(value, "a table of tables, each with a name of its own")
        _, wrong_names = _gathered(converter, ((name, name, name_kind) for name in value))
        tables, wrong_tables = _gathered(converter, ((name, inner, table_kind) for name, inner in value.items()))
        if wrong_names or wrong_tables:
            raise Wrong(*wrong_names, *wrong_tables)
        return tables

    return hook


def _constrained_hook(kind: Any, converter: Converter, context: Context) -> Hook:
    plain, *constraints = get_args(kind)

    def hook(value: Any, _: Any) -> Any:
        result = converter.structure(value, plain)
        for constraint in constraints:
            if isinstance(constraint, Constraint):
                constraint.check(result, context)
        return result

    return hook


def _gathered(
    converter: Converter, parts: Iterable[tuple[str | int, Any, Any]]
) -> tuple[dict[str | int, Any], list[Problem]]:
    """Each (key, value, type) read: the results by key, and what is wrong with the others."""
    results: dict[str | int, Any] = {}
    problems: list[Problem] = []
    for key, value, kind in parts:
        try:
            results[key] = converter.structure(value, kind)
        except Wrong as wrong:
            problems.extend(problem.under(key) for problem in wrong.problems)
    return results, problems
