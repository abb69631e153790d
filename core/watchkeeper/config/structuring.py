"""Plain TOML tables become the schema's classes: nothing is converted quietly, and every mistake is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

import attrs
from cattrs import Converter

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.presets import PresetChoice
from watchkeeper.domain.spans import (
    PERSISTENCE_EXPECTED,
    Persistence,
    parse_persistence,
)

from .constraints import Constraint, Context, check_installed
from .keys import ABOUT
from .leaves import Hook, leaf_hooks, preset_choice, span_hook, text, under_key
from .plugin_use import PluginUse
from .problems import (
    Problem,
    Wrong,
    dotted,
    found,
    missing_key,
    mistaken,
    quoted,
    refused,
    unknown_key,
)
from .schema import Config, Importance, NotifierConfig, keys_of


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
    converter.register_structure_hook_factory(attrs.has, lambda kind: _table_hook(kind, converter))
    converter.register_structure_hook_factory(_is_made_of(tuple), lambda kind: _array_hook(kind, converter))
    converter.register_structure_hook_factory(_is_made_of(Mapping), lambda kind: _section_hook(kind, converter))
    converter.register_structure_hook_factory(
        _is_made_of(Annotated), lambda kind: _constrained_hook(kind, converter, context)
    )
    converter.register_structure_hook_func(
        lambda kind: kind == Persistence, span_hook(parse_persistence, PERSISTENCE_EXPECTED)
    )
    converter.register_structure_hook_func(lambda kind: kind == PresetChoice, preset_choice)
    converter.register_structure_hook_func(lambda kind: kind == Importance, _table_or_file(converter))
    for kind, hook in leaf_hooks(context).items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook(NotifierConfig, lambda value, _: _notifier(value, converter, context))
    return converter


def _notifier(value: Any, converter: Converter, context: Context) -> NotifierConfig:
    """A notifier's table: ``kind``, and whatever its plugin's options class accepts."""
    if not isinstance(value, dict):
        raise mistaken(value, "a table")
    kind = keys_of(NotifierConfig)["kind"]
    if "kind" not in value:
        other = [unknown_key("type", ["kind"])] if "type" in value else []
        raise Wrong(missing_key("kind", kind.metadata[ABOUT]), *other)
    constrained: Any = kind.type
    name = under_key("kind", lambda: text(value["kind"], str))
    under_key("kind", lambda: check_installed(Kind.NOTIFIER, name, context.plugins))
    options = {key: option for key, option in value.items() if key != "kind"}
    return NotifierConfig(plugin=converter.structure(PluginUse(name, options), constrained))


def _is_made_of(origin: Any) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _table_hook(kind: type, converter: Converter) -> Hook:
    """Reads a table as an attrs class: unknown keys, missing keys and what is wrong inside, all told together."""
    keys = keys_of(kind)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise mistaken(value, "a table")
        problems = [unknown_key(key, keys) for key in value if key not in keys]
        meant = {problem.meant for problem in problems}  # what is misspelt is not missing
        problems += [missing_key(key, of.metadata[ABOUT]) for key, of in _missing(keys, value) if key not in meant]
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
            is_text = isinstance(value, str)
            raise mistaken(value, f"an array: [{quoted(value)}]" if is_text else 'an array such as ["a", "b"]')
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
            is_flat = not attrs.has(table_kind)
            raise mistaken(value, "a table of names" if is_flat else "a table of tables, each with a name of its own")
        _, wrong_names = _gathered(converter, ((name, name, name_kind) for name in value))
        flat = [name for name, inner in value.items() if attrs.has(table_kind) and not isinstance(inner, dict)]
        named = ((name, inner, table_kind) for name, inner in value.items() if name not in flat)
        tables, wrong_tables = _gathered(converter, named)
        if wrong_names or wrong_tables or flat:
            raise Wrong(*(_no_table(name, value[name]) for name in flat), *wrong_names, *wrong_tables)
        return tables

    return hook


def _table_or_file(converter: Converter) -> Hook:
    """Reads a table of numbers, or the path of a file that has them."""
    table_kind, file_kind = get_args(Importance)

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, dict | str):
            raise mistaken(value, 'a table such as { ret1 = 0.3 }, or a file such as "importance.csv"')
        return converter.structure(value, file_kind if isinstance(value, str) else table_kind)

    return hook


def _no_table(name: str, value: Any) -> Problem:
    """What should be the table of something with a name is a plain value: the name was forgotten."""
    expected = "expected a table with a name of its own, such as"
    return Problem((name,), lambda path: f"{dotted(path)} is {found(value)}; {expected} [{dotted(path[:-1])}.NAME]")


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
