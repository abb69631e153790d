"""The words of a condition: numbers, names, quoted texts and signs, each with its place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, TypeVar

import attrs

from watchkeeper.domain.errors import ConfigError

MAX_LENGTH: Final = 1_000
"""Characters of a condition."""
MAX_DEPTH: Final = 32
"""Parentheses, signs and ``not`` inside one another."""

_Item = TypeVar("_Item")

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w.])
      | (?P<name>[^\W\d]\w*)
      | (?P<text>"[^"\n]*"|'[^'\n]*')
      | (?P<sign><=|>=|==|!=|[<>+\-*/()\[\]{},.=])""",
    re.VERBOSE,
)


class Word(StrEnum):
    """What a token is."""

    NUMBER = "number"
    NAME = "name"
    TEXT = "text"
    SIGN = "sign"
    END = "end"


@attrs.frozen
class Token:
    """One word of a condition; ``text`` without its quotes, ``at`` counted from 0."""

    word: Word
    text: str
    at: int

    def __str__(self) -> str:
        return "the end" if self.word is Word.END else repr(self.text)


class Words:
    """The words of one condition, read from left to right.

    Parameters
    ----------
    too_deep
        What to do about a text that is nested deeper than `MAX_DEPTH`.
    """

    def __init__(self, text: str, *, too_deep: str) -> None:
        self.text = text
        self._tokens = tokens(text)
        self._position = 0
        self._depth = 0
        self._too_deep = too_deep

    @property
    def here(self) -> Token:
        """The word that comes next."""
        return self._tokens[self._position]

    def is_at_end(self) -> bool:
        """Whether all are read."""
        return self.here.word is Word.END

    def next(self) -> Token:
        """Read one word; END is never passed."""
        token = self.here
        if not self.is_at_end():
            self._position += 1
        return token

    def is_name(self, text: str) -> bool:
        """Whether this name comes next."""
        return self.here.word is Word.NAME and self.here.text == text

    def is_sign(self, signs: Collection[str]) -> bool:
        """Whether one of these signs comes next."""
        return self.here.word is Word.SIGN and self.here.text in signs

    def take_name(self, text: str) -> bool:
        """Read this name if it comes next."""
        return self.is_name(text) and bool(self.next())

    def take_sign(self, sign: str) -> bool:
        """Read this sign if it comes next."""
        return self.is_sign((sign,)) and bool(self.next())

    def take(self, word: Word, expected: str) -> Token:
        """Read a word of this kind, or a ConfigError."""
        token = self.next()
        if token.word is not word:
            raise self.error_at(token, f"expected {expected}, found {token}")
        return token

    def expect(self, sign: str, purpose: str) -> None:
        """Read this sign, or a ConfigError."""
        if not self.take_sign(sign):
            raise self.error(f"expected {sign!r} {purpose}, found {self.here}")

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Read what is inside something; a ConfigError where that is nested too deep."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH}: {self._too_deep}")
        yield
        self._depth -= 1

    def enclosed(self, inner: Callable[[], _Item]) -> _Item:
        """Read what is inside a parenthesis that was opened, and close it."""
        with self.deeper():
            found = inner()
        self.expect(")", "to close the parenthesis")
        return found

    def listed(self, item: Callable[[], _Item]) -> list[_Item]:
        """Read one item, and as many more as follow, each after a comma."""
        found = [item()]
        while self.take_sign(","):
            found.append(item())
        return found

    def arguments(self, function: Token, number: Callable[[], _Item]) -> list[_Item]:
        """Read the numbers of a function whose parenthesis was opened, and close it; ``abs`` has one."""
        with self.deeper():
            numbers = self.listed(number)
        self.expect(")", f"to close {function.text}(")
        if function.text == "abs" and len(numbers) != 1:
            raise self.error_at(function, f"abs takes one number, found {len(numbers)}")
        return numbers

    def number(self, token: Token) -> float:
        """The number that a NUMBER token is; an infinite one is a ConfigError."""
        number = float(token.text)
        if math.isinf(number):
            raise self.error_at(token, f"{token.text} is larger than any number that can be measured")
        return number

    def error(self, problem: str) -> ConfigError:
        """A problem with the word that comes next."""
        return self.error_at(self.here, problem)

    def error_at(self, token: Token, problem: str) -> ConfigError:
        """A problem with a word that was read."""
        return misread(self.text, token.at, problem)


def tokens(text: str) -> tuple[Token, ...]:
    """The words, with an END after the last. O(n); a ConfigError names the place that is no word."""
    if len(text) > MAX_LENGTH:
        raise ConfigError(
            f"a condition has at most {MAX_LENGTH} characters, found {len(text)}: split it into several rules"
        )
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise misread(text, at, _unreadable(text, at))
        kind = str(match.lastgroup)
        if kind != "space":
            word = Word(kind)
            plain = match.group()[1:-1] if word is Word.TEXT else match.group()
            found.append(Token(word, plain, at))
        at = match.end()
    return (*found, Token(Word.END, "", len(text)))


def misread(text: str, at: int, problem: str) -> ConfigError:
    """The error, with the condition and the place in it, counted from 1."""
    shown = text if len(text) <= 80 else text[:77] + "..."
    return ConfigError(f"condition {shown!r}, column {at + 1}: {problem}")


def _unreadable(text: str, at: int) -> str:
    sign = text[at]
    if sign in "\"'":
        return f"the quote {sign} is never closed"
    if sign in "&|":
        return f"{sign!r} means nothing here: write 'and' or 'or'"
    if sign == "%":
        return "'%' means nothing in a condition: write a share of 80 % as 0.8"
    if sign == "!":
        return "'!' means nothing here: write 'not' or '!='"
    if sign.isdigit():
        return "this is not a number: expected something like 0.8, 500 or 1e-3"
    return (
        f"{sign!r} means nothing in a condition: expected a measurement, a number or one of < <= > >= == != + - * / ( )"
    )
