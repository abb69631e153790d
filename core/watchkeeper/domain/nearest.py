"""The nearest known name, for messages about a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """``; did you mean 'accuracy'?`` to put behind a message, or nothing when no known name is near.

    >>> did_you_mean("acuracy", ["accuracy", "recall"])
    "; did you mean 'accuracy'?"
    >>> did_you_mean("zzz", ["accuracy", "recall"])
    ''
    """
    near = nearest_name(found, known)
    return "" if near is None else f"; did you mean {near!r}?"


def nearest_name(found: str, known: Iterable[str]) -> str | None:
    """The known name that is spelt most like `found`, upper or lower case alike; None when none is near.

    >>> nearest_name("Acuracy", ["accuracy", "recall"])
    'accuracy'
    """
    # str: the members of a StrEnum are names too, and are told like the others
    by_lower_case = {name.lower(): str(name) for name in known}
    # a longer text is no misspelt name, and comparing costs the product of the lengths
    near = get_close_matches(found[:200].lower(), by_lower_case, n=1)
    return by_lower_case[near[0]] if near else None
