"""The filters of a rule's text: each small, none able to make much out of little."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from .facts import Told

_MOST_DIGITS: Final = 15
_LONGEST: Final = 500


class Missing:
    """What is not known: shown as ``?``, false, smaller and larger than nothing, and what is reckoned with it."""

    def __str__(self) -> str:
        return "?"

    def __bool__(self) -> bool:
        return False

    def __lt__(self, other: object) -> bool:
        return False

    __le__ = __gt__ = __ge__ = __lt__


MISSING: Final = Missing()


def _digits(value: object) -> int:
    if isinstance(value, int) and 0 <= value <= _MOST_DIGITS:
        return value
    raise ValueError(f"a number of digits is 0 to {_MOST_DIGITS}, found {value!r}")


def _written(value: object, digits: object, form: str) -> str:
    if isinstance(value, Missing):
        return str(value)
    if isinstance(value, int | float):
        return f"{float(value):.{_digits(digits)}{form}}"
    raise TypeError(f"expected a number, found {type(value).__name__}")


def percent(value: object, digits: object = 1) -> str:
    """``0.613|percent`` is ``61.3%``."""
    return _written(value, digits, "%")


def fixed(value: object, digits: object = 2) -> str:
    """``0.613|fixed`` is ``0.61``, ``512.0|fixed(0)`` is ``512``."""
    return _written(value, digits, "f")


def significant(value: object, digits: object = 3) -> str:
    """``0.0006134|significant`` is ``0.000613``."""
    return _written(value, digits, "g")


def upper(value: object) -> str:
    """In capital letters."""
    return str(value)[:_LONGEST].upper()[:_LONGEST]


def lower(value: object) -> str:
    """In small letters."""
    return str(value)[:_LONGEST].lower()[:_LONGEST]


def truncate(value: object, longest: object = 100) -> str:
    """At most so many characters."""
    text = str(value)
    if not isinstance(longest, int) or not 0 < longest <= _LONGEST:
        raise ValueError(f"a length is 1 to {_LONGEST}, found {longest!r}")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def for_url(value: object) -> str:
    """As a part of a URL: ``spx/1h|url`` is ``spx%2F1h``."""
    return quote(str(value)[:_LONGEST], safe="")


def top(items: Sequence[Told], count: object = 3) -> Sequence[Told]:
    """The first of a list."""
    if not isinstance(count, int) or count < 0:
        raise ValueError(f"a count is at least 0, found {count!r}")
    return items[:count]


def length(items: Sequence[Any]) -> int:
    """How many there are."""
    return len(items)


def default(value: object, instead: object = "") -> object:
    """The value, or this where it is not known."""
    return instead if isinstance(value, Missing) else value


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "percent": percent,
    "fixed": fixed,
    "significant": significant,
    "upper": upper,
    "lower": lower,
    "truncate": truncate,
    "url": for_url,
    "top": top,
    "length": length,
    "default": default,
}
"""By their names."""
