"""What the store's roll-ups say of each hour: which of its rows are counted, and in which cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import repeat
from typing import Any

import attrs

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.profile import Profile
from watchkeeper.domain.table import Categories, Column

from .adding import ProfileSum
from .stored import HOUR_US, PROFILES, ROLLUPS, Mark, marks_of

_NARROW = ("source", "mark", "opened_us", "column", "digest", "rows", "covers")
_WIDE = ("source", "mark", "column", "digest", "profile")


@attrs.define(eq=False)
class MarkTold:
    """What is told of one mark, or of one merged hour."""

    mark: Mark
    opened_us: int
    rows: int = 0
    """Rows that it counts; 0 while it is open."""
    is_closed: bool = False
    covers: frozenset[Mark] = frozenset()
    digests: dict[str, str] = attrs.field(factory=dict)
    """By column that it profiles: the digest of the cells."""
    column_rows: dict[str, int] = attrs.field(factory=dict)
    """By column that it profiles: its rows that have the column."""


@attrs.define(eq=False)
class HourTold:
    """What is told of one hour."""

    hour_us: int
    marks: dict[Mark, MarkTold] = attrs.field(factory=dict)
    merged: dict[Mark, MarkTold] = attrs.field(factory=dict)

    @property
    def best(self) -> MarkTold | None:
        """Of the times that the hour was merged the one that covers most; whichever it is, the sum is the same."""
        return max(self.merged.values(), key=lambda one: (len(one.covers), one.mark), default=None)

    @property
    def counted(self) -> list[MarkTold]:
        """What to add up: the merged hour, and the closed marks that it does not cover."""
        best = self.best
        covered = best.covers if best else frozenset()
        rest = [one for mark, one in self.marks.items() if one.is_closed and mark not in covered]
        return rest if best is None else [best, *rest]

    @property
    def left_open(self) -> list[MarkTold]:
        """Marks whose rows are in the store and in no profile."""
        best = self.best
        covered = best.covers if best else frozenset()
        return [one for mark, one in self.marks.items() if not one.is_closed and mark not in covered]

    def holds(self, cells: Mapping[str, Cells]) -> bool:
        """Whether its profiles over these cells count all its rows."""
        return not self.left_open and all(
            one.digests.get(name) == own.digest for one in self.counted for name, own in cells.items()
        )


def told_hours(storage: Storage, model: str, since_us: int, until_us: int) -> dict[int, HourTold]:
    """By hour that begins within the window: what roll-ups say of it. Reads no profile."""
    hours: dict[int, HourTold] = {}
    # merged hours after their parts: a part that has expired in between is in a merged hour already
    for stream in (ROLLUPS, PROFILES):
        for batch in storage.scan(stream, model, since_us, until_us, _NARROW):
            _read_batch(batch, hours, is_merged=stream == PROFILES)
    return {hour_us: hours[hour_us] for hour_us in sorted(hours)}


def summed(
    storage: Storage,
    model: str,
    hours: Sequence[HourTold],
    place: Callable[[int, str, str], Any] = lambda _, column, digest: (column, digest),
) -> dict[Any, Profile]:
    """The profiles that the hours' roll-ups count, added up.

    Parameters
    ----------
    place
        Of hour, column and digest: under which key to add; by column and digest when left out.
    """
    sums: dict[Any, ProfileSum] = {}
    for stream in (ROLLUPS, PROFILES):
        wanted = _wanted(hours, is_merged=stream == PROFILES)
        for since_us, until_us in runs_of({hour_us for hour_us, _ in wanted}):
            _add_up(storage.scan(stream, model, since_us, until_us, _WIDE), wanted, place, sums)
    return {key: total for key, one in sums.items() if (total := one.total()) is not None}


def runs_of(hours: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Neighbouring hours as stretches of time, from and to."""
    start: int | None = None
    end = 0
    for hour_us in sorted(hours):
        if start is not None and hour_us != end:
            yield start, end
            start = None
        start = hour_us if start is None else start
        end = hour_us + HOUR_US
    if start is not None:
        yield start, end


def _add_up(
    batches: Iterable[Batch],
    wanted: AbstractSet[tuple[int, Mark]],
    place: Callable[[int, str, str], Any],
    sums: dict[Any, ProfileSum],
) -> None:
    seen: set[tuple[int, Mark, str]] = set()
    for batch in batches:
        table = batch.table
        texts = _texts(table["profile"]) if "profile" in table else repeat(None)
        columns, digests = _texts(table["column"]), _texts(table["digest"])
        for (hour_us, mark), column, digest, text in zip(_marks(batch), columns, digests, texts):  # noqa: B905 - repeat() has no end
            if text is None or column is None or digest is None or (hour_us, mark) not in wanted:
                continue
            if (hour_us, mark, column) not in seen:
                seen.add((hour_us, mark, column))
                key = place(hour_us, column, digest)
                sums.setdefault(key, ProfileSum(digest)).add(text)


def _read_batch(batch: Batch, hours: dict[int, HourTold], *, is_merged: bool) -> None:
    table = batch.table
    columns, digests, covers = (_texts(table[name]) for name in ("column", "digest", "covers"))
    opened_us, rows = (_numbers(table[name]) for name in ("opened_us", "rows"))
    for at, (hour_us, mark) in enumerate(_marks(batch)):
        hour = hours.setdefault(hour_us, HourTold(hour_us))
        marks = hour.merged if is_merged else hour.marks
        one = marks.setdefault(mark, MarkTold(mark, opened_us[at]))
        column, digest = columns[at], digests[at]
        if column is not None and digest is not None:
            one.digests[column], one.column_rows[column] = digest, rows[at]
        elif rows[at] >= 0:
            one.is_closed, one.rows = True, rows[at]
            one.covers = marks_of(covers[at])


def _wanted(hours: Iterable[HourTold], *, is_merged: bool) -> frozenset[tuple[int, Mark]]:
    return frozenset(
        (hour.hour_us, one.mark) for hour in hours for one in hour.counted if (one is hour.best) is is_merged
    )


def _marks(batch: Batch) -> Iterator[tuple[int, Mark]]:
    sources, numbers = _texts(batch.table["source"]), _numbers(batch.table["mark"])
    known: dict[tuple[str | None, int], Mark] = {}
    for hour_us, source, number in zip(batch.time.tolist(), sources, numbers, strict=True):
        mark = known.get((source, number))
        if mark is None:
            mark = known[source, number] = Mark(str(source), number)
        yield hour_us, mark


def _texts(column: Column) -> list[str | None]:
    return list(column.texts() if isinstance(column, Categories) else column)


def _numbers(column: Column) -> list[int]:
    return [] if isinstance(column, Categories) else [int(number) for number in column.tolist()]
