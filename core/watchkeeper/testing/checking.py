"""Holds installed plugins against the contract suites of their kinds."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs

from watchkeeper.contracts.drift import StreamDetector, TableDetector
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import PluginBroken, UsageError
from watchkeeper.plugins import PluginRow, Plugins, split_title
from watchkeeper.plugins.building import close
from watchkeeper.plugins.candidates import OBSERVER
from watchkeeper.plugins.conformity import protocol_of
from watchkeeper.plugins.options import required_options, structured_options

from . import contract_of
from .running import CheckResult, Outcome, check

TMP_PATH: Final = "{tmp_path}"
_ACTING_KINDS: Final = (Kind.NOTIFIER, Kind.STORAGE)
"""A check of these sends, or writes: only when somebody asks for one by name."""


@attrs.frozen
class PluginCheck:
    """What came of checking one plugin."""

    plugin: str
    outcome: Outcome
    reason: str = ""
    """Why it is broken, or was not checked; "" when its results speak."""
    results: tuple[CheckResult, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Whether nothing failed; what was skipped did not fail."""
        return self.outcome is not Outcome.FAILED


def checked_all(plugins: Plugins, tell: Callable[[str], None] = lambda _: None) -> Iterator[PluginCheck]:
    """Every plugin that can be checked without options and without acting on the world; the others say why not.

    `tell` is given each plugin's name before its checks.
    """
    for row in plugins.rows():
        tell(row.title)
        yield _checked_row(plugins, row)


def checked_one(
    plugins: Plugins, title: str, options: Mapping[str, Any], tell: Callable[[str], None] = lambda _: None
) -> PluginCheck:
    """One plugin with these options; ``{tmp_path}`` in a text stands for a folder of each check's own.

    Raises
    ------
    PluginMissing, ExtraMissing, ConfigError
        There is no such plugin, it needs a package, or the options are wrong.
    """
    kind, name = split_title(title)
    if kind == OBSERVER:
        return _checked_row(plugins, plugins.row(kind, name))
    folders: list[Path] = []

    def subject(folder: Path) -> object:
        folders.append(folder)
        return plugins.build(kind, name, _in_folder(options, folder))

    try:
        with tempfile.TemporaryDirectory(prefix="watchkeeper-check-") as folder:
            close(subject(Path(folder)))
    except PluginBroken as broken:
        return PluginCheck(title, Outcome.FAILED, str(broken))
    results = []
    for result in check(_contract(plugins.get(kind, name), options, folders), subject):
        tell(result.sentence)
        results.append(result)
    return PluginCheck(title, _worst(results), results=tuple(results))


def option_values(given: Iterable[str]) -> dict[str, Any]:
    """``workers=2`` as a number, ``path=notes.jsonl`` as text: what reads as a TOML value is one."""
    found: dict[str, Any] = {}
    for each in given:
        key, equals, text = each.partition("=")
        if not (equals and key.strip()):
            raise UsageError(f"--option {each!r} is not an option, expected KEY=VALUE such as workers=2")
        found[key.strip()] = _value(text)
    return found


def _contract(plugin: Plugin, options: Mapping[str, Any], folders: list[Path]) -> type:
    """The suite of the plugin's kind; that of storages is told how to open the store of the latest folder again."""
    contract = contract_of(plugin.kind)
    if plugin.kind is Kind.DRIFT:
        return _drift_contract(plugin.build(structured_options(plugin.title, plugin.options, options)))
    if plugin.kind is not Kind.STORAGE:
        return contract

    def opener(_suite: object, _subject: object) -> Callable[[], object]:
        given = _in_folder(options, folders[-1])
        return partial(plugin.build, structured_options(plugin.title, plugin.options, given))

    return type(contract.__name__, (contract,), {"opener": opener})


def _drift_contract(detector: object) -> type:
    """The suite of the shape that a drift plugin has."""
    protocol = protocol_of(Kind.DRIFT, detector)
    if protocol is StreamDetector:
        from .stream import StreamContract

        return StreamContract
    if protocol is TableDetector:
        from .table_drift import TableDriftContract

        return TableDriftContract
    return contract_of(Kind.DRIFT)


def _checked_row(plugins: Plugins, row: PluginRow) -> PluginCheck:
    if not row.is_ok:
        return PluginCheck(row.title, Outcome.FAILED, row.reason)
    if row.kind == OBSERVER:
        return PluginCheck(row.title, Outcome.PASSED, "it was loaded; there is no contract for observers")
    reason = _why_not(plugins, row)
    return PluginCheck(row.title, Outcome.SKIPPED, reason) if reason else checked_one(plugins, row.title, {})


def _why_not(plugins: Plugins, row: PluginRow) -> str:
    """Why a plugin is left out when all are checked."""
    if row.reason:
        return row.reason
    needed = required_options(plugins.get(row.kind, row.name).options)
    if needed:
        given = " ".join(f"--option {name}=…" for name in needed)
        return f"it needs options: watchkeeper plugins check {row.title} {given}"
    if row.kind in _ACTING_KINDS:
        verb = "sends" if row.kind == Kind.NOTIFIER else "writes"
        return f"checking it really {verb}: watchkeeper plugins check {row.title}"
    return ""


def _worst(results: Iterable[CheckResult]) -> Outcome:
    found = {result.outcome for result in results}
    return next((each for each in (Outcome.FAILED, Outcome.PASSED) if each in found), Outcome.SKIPPED)


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if list(read) == ["value"] else text


def _in_folder(value: Any, folder: Path) -> Any:
    if isinstance(value, str):
        return value.replace(TMP_PATH, str(folder))
    if isinstance(value, Mapping):
        return {key: _in_folder(each, folder) for key, each in value.items()}
    return [_in_folder(each, folder) for each in value] if isinstance(value, list) else value
