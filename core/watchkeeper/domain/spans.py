"""How long and how many: durations, window sizes, false-alarm budgets and counts of checks, as users write them."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import ClassVar, Final, TypeAlias

import attrs

from .errors import UsageError

_US_OF_UNIT: Final = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_LONGEST_DAYS: Final = 36_500
_LONGEST_US: Final = _LONGEST_DAYS * _US_OF_UNIT["d"]

_DURATION: Final = r"0*[1-9][0-9]{0,17} ?(w|d|h|m|s|ms|us)"
_ROWS: Final = r"0*[1-9][0-9]{0,17} ?rows?"
_CHECKS: Final = r"0*[1-9][0-9]{0,17} ?checks?"
_BUDGET: Final = r"[0-9]{1,9}(\.[0-9]{1,9})? per (" + _DURATION + ")"


@attrs.frozen(order=True)
class Duration:
    """A length of time: more than nothing, at most 36500 days.

    Examples
    --------
    >>> Duration.parse("90s")
    Duration(us=90000000)
    >>> str(Duration.parse("120m"))
    '2h'
    """

    us: int
    """Microseconds, at least 1."""

    PATTERN: ClassVar[str] = rf"^{_DURATION}$"
    EXPECTED: ClassVar[str] = 'a length of time such as "90s", "15m", "1h", "30d" or "2w"'

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.us <= _LONGEST_US:
            raise UsageError(
                f"a length of time of {self.us} microseconds: expected more than 0 and at most {_LONGEST_DAYS}d"
            )

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``90s``, ``15m``, ``1h``, ``30d``, ``2w`` (and ``ms``, ``us``); a UsageError for anything else."""
        found = re.fullmatch(_DURATION, text)
        if not found:
            raise UsageError(f'"{text}" is not {cls.EXPECTED}')
        unit = found[1]
        us = int(text.removesuffix(unit)) * _US_OF_UNIT[unit]
        if us > _LONGEST_US:
            raise UsageError(f'"{text}" is too long: expected at most {_LONGEST_DAYS}d')
        return cls(us)

    def __str__(self) -> str:
        unit = next(unit for unit, size in _US_OF_UNIT.items() if self.us % size == 0)
        return f"{self.us // _US_OF_UNIT[unit]}{unit}"


@attrs.frozen
class WindowSize:
    """How much a window holds: all rows of a length of time, or a number of rows.

    Examples
    --------
    >>> WindowSize.parse("500 rows")
    WindowSize(duration=None, rows=500)
    >>> str(WindowSize.parse("60m"))
    '1h'
    """

    duration: Duration | None = None
    rows: int | None = None

    PATTERN: ClassVar[str] = rf"^({_DURATION}|{_ROWS})$"
    EXPECTED: ClassVar[str] = 'a length of time such as "1h", or a number of rows such as "500 rows"'

    def __attrs_post_init__(self) -> None:
        if (self.duration is None) == (self.rows is None):
            raise UsageError("a window has a length of time or a number of rows: expected one of the two")
        if self.rows is not None and self.rows < 1:
            raise UsageError(f"a window of {self.rows} rows: expected at least 1")

    @classmethod
    def parse(cls, text: str) -> WindowSize:
        """Read ``1h`` or ``500 rows``; a UsageError for anything else."""
        if re.fullmatch(_ROWS, text):
            return cls(rows=_count(text))
        if re.fullmatch(_DURATION, text):
            return cls(duration=Duration.parse(text))
        raise UsageError(f'"{text}" is not {cls.EXPECTED}')

    def __str__(self) -> str:
        return str(self.duration) if self.rows is None else _counted(self.rows, "row")


@attrs.frozen
class FalseAlarmBudget:
    """How many false alarms a model may raise, on average, in a length of time.

    Examples
    --------
    >>> FalseAlarmBudget.parse("1 per 30d").per_us
    2592000000000
    """

    alarms: float
    """More than 0, finite."""
    per_us: int
    """Microseconds."""

    PATTERN: ClassVar[str] = rf"^{_BUDGET}$"
    EXPECTED: ClassVar[str] = 'a number of alarms in a length of time such as "1 per 30d" or "0.5 per 1w"'

    def __attrs_post_init__(self) -> None:
        if not 0 < self.alarms < float("inf"):
            raise UsageError(
                f"a budget of {self.alarms} false alarms: expected more than 0, such as 0.1 for one in ten periods"
            )
        Duration(self.per_us)

    @classmethod
    def parse(cls, text: str) -> FalseAlarmBudget:
        """Read ``1 per 30d``; a UsageError for anything else."""
        if not re.fullmatch(_BUDGET, text):
            raise UsageError(f'"{text}" is not {cls.EXPECTED}')
        alarms, _, period = text.partition(" per ")
        return cls(float(alarms), Duration.parse(period).us)

    def __str__(self) -> str:
        alarms = f"{Decimal(repr(self.alarms)):f}"
        return f"{alarms.removesuffix('.0')} per {Duration(self.per_us)}"


@attrs.frozen(order=True)
class Checks:
    """A number of checks in a row.

    Examples
    --------
    >>> Checks.parse("3 checks")
    Checks(count=3)
    """

    count: int

    PATTERN: ClassVar[str] = rf"^{_CHECKS}$"
    EXPECTED: ClassVar[str] = 'a number of checks such as "3 checks"'

    def __attrs_post_init__(self) -> None:
        if self.count < 1:
            raise UsageError(f"{self.count} checks: expected at least 1")

    @classmethod
    def parse(cls, text: str) -> Checks:
        """Read ``3 checks``; a UsageError for anything else."""
        if not re.fullmatch(_CHECKS, text):
            raise UsageError(f'"{text}" is not {cls.EXPECTED}')
        return cls(_count(text))

    def __str__(self) -> str:
        return _counted(self.count, "check")


Persistence: TypeAlias = Checks | Duration
"""How long a condition must be true before it counts: so many checks in a row, or a length of time."""

PERSISTENCE_PATTERN: Final = rf"^({_CHECKS}|{_DURATION})$"
PERSISTENCE_EXPECTED: Final = 'a number of checks such as "3 checks", or a length of time such as "15m"'


def parse_persistence(text: str) -> Persistence:
    """Read ``3 checks`` or ``15m``; a UsageError for anything else."""
    if re.fullmatch(_CHECKS, text):
        return Checks.parse(text)
    if re.fullmatch(_DURATION, text):
        return Duration.parse(text)
    raise UsageError(f'"{text}" is not {PERSISTENCE_EXPECTED}')


def _count(text: str) -> int:
    """The number that a text such as ``500 rows`` begins with."""
    return int(text.rstrip("chekrows "))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
