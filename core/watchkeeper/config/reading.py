"""watchkeeper.toml read and checked: a configuration, or every mistake in it at once."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from watchkeeper.domain.errors import ConfigError

from .constraints import Context, InstalledPlugins
from .loaded import LoadedConfig
from .overrides import overridden
from .places import Places
from .positions import Positions, line_count
from .problems import Problem, is_misspelt, one_line
from .schema import Config, keys_of
from .secrets import Secrets, covered
from .understood import Understood

_AT_LINE: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")

_REFERRED_TO: Final = ("models", "notifiers", "escalations")
"""Sections whose names other values give."""


def load(
    path: str | os.PathLike[str],
    plugins: InstalledPlugins,
    environment: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """Read a configuration file.

    Parameters
    ----------
    path
        The file; messages name it as it is given here.
    plugins
        What is installed. A plugin is imported only when the file uses it.
    environment
        For ``WATCHKEEPER_*`` variables and ``env:`` secrets; none of either when left out.

    Raises
    ------
    ConfigError
        ``problems`` holds a line for each mistake: the place, what was found, what was expected, the nearest name.
    """
    found = read(path, plugins, environment)
    if found.loaded is None or found.problems:
        raise ConfigError(*found.problems)
    return found.loaded


@attrs.frozen
class ReadConfig:
    """What a file says, as far as it can be understood."""

    loaded: LoadedConfig | None
    """Not to be used for anything but to look for more mistakes when there are problems."""
    problems: tuple[str, ...]


def read(
    path: str | os.PathLike[str], plugins: InstalledPlugins, environment: Mapping[str, str] | None = None
) -> ReadConfig:
    """As `load`; mistakes are handed back beside what could be understood. Raises for a file that is no TOML."""
    file = os.fspath(path)
    folder = Path(file).absolute().parent
    text = _text_of(file)
    raw, positions = _parsed(file, text)
    variables = environment or {}
    over = overridden(raw, variables, plugins)
    places = Places(file, positions, over.set_by)
    context = Context(plugins, folder, {section: _names(_meant(over.raw, section)) for section in _REFERRED_TO})
    found = Understood.of(over.raw, context)
    lines = [_covered(places, problem, variables) for problem in sorted(found.problems, key=places.order)]
    meant = attrs.evolve(places, original=found.original)
    loaded: LoadedConfig | None = None
    if found.config is not None:
        secrets = Secrets(variables, folder)
        loaded = LoadedConfig(found.config, meant, left_out=found.left_out, secrets=secrets)
    return ReadConfig(loaded, (*lines, *over.problems))


def _meant(raw: Mapping[str, Any], section: str) -> object:
    """The section, or the one whose name is nearly its."""
    sections = keys_of(Config)
    nearly = (key for key in raw if key not in sections and is_misspelt(key, section))
    return raw[section] if section in raw else raw.get(next(nearly, section))


def _text_of(file: str) -> str:
    """The file's text with the newlines of Unix."""
    try:
        content = Path(file).read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            one_line(f"{file}: there is no such file; run `watchkeeper init` to write one, or name another by --config")
        ) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(one_line(f"{file}: cannot be read: {reason}; expected a TOML file")) from None
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{content[error.start]:02x}"
        raise ConfigError(
            one_line(f"{file}:{line}: found {found}, which is no UTF-8; save the file as UTF-8")
        ) from None


def _parsed(file: str, text: str) -> tuple[dict[str, Any], Positions]:
    """The plain values with their lines, or a ConfigError for what is no TOML."""
    try:
        return tomllib.loads(text), Positions.of(text)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found and found[1] else line_count(text)
        column = f", column {found[2]}" if found and found[2] else ""
        reason = str(error)[: found.start()] if found else str(error)
        raise _no_toml(file, min(line, line_count(text)), f"{reason}{column}") from None
    except RecursionError:
        raise _no_toml(file, _longest_line(text), "arrays or tables nested too deep") from None
    except ValueError:  # an integer of thousands of digits is refused by Python, not by tomllib
        raise _no_toml(file, _longest_line(text), "a number or date that cannot be used") from None


def _no_toml(file: str, line: int, reason: str) -> ConfigError:
    return ConfigError(one_line(f"{file}:{line}: this is no TOML: {reason}; nothing else in the file was checked"))


def _longest_line(text: str) -> int:
    lines = text.split("\n")
    return lines.index(max(lines, key=len)) + 1


def _names(section: object) -> tuple[str, ...]:
    return tuple(section) if isinstance(section, dict) else ()


def _covered(places: Places, problem: Problem, environment: Mapping[str, str]) -> str:
    """The problem in a line; what a variable gave a notifier or the store may be a secret and is not shown."""
    told = places.told(problem)
    variable = places.variable(problem.path)
    may_be_secret = variable is not None and problem.path[:1] in {("notifiers",), ("project",)}
    return covered(told, [environment[variable]]) if variable and may_be_secret else told
