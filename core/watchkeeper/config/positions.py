"""On which line of a TOML text each key stands; tomllib keeps no positions."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from typing import Final, TypeAlias

import attrs

KeyPath: TypeAlias = "tuple[str | int, ...]"
"""Where a value is: ``("models", "spx", "drift", 1, "bins")``; a number is a place in an array, from 0."""

_BLANKS: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
_SCALAR: Final = re.compile(
    # a text between three quotes may end in one or two of its own
    r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})|' r"'''.*?'''(?:'{0,2})|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'|" r"[^,\]}#\n]+",
    re.DOTALL,
)


@attrs.frozen
class Positions:
    """The lines of the keys of one text, counted from 1."""

    lines: Mapping[KeyPath, int]
    last: int
    """How many lines the text has, at least 1."""

    @classmethod
    def of(cls, text: str) -> Positions:
        """Scan a text that tomllib accepts; O(n) in its characters."""
        return cls(_Scan(text).lines(), line_count(text))

    def line(self, path: KeyPath) -> int:
        """The line of the key, or of the nearest table around it that has one; 1 for the document itself."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def line_count(text: str) -> int:
    """How many lines a text has, at least 1; the newline at its end begins no line."""
    return max(1, text.count("\n") + (not text.endswith("\n")))


class _Scan:
    """One walk over a text: tables, arrays of tables, dotted and quoted keys, inline tables, arrays, strings."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._lines: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}

    def lines(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip_blanks():
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> KeyPath:
        """Read ``[a.b]`` or ``[[a.b]]``; the path of the table that it opens."""
        line, brackets = self._line(), 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        *outer, last = self._keys()
        path: KeyPath = ()
        for key in outer:
            path = self._latest((*path, key))
            self._lines.setdefault(path, line)
        path = (*path, last)
        if brackets == 2:
            self._elements[path] = self._elements.get(path, 0) + 1
            self._lines.setdefault(path, line)
        path = self._latest(path)
        self._lines[path] = line
        self._skip_blanks()
        self._at += brackets
        return path

    def _latest(self, path: KeyPath) -> KeyPath:
        """The path itself; in an array of tables, that of its last element so far."""
        return (*path, self._elements[path] - 1) if path in self._elements else path

    def _pair(self, table: KeyPath) -> None:
        """Read ``key = value`` with everything inside the value."""
        line, path = self._line(), table
        for key in self._keys():
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._skip_blanks()
        self._at += 1  # the equals sign
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip_blanks()
        opening = self._text[self._at : self._at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            found = _SCALAR.match(self._text, self._at)
            self._at = found.end() if found else self._at + 1

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        place = 0
        while self._skip_blanks() and self._text[self._at] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._lines[(*path, place)] = self._line()
            self._value((*path, place))
            place += 1
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._skip_blanks() and self._text[self._at] != "}":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    def _keys(self) -> list[str]:
        """The parts of a dotted key."""
        parts: list[str] = []
        self._skip_blanks()
        while found := _KEY.match(self._text, self._at):
            parts.append(_plain(found[0]))
            dot = _DOT.match(self._text, found.end())
            self._at = dot.end() if dot else found.end()
            if not dot:
                return parts
        self._at += 1  # never reached for a text that tomllib accepts; a scan must end all the same
        return parts or [""]

    def _skip_blanks(self) -> bool:
        """Pass blanks, newlines and comments; whether anything follows."""
        found = _BLANKS.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)


def _plain(key: str) -> str:
    """A key without its quotes and escapes."""
    if key[0] not in "\"'":
        return key
    return next(iter(tomllib.loads(f"{key} = 0")))
