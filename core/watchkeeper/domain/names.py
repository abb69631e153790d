"""Which names the store accepts for streams, keys, namespaces, logs and columns."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from .errors import UsageError

LONGEST_NAME: Final = 200
_EXPECTED: Final = (
    f"expected 1 to {LONGEST_NAME} characters of NFC text without '..' and without control or invisible characters"
)
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories: control, formatting, lone surrogates, line and paragraph separators."""


def stored_name(name: str, what: str = "name") -> str:
    """The name itself, or a UsageError that says what is wrong with it.

    Parameters
    ----------
    name
        1 to 200 characters in Unicode's composed form (NFC), without ``..`` and without control or invisible
        characters: two names that NFC makes equal are one name, and no name leads out of a folder.
    what
        What it names, for the message: ``stream``, ``key``, ``column``.
    """
    if not isinstance(name, str):
        raise UsageError(f"a {what} must be text, found {type(name).__name__}; {_EXPECTED}")
    return _checked(name, what)


@lru_cache(maxsize=8192)
def _checked(name: str, what: str) -> str:
    if not 1 <= len(name) <= LONGEST_NAME:
        raise UsageError(f"a {what} of {len(name):,} characters cannot be stored; {_EXPECTED}")
    if ".." in name:
        raise UsageError(f"the {what} {name!r} holds '..'; {_EXPECTED}: use another separator")
    if name.isascii() and name.isprintable():
        return name
    hidden = next((letter for letter in name if unicodedata.category(letter) in _INVISIBLE), None)
    if hidden is not None:
        raise UsageError(f"the {what} {name!a} holds the character U+{ord(hidden):04X}; {_EXPECTED}: remove it")
    if not unicodedata.is_normalized("NFC", name):
        raise UsageError(
            f"the {what} {name!a} is not in Unicode's NFC form, so that it has a twin that looks the same; "
            f"{_EXPECTED}: use unicodedata.normalize('NFC', name)"
        )
    return name
