"""What is wrong with a configuration, in words: what was found, what was expected, the nearest known name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from datetime import date, time
from difflib import SequenceMatcher
from typing import Any, Final

import attrs

from watchkeeper.domain.nearest import nearest_name

from .positions import KeyPath

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_FOUND: Final = 60
_LONGEST_LIST: Final = 24
_ALIKE: Final = 0.75


@attrs.frozen
class Problem:
    """One mistake; `tell` puts it in words once the whole path is known."""

    path: KeyPath
    tell: Callable[[KeyPath], str]
    meant: str | None = None
    """Of an unknown key: the known one that is nearest."""
    lacks: str | None = None
    """Of a table: the key that it must have and has not."""

    def under(self, *outer: str | int) -> Problem:
        """The same mistake, seen from a table further out."""
        return attrs.evolve(self, path=(*outer, *self.path))

    @property
    def text(self) -> str:
        """The mistake in one line."""
        return one_line(self.tell(self.path))


class Wrong(ValueError):
    """A value is not what the configuration needs; carries one problem or several."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


def mistaken(value: object, expected: str) -> Wrong:
    """The value cannot be used: ``models.spx.min_rows is "ten"; expected a whole number``."""
    return said(f"is {found(value)}; expected {expected}")


def said(text: str) -> Wrong:
    """What is wrong with a value, in words that follow its key: ``models.spx.window`` + `text`."""
    return Wrong(Problem((), lambda path: f"{dotted(path)} {text}"))


def refused(error: Exception) -> Problem:
    """What somebody else's check said about a value."""
    told = str(error.args[0]) if error.args else type(error).__name__
    return Problem((), lambda path: f"{dotted(path)}: {told}")


_OTHER_WORDS: Final = {
    "actions": "do", "after": "wait", "condition": "when", "cron": "begins", "delay": "wait", "duration": "lasts",
    "expr": "when", "if": "when", "level": "severity", "message": "summary", "notify": "do", "receivers": "do",
    "runbook": "link", "schedule": "begins", "start": "begins", "type": "kind",
}  # fmt: skip
"""What others call such keys."""
_NO_SECTION: Final = {
    "silences": "; a silence is set while it runs: watchkeeper silences add model=NAME --for 2h -m why"
}


def unknown_key(key: str, known: Iterable[str]) -> Problem:
    """The table has a key that means nothing."""
    names = tuple(known)
    expected = f"expected one of {listed(names)}" if names else "there is nothing to set here"
    word = _OTHER_WORDS.get(key)
    near = word if word in names else nearest_name(key, names)
    hint = "" if near is None else f"; did you mean {quoted(near)}?"
    is_section = "project" in names
    return Problem(
        (key,),
        lambda path: (
            f"unknown key {quoted(key)} in {table(path[:-1])}; {expected}"
            f"{_NO_SECTION.get(key, hint) if is_section else hint}"
        ),
        meant=near if near is not None and (near == word or is_misspelt(key, near)) else None,
    )


def is_misspelt(key: str, known: str) -> bool:
    """Whether the two are so alike that one can be read as the other."""
    return SequenceMatcher(None, key.lower(), known.lower()).ratio() >= _ALIKE


def missing_key(key: str, about: str) -> Problem:
    """The table lacks a key that it must have."""
    expected = f"; expected {about}" if about else "; add it"
    return Problem((), lambda path: f"{table(path)} has no {quoted(key)}{expected}", lacks=key)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean "window"?`` for the nearest known name, or nothing when none is near."""
    near = nearest_name(word, known)
    return "" if near is None else f"; did you mean {quoted(near)}?"


def listed(names: Iterable[str]) -> str:
    """Names in a row, the first two dozen of them."""
    every = tuple(names)
    more = f" and {len(every) - _LONGEST_LIST} more" if len(every) > _LONGEST_LIST else ""
    return ", ".join(every[:_LONGEST_LIST]) + more


def found(value: object) -> str:
    """A value as it stands in a TOML file, shortened; tables and arrays by their kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < 64 else "a number too large to use"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"{value}"
    if isinstance(value, date | time):
        return f"the date or time {value.isoformat()}"
    return "a table" if isinstance(value, dict) else "an array"


def quoted(text: str) -> str:
    """The text in double quotes, escaped, and cut after 60 characters."""
    short = text if len(text) <= _LONGEST_FOUND else text[:_LONGEST_FOUND] + "…"
    return json.dumps(short, ensure_ascii=False)


def dotted(path: KeyPath) -> str:
    """``models.spx.drift[1].bins``, keys quoted where TOML needs it."""
    told = ""
    for key in path:
        if isinstance(key, int):
            told += f"[{key}]"
        else:
            told += ("." if told else "") + (key if _BARE.fullmatch(key) else quoted(key))
    return told or "the file"


def table(path: KeyPath) -> str:
    """``[models.spx]``, or words for the document itself."""
    return f"[{dotted(path)}]" if path else "the file"


def one_line(text: str) -> str:
    """The text with every character that a terminal would act on replaced by its escape."""
    return "".join(part if part.isprintable() else _escaped(part) for part in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def expected_choice(value: Any, choices: Iterable[str]) -> Wrong:
    """The value is none of the few that there are."""
    names = tuple(choices)
    near = did_you_mean(value, names) if isinstance(value, str) else ""
    return said(f"is {found(value)}; expected one of {listed(names)}{near}")
