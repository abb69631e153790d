"""How single values are read: texts, numbers, spans, choices, plugins by name, actions."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from watchkeeper.domain.access import Role
from watchkeeper.domain.alert import NoData, Severity
from watchkeeper.domain.errors import ConfigError, UsageError
from watchkeeper.domain.health import Worse
from watchkeeper.domain.model import Task
from watchkeeper.domain.policy import EnvironmentRule
from watchkeeper.domain.presets import PRESETS_EXPECTED, Preset, PresetChoice
from watchkeeper.domain.row_condition import RowCondition
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.spans import Duration, FalseAlarmBudget, WindowSize

from .alerting import Action, Verb
from .constraints import Context, check_reference
from .plugin_use import PluginUse
from .problems import Wrong, did_you_mean, expected_choice, missing_key, mistaken, quoted, refused, said, unknown_key

T = TypeVar("T")
Hook: TypeAlias = Callable[[Any, Any], Any]
"""What cattrs calls with a value and the type that it shall become; raises `Wrong`."""


def leaf_hooks(context: Context) -> dict[type, Hook]:
    """The hook of each class whose values stand for themselves; relative paths begin at the file's folder."""
    return {
        str: text,
        int: _whole_number,
        bool: _true_or_false,
        float: _number,
        # each enum by itself: cattrs gives those that are also texts the hook of `str`
        Severity: _choice,
        NoData: _choice,
        Preset: _choice,
        Task: _choice,
        Role: _choice,
        EnvironmentRule: _choice,
        Worse: _choice,
        **{span: span_hook(span.parse, span.EXPECTED) for span in (Duration, WindowSize, FalseAlarmBudget)},
        Path: lambda value, _: context.folder / text(value, str),
        PluginUse: _plugin_use,
        Segment: _segment,
        Action: lambda value, _: _action(value, context),
    }


def text(value: Any, _: Any) -> str:
    """A text as it is."""
    if not isinstance(value, str):
        raise mistaken(value, "a text in quotes")
    return value


def span_hook(parse: Callable[[str], Any], expected: str) -> Hook:
    """Reads a text by `parse`; anything else is refused with what was expected."""

    def hook(value: Any, _: Any) -> Any:
        if not isinstance(value, str):
            raise mistaken(value, expected)
        try:
            return parse(value)
        except UsageError as refusal:
            raise Wrong(refused(refusal)) from None

    return hook


def preset_choice(value: Any, _: Any) -> PresetChoice:
    """True, false, or an array of presets."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, list):
        raise mistaken(value, PRESETS_EXPECTED)
    return tuple(Preset(_choice(item, Preset).value) for item in value)


def under_key(key: str, read: Callable[[], T]) -> T:
    """What `read` returns; what it finds wrong is wrong with that key of the table."""
    try:
        return read()
    except Wrong as wrong:
        raise Wrong(*(problem.under(key) for problem in wrong.problems)) from None


def _whole_number(value: Any, _: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value.bit_length() > 63:
        raise mistaken(value, "a whole number")
    return value


def _true_or_false(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise mistaken(value, "true or false")
    return value


def _number(value: Any, _: Any) -> float:
    is_number = isinstance(value, float) or (isinstance(value, int) and value.bit_length() < 64)
    if not is_number or isinstance(value, bool) or not math.isfinite(value):
        raise mistaken(value, "a number")
    return float(value)


def _choice(value: Any, kind: type[Enum]) -> Enum:
    choices = {str(member.value): member for member in kind}
    if not isinstance(value, str) or value not in choices:
        raise expected_choice(value, choices)
    return choices[value]


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
    name = under_key("name", lambda: text(value["name"], str))
    return PluginUse(name, {key: option for key, option in value.items() if key != "name"})


def _segment(value: Any, _: Any) -> Segment:
    if isinstance(value, str) and value:
        return Segment(value)
    if not isinstance(value, dict):
        raise mistaken(value, Segment.EXPECTED)
    unknown = [unknown_key(key, ("name", "where")) for key in value if key not in ("name", "where")]
    lacking = [missing_key(key, Segment.EXPECTED) for key in ("name", "where") if key not in value]
    if unknown or lacking:
        raise Wrong(*unknown, *lacking)
    name = under_key("name", lambda: text(value["name"], str))
    return Segment(name, under_key("where", lambda: _row_condition(value["where"])))


def _row_condition(value: Any) -> RowCondition:
    try:
        return RowCondition.parse(text(value, str))
    except ConfigError as refusal:
        raise Wrong(refused(refusal)) from None


def _action(value: Any, context: Context) -> Action:
    written = text(value, str)
    verb, _, target = written.partition(":")
    if verb != Verb.NOTIFY or not target:
        notifiers = context.names.get("notifiers", ())
        meant = f"{Verb.NOTIFY}:{written}" if written in notifiers else written
        near = did_you_mean(meant, [f"{Verb.NOTIFY}:{name}" for name in notifiers])
        raise said(f'is {quoted(written)}; the only action there is today is "notify:NAME" of a notifier{near}')
    check_reference(target, "notifiers", context)
    return Action(Verb.NOTIFY, target)
