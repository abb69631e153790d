"""A mapping read strictly as an attrs class: every mistake at once, each with what was found and what was expected."""

from __future__ import annotations

import math
import types
import typing
from collections import abc
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import attrs

from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean, nearest_name

T = TypeVar("T")
_SCALARS: dict[object, tuple[tuple[type, ...], str]] = {
    str: ((str,), "text"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    bool: ((bool,), "true or false"),
    Path: ((str, Path), "a path"),
    type(None): ((type(None),), "nothing"),
}
_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Iterable, abc.Collection, abc.Set)
_UNIONS = (Union, types.UnionType)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)


@attrs.frozen
class OptionProblem:
    """One mistake: where it stands and what is wrong with it."""

    path: tuple[str, ...]
    """The keys that lead to it; () for the whole."""
    message: str
    """Found and expected, without the path."""

    def __str__(self) -> str:
        told = f"{'.'.join(self.path)}: {self.message}" if self.path else self.message
        return " ".join(told.split())


def read_options(kind: type[T], given: Mapping[str, Any]) -> tuple[T | None, tuple[OptionProblem, ...]]:
    """The instance, or None with every problem found.

    Nothing is converted quietly: ``"5"`` is no number, ``1`` is not true, a text is not a list of letters.
    """
    problems = tuple(option_problems(kind, given))
    if problems:
        return None, problems
    return _structured(kind, given)


def option_problems(kind: Any, found: object, path: tuple[str, ...] = ()) -> Iterator[OptionProblem]:
    """What keeps `found` from being read as `kind`; types that are not known here are left to cattrs."""
    origin = get_origin(kind)
    if kind is Any or kind is object:
        return
    if isinstance(kind, type) and attrs.has(kind):
        yield from _class_problems(kind, found, path)
    elif origin in _UNIONS:
        yield from _union_problems(get_args(kind), found, path)
    elif kind in _SCALARS or _choices(kind):
        if not _is_scalar(kind, found):
            yield OptionProblem(path, _mismatch(kind, found))
    elif (origin or kind) in _LISTS:
        yield from _list_problems(kind, found, path)
    elif (origin or kind) in _MAPPINGS:
        yield from _mapping_problems(get_args(kind), found, path)


def expected_words(kind: Any) -> str:
    """A type in the words of a message: ``a whole number``, ``a list of text``."""
    arguments = get_args(kind)
    form = get_origin(kind) or kind
    if kind in _SCALARS:
        return _SCALARS[kind][1]
    if choices := _choices(kind):
        return "one of " + ", ".join(repr(choice) for choice in choices)
    if form in _UNIONS:
        # TOML cannot say None, so nobody is told to
        return " or ".join(expected_words(part) for part in arguments if part is not type(None))
    if form in _LISTS:
        return f"a list of {expected_words(arguments[0])}" if arguments else "a list"
    is_table = form in _MAPPINGS or (isinstance(kind, type) and attrs.has(kind))
    return "a table" if is_table else getattr(kind, "__name__", str(kind))


def field_types(kind: type) -> dict[str, Any]:
    """The type of each field that ``__init__`` takes, annotations resolved."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints.get(field.name, Any) for field in attrs.fields(kind) if field.init}


def required_options(kind: type) -> tuple[str, ...]:
    """The fields without a default."""
    return tuple(field.name for field in attrs.fields(kind) if field.init and field.default is attrs.NOTHING)


@attrs.frozen
class OptionDescription:
    """What can be set, in words."""

    name: str
    expected: str
    default: str | None
    """As Python writes it; None when it must be given."""


def described_options(kind: type) -> tuple[OptionDescription, ...]:
    """Each option of a plugin's class, in the order in which it is written."""
    types_of = field_types(kind)
    return tuple(
        OptionDescription(field.name, expected_words(types_of[field.name]), _default(field))
        for field in attrs.fields(kind)
        if field.init
    )


def shown(found: object) -> str:
    """A value with its type, shortened: ``'5' (text)``."""
    words = {str: "text", bool: "true or false", int: "a whole number", float: "a number", dict: "a table"}
    text = repr(found)
    if isinstance(found, float) and math.isnan(found):
        return "nan (not a number)"
    return f"{text[:57] + '...' if len(text) > 60 else text} ({words.get(type(found), type(found).__name__)})"


def _default(field: attrs.Attribute[Any]) -> str | None:
    if field.default is attrs.NOTHING:
        return None
    factory = getattr(field.default, "factory", None)
    if factory is None:
        made = field.default
    elif getattr(field.default, "takes_self", False):
        return "computed from the others"
    else:
        made = factory()
    return str(made.value) if isinstance(made, Enum) else repr(made)


def _class_problems(kind: type, found: object, path: tuple[str, ...]) -> Iterator[OptionProblem]:
    if isinstance(found, kind):
        return
    if not isinstance(found, Mapping):
        yield OptionProblem(path, f"found {shown(found)}, expected a table")
        return
    known = field_types(kind)
    meant = set()
    for key in found:
        if key not in known:
            meant.add(nearest_name(str(key), known))
            listed = f"; known: {', '.join(known)}" if known else "; there is nothing to set"
            yield OptionProblem((*path, str(key)), f"not an option{did_you_mean(str(key), known)}{listed}")
    for name in required_options(kind):
        if name not in found and name not in meant:
            yield OptionProblem((*path, name), f"missing, expected {expected_words(known[name])}")
    secrets = [field.name for field in attrs.fields(kind) if field.repr is not True]
    for name in known:
        if name in found:
            inside = (*path, name)
            problems = option_problems(known[name], found[name], inside)
            yield from (_unshown(problems, known[name], inside) if name in secrets else problems)


def _unshown(problems: Iterator[OptionProblem], kind: Any, path: tuple[str, ...]) -> Iterator[OptionProblem]:
    """One problem without the value: what a class leaves out of its repr is a secret, and messages end in logs."""
    if any(True for _ in problems):
        told = f"found something else (not shown: it may be secret), expected {expected_words(kind)}"
        yield OptionProblem(path, told)


def _union_problems(parts: tuple[Any, ...], found: object, path: tuple[str, ...]) -> Iterator[OptionProblem]:
    tried = [list(option_problems(part, found, path)) for part in parts]
    if not all(tried):
        return
    # a mistake inside the one part that has the right shape says more than "none of these"
    deeper = [problems for problems in tried if any(len(problem.path) > len(path) for problem in problems)]
    if len(deeper) == 1:
        yield from deeper[0]
    else:
        expected = " or ".join(expected_words(part) for part in parts if part is not type(None))
        yield OptionProblem(path, f"found {shown(found)}, expected {expected}")


def _list_problems(kind: Any, found: object, path: tuple[str, ...]) -> Iterator[OptionProblem]:
    if not isinstance(found, list | tuple | set | frozenset):
        yield OptionProblem(path, f"found {shown(found)}, expected {expected_words(kind)}")
        return
    parts = get_args(kind)
    is_fixed = get_origin(kind) is tuple and not (len(parts) == 2 and parts[1] is Ellipsis)
    if is_fixed and len(parts) != len(found):
        yield OptionProblem(path, f"found {len(found)} items, expected {len(parts)}")
        return
    for at, item in enumerate(found):
        expected = parts[at] if is_fixed else (parts or (Any,))[0]
        yield from option_problems(expected, item, (*path, str(at)))


def _mapping_problems(parts: tuple[Any, ...], found: object, path: tuple[str, ...]) -> Iterator[OptionProblem]:
    if not isinstance(found, Mapping):
        yield OptionProblem(path, f"found {shown(found)}, expected a table")
        return
    for key, value in found.items():
        if parts:
            yield from option_problems(parts[1], value, (*path, str(key)))


def _is_scalar(kind: Any, found: object) -> bool:
    if kind not in _SCALARS:
        # type and value: 1 is equal to True
        return isinstance(found, Enum) or any((type(found), found) == (type(one), one) for one in _choices(kind))
    accepted, _ = _SCALARS[kind]
    is_nan = isinstance(found, float) and math.isnan(found)
    return isinstance(found, accepted) and not is_nan and (kind is bool or not isinstance(found, bool))


def _choices(kind: Any) -> tuple[Any, ...]:
    """What a Literal or an Enum allows; () for any other type."""
    if get_origin(kind) is Literal:
        return get_args(kind)
    return tuple(member.value for member in kind) if isinstance(kind, type) and issubclass(kind, Enum) else ()


def _mismatch(kind: Any, found: object) -> str:
    hint = did_you_mean(found, [str(choice) for choice in _choices(kind)]) if isinstance(found, str) else ""
    return f"found {shown(found)}, expected {expected_words(kind)}{hint}"


def _structured(kind: type[T], given: Mapping[str, Any]) -> tuple[T | None, tuple[OptionProblem, ...]]:
    """What cattrs makes of a mapping whose shape is right; validators may still refuse it."""
    from cattrs import BaseValidationError, Converter
    from cattrs.strategies import configure_union_passthrough

    converter = Converter(forbid_extra_keys=True)
    configure_union_passthrough(Union[str, bool, int, float, None], converter)  # noqa: UP007 - a form that cattrs needs
    converter.register_structure_hook(Path, lambda found, _: Path(found))
    try:
        return converter.structure(given, kind), ()
    except BaseValidationError as errors:
        return None, tuple(_validation_problems(errors, ()))


def _validation_problems(errors: Any, path: tuple[str, ...]) -> Iterator[OptionProblem]:
    """The leaves of cattrs' tree of exceptions; the notes hold where each of them was met."""
    for error in errors.exceptions:
        notes = getattr(error, "__notes__", ())
        steps = [str(getattr(note, "name", getattr(note, "index", ""))) for note in notes if type(note) is not str]
        inside = (*path, *(step for step in steps if step))
        if hasattr(error, "exceptions"):
            yield from _validation_problems(error, inside)
        else:
            # attrs' own validators raise with (message, attribute, options, value); the message is for people
            yield OptionProblem(inside, str(error.args[0]) if error.args else type(error).__name__)


def structured_options(title: str, kind: type[T], given: Mapping[str, Any] | object | None) -> T:
    """The options of plugin `title`, or a ConfigError with one line for each mistake.

    Parameters
    ----------
    title
        ``kind.name``, put before each line.
    kind
        The plugin's attrs class.
    given
        A mapping of keys to values, an instance of `kind`, or None for nothing set.
    """
    if isinstance(given, kind):
        return given
    if given is not None and not isinstance(given, Mapping):
        raise ConfigError(f"{title}: options are {shown(given)}, expected a table or {kind.__name__}")
    options, problems = read_options(kind, given or {})
    if options is None or problems:
        raise ConfigError(*(f"{title}: {problem}" for problem in problems))
    return options
