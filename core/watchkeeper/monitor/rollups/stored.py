"""How roll-ups stand in the store: the streams, their columns, and the rows that mark what has been counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import attrs
import numpy as np

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.profile import Profile
from watchkeeper.domain.table import Categories, Table

from .codec import encoded

ROLLUPS: Final = "rollups"
"""What recorders counted, in the commits of the rows themselves; of use until it is merged."""
PROFILES: Final = "profiles"
"""One profile an hour, merged from those; worth keeping for as long as any history is."""
HOUR_US: Final = 3_600_000_000


@attrs.frozen(order=True)
class Mark:
    """A share of an hour's rows: those that one recorder took in between opening and closing it."""

    source: str
    """The recorder."""
    number: int
    """Counts up for each recorder."""


@attrs.frozen
class Opened:
    """Rows of this mark are in the store from now on, and not yet profiled."""

    hour_us: int
    mark: Mark
    opened_us: int


@attrs.frozen(eq=False)
class Closed:
    """All rows of this mark are profiled."""

    hour_us: int
    mark: Mark
    opened_us: int
    rows: int
    profiles: Mapping[str, Profile]
    covers: Sequence[Mark] = ()
    """In `PROFILES`: the marks whose rows it counts."""


def hour_of(time_us: int) -> int:
    """The beginning of the hour."""
    return time_us - time_us % HOUR_US


def append_of(stream: str, model: str, opened: Sequence[Opened], closed: Sequence[Closed]) -> Append:
    """The marks as rows: one for each that was opened; for each that was closed, one and one a column."""
    lines: list[tuple[int, Mark, int, str | None, str | None, int, str | None, str | None]] = [
        (one.hour_us, one.mark, one.opened_us, None, None, -1, None, None) for one in opened
    ]
    for one in closed:
        place = (one.hour_us, one.mark, one.opened_us)
        lines.append((*place, None, None, one.rows, _told(one.covers), None))
        lines += [
            (*place, name, counted.digest, counted.rows, None, encoded(counted))
            for name, counted in one.profiles.items()
        ]
    hours, marks, opened_us, columns, digests, rows, covers, profiles = zip(*lines, strict=True)
    table = Table(
        {
            "source": Categories.of(mark.source for mark in marks),
            "mark": np.array([mark.number for mark in marks], dtype=np.int64),
            "opened_us": np.array(opened_us, dtype=np.int64),
            "column": Categories.of(columns),
            "digest": Categories.of(digests),
            "rows": np.array(rows, dtype=np.int64),
            "covers": np.array(covers, dtype=object),
            "profile": np.array(profiles, dtype=object),
        }
    )
    return Append(stream, model, np.array(hours, dtype=np.int64), table, ("profile",))


def _told(marks: Sequence[Mark]) -> str | None:
    """Marks as JSON: the numbers of each source; None for none."""
    numbers: dict[str, list[int]] = {}
    for mark in sorted(marks):
        numbers.setdefault(mark.source, []).append(mark.number)
    return json.dumps(numbers, separators=(",", ":")) if numbers else None


def marks_of(told: str | None) -> frozenset[Mark]:
    """The marks that a merged hour says it covers."""
    if told is None:
        return frozenset()
    return frozenset(Mark(source, number) for source, numbers in json.loads(told).items() for number in numbers)
