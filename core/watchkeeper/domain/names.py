"""Which names the store accepts for streams, keys, namespaces, logs and columns."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from .errors import UsageError

LONGEST_NAME: Final = 200
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control, invisible formatting, lone surrogates, line and paragraph separators: two names must differ to the eye."""


@lru_cache(maxsize=8192)
def stored_name(name: str, what: str = "name") -> str:
    """The name itself, or a UsageError that says what is wrong with it.

    Parameters
    ----------
    name
        1 to 200 characters in Unicode's composed form (NFC), without control or invisible characters and without
        ``..``. So two names that look the same to a reader who trusts NFC are the same to the store.
    what
        What it names, for the message: ``stream``, ``key``, ``column``.
    """
    if not 1 <= len(name) <= LONGEST_NAME:
        raise UsageError(
            f"the {what} {_told(name)} has {len(name)} characters; expected 1 to {LONGEST_NAME}: use a shorter name"
        )
    if ".." in name:
        raise UsageError(f"the {what} {_told(name)} contains '..', which names may not: use another separator")
    if name.isascii() and name.isprintable():
        return name
    for character in name:
        if unicodedata.category(character) in _REFUSED_CATEGORIES:
            raise UsageError(
                f"the {what} {_told(name)} contains the invisible character U+{ord(character):04X}; expected visible "
                "text: "
                "remove it"
            )
    composed = unicodedata.normalize("NFC", name)
    if composed != name:
        raise UsageError(
            f"the {what} {_told(name)} is not in Unicode's composed form (NFC), so that it looks like "
            f"{_told(composed)} and "
            "is another name: pass it through unicodedata.normalize('NFC', name)"
        )
    return name


def _told(name: str) -> str:
    return ascii(name if len(name) <= 60 else name[:57] + "...")
