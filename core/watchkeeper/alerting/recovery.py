"""Whether a recovery can do anything: what holds before an alert ends must be able to, and must be able not to."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Final

import attrs

from watchkeeper.domain.errors import ConfigError

from .condition import Condition, Series

_MOST_CASES: Final = 1_000
_MOST_LIMITS: Final = 40
_COUNTS: Final = frozenset({"samples", "labelled"})


def check_recovery(condition: Condition, recover: Condition) -> None:
    """Pass, or a ConfigError when `recover` never holds while `condition` does not, or whenever it does not.

    Tried at every limit that the two name, on both sides of it and between it and the next: where they compare
    measurements with numbers alone, nothing else can matter. Counts beside which `when` fires suffice; conditions that
    reckon, or that name very many measurements or limits, are not looked at. O(cases), at most 1,000.
    """
    is_short = len(condition.thresholds) + len(recover.thresholds) <= _MOST_LIMITS
    if not (is_short and condition.compares_alone and recover.compares_alone):
        return
    cases = list(_cases(condition, recover))
    if not cases:
        return
    over = [case for case in cases if not case.is_true]
    if over and not any(case.is_recovered for case in over):
        raise ConfigError(
            f"{recover.text!r} never holds while {condition.text!r} does not, so that no alert would ever end; "
            "expected a limit on the other side of that of `when`"
        )
    both = next((case for case in cases if case.is_true and case.is_recovered), None)
    if over and both is not None and all(case.is_recovered for case in over):
        raise ConfigError(
            f"{recover.text!r} holds whenever {condition.text!r} does not, and already at {both}, where the alert "
            "fires: it would keep no alert; expected a limit beyond that of `when`, or leave it out"
        )


@attrs.frozen
class _Case:
    """What the two say of one set of numbers."""

    series: Sequence[Series]
    numbers: Sequence[float]
    is_true: bool
    is_recovered: bool

    def __str__(self) -> str:
        told = [(one, number) for one, number in zip(self.series, self.numbers, strict=True) if not _counts(one)]
        return " and ".join(
            f"{one} = {number:g}" for one, number in told or zip(self.series, self.numbers, strict=True)
        )


def _cases(condition: Condition, recover: Condition) -> Iterator[_Case]:
    """Each combination of numbers that could make a difference; none when there are too many."""
    every = list(dict.fromkeys((*condition.series, *recover.series)))
    is_guarded = not all(_counts(one) for one in condition.series)
    guards = {one for one in condition.series if is_guarded and _counts(one)}
    tried = [_numbers(one, condition, recover, suffices=one in guards) for one in every]
    if math.prod(len(numbers) for numbers in tried) > _MOST_CASES:
        return
    at = {one: place for place, one in enumerate(every)}
    read = [[at[one] for one in each.series] for each in (condition, recover)]
    for numbers in product(*tried):
        holds, recovers = (
            each.truth([numbers[place] for place in places])
            for each, places in zip((condition, recover), read, strict=True)
        )
        yield _Case(every, numbers, bool(holds), bool(recovers))


def _numbers(series: Series, condition: Condition, recover: Condition, *, suffices: bool) -> list[float]:
    """Its limits, and numbers below, between and above them; only one above them all of what suffices."""
    limits = sorted(
        {
            threshold.number
            for each in (condition, recover)
            for threshold in each.thresholds
            if each.series[threshold.series] == series
        }
    )
    beyond = limits[-1] + 1.0 + abs(limits[-1])
    if suffices:
        return [beyond]
    between = [(low + high) / 2 for low, high in pairwise(limits)]
    return sorted({limits[0] - 1.0 - abs(limits[0]), *limits, *between, beyond})


def _counts(series: Series) -> bool:
    return series.name in _COUNTS or series.detail == "samples"
