"""Three-valued arithmetic and logic as closures: what cannot be computed is None, "no data", and stays so.

As in Kleene's strong logic ``False and None`` is False, ``True or None`` is True, and everything else that meets None
is None. A division by zero and a result that is not finite have no data either.

References
----------
S. C. Kleene, Introduction to Metamathematics (1952), section 64.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

Number: TypeAlias = "Callable[[Sequence[float | None]], float | None]"
"""Computes a number from the values of a condition's series, in their order."""
Truth: TypeAlias = "Callable[[Sequence[float | None]], bool | None]"

COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
FUNCTIONS: Final[dict[str, Callable[[list[float]], float]]] = {
    "abs": lambda numbers: abs(numbers[0]),
    "min": min,
    "max": max,
}


def comparison(left: Number, holds: Callable[[float, float], bool], right: Number) -> Truth:
    """Whether the two compare so; None when one has no data."""

    def truth(values: Sequence[float | None]) -> bool | None:
        first, second = left(values), right(values)
        return None if first is None or second is None else holds(first, second)

    return truth


def all_true(truths: Sequence[Truth]) -> Truth:
    """Their ``and``."""

    def truth(values: Sequence[float | None]) -> bool | None:
        joined: bool | None = True
        for part in truths:
            found = part(values)
            if found is False:
                return False
            joined = joined if found else None
        return joined

    return truth


def any_true(truths: Sequence[Truth]) -> Truth:
    """Their ``or``."""

    def truth(values: Sequence[float | None]) -> bool | None:
        joined: bool | None = False
        for part in truths:
            found = part(values)
            if found:
                return True
            joined = None if found is None else joined
        return joined

    return truth


def opposite(truth: Truth) -> Truth:
    """Its ``not``; no data stays no data."""

    def negated(values: Sequence[float | None]) -> bool | None:
        found = truth(values)
        return None if found is None else not found

    return negated


def negative(number: Number) -> Number:
    """Minus the number."""

    def negated(values: Sequence[float | None]) -> float | None:
        found = number(values)
        return None if found is None else -found

    return negated


def sum_of(first: Number, rest: Sequence[tuple[str, Number]]) -> Number:
    """The first plus (``+``) or minus (``-``) each of the rest."""

    def number(values: Sequence[float | None]) -> float | None:
        total = first(values)
        for sign, part in rest:
            found = part(values)
            if total is None or found is None:
                return None
            total = total + found if sign == "+" else total - found
        return _finite(total)

    return number


def product_of(first: Number, rest: Sequence[tuple[str, Number]]) -> Number:
    """The first times (``*``) or divided by (``/``) each of the rest."""

    def number(values: Sequence[float | None]) -> float | None:
        total = first(values)
        for sign, part in rest:
            found = part(values)
            if total is None or found is None or (sign == "/" and found == 0.0):
                return None
            total = total * found if sign == "*" else total / found
        return _finite(total)

    return number


def applied(function: Callable[[list[float]], float], numbers: Sequence[Number]) -> Number:
    """The function of the numbers; None when one of them has no data."""

    def number(values: Sequence[float | None]) -> float | None:
        found = [value for part in numbers if (value := part(values)) is not None]
        return function(found) if len(found) == len(numbers) else None

    return number


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
