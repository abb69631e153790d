"""What a recorder adds to its commits, so that roll-ups and rows are in the store together or not at all.

A *mark* stands for the rows of one hour that one recorder takes in. The commit of its first rows opens it, at the cost
of a line; later rows cost nothing. When the hour is over, a commit closes it with the profile of all its rows. A mark
that is still open, or that a recorder's death left open, tells readers to profile that hour's rows themselves: so a sum
of roll-ups is always that of the rows, whatever happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

import attrs
import numpy as np

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.table import Table
from watchkeeper.monitor.records import PREDICTIONS

from .folding import FOLD_ROWS, Folding
from .stored import HOUR_US, ROLLUPS, Closed, Mark, Opened, append_of

FEWEST_ROWS: Final = 128
"""A profile of fewer rows would take more bytes than they do: the hour's rows are read instead."""
_GRACE_US: Final = 60_000_000
"""How long after the end of an hour rows are still on their way."""
_LATE_US: Final = 600_000_000
"""How long a mark of an hour that was over when it was opened waits for more late rows."""
LONGEST_US: Final = HOUR_US + 10 * _GRACE_US
"""No mark stays open longer: what is older was left by a recorder that died."""
_STALE_US: Final = 10 * _GRACE_US
"""How long a commit may take that has roll-ups beside it."""
_MOST_MARKS: Final = 8
"""Marks of a model that are open at once; rows of more hours come from the past, many at a time."""
_MOST_WAITING_BYTES: Final = 16 * 1024 * 1024
_AT_ONCE: Final = 8
"""So many marks are closed or folded with one commit: the next rows wait meanwhile."""


@attrs.define(eq=False)
class _OpenMark:
    mark: Mark
    hour_us: int
    opened_us: int
    folding: Folding


@attrs.define(eq=False)
class Increments:
    """The roll-ups that go into one commit. Made by `Counting`."""

    made_us: int
    opened: dict[str, list[Opened]] = attrs.field(factory=dict)
    closed: dict[str, list[Closed]] = attrs.field(factory=dict)
    touched: list[tuple[str, _OpenMark]] = attrs.field(factory=list)
    """The open marks that count rows of this commit, with their models."""

    @cached_property
    def appends(self) -> list[Append]:
        """What to commit beside the rows; to be asked for when all is counted."""
        return [
            append_of(ROLLUPS, model, self.opened.get(model, ()), self.closed.get(model, ()))
            for model in dict.fromkeys((*self.opened, *self.closed))
        ]


class Counting:
    """Counts what one recorder commits. All but `declare` are for one thread at a time.

    Parameters
    ----------
    source
        The recorder's name, never used by another.
    clock
        When marks are opened, and when hours are over.
    """

    def __init__(self, source: str, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._cells: dict[str, Mapping[str, Cells]] = {}
        self._open: dict[str, dict[int, _OpenMark]] = {}
        self._next = 1

    def declare(self, model: str, cells: Mapping[str, Cells]) -> None:
        """Say in which cells the model's columns are counted; again when its reference changes."""
        self._cells[model] = cells

    def of_commit(self, appends: Sequence[Append]) -> Increments:
        """Count the rows of one commit. Call it once for a commit, however often that has to be tried."""
        found = Increments(self._clock.now_us())
        for append in appends:
            if append.stream == PREDICTIONS and len(append.time):
                self._count(append, self._cells.get(append.key, {}), found)
        self._close_what_is_due(found)
        return found

    def of_nothing(self, *, is_end: bool = False) -> Increments:
        """The roll-ups that are due without any rows; all of them at the end."""
        found = Increments(self._clock.now_us())
        self._close_what_is_due(found, is_end=is_end)
        return found

    def unread(self, appends: Sequence[Append], source: str) -> Increments:
        """For a commit that is not to be counted: marks that nobody will close, so that its hours' rows are read.

        Parameters
        ----------
        source
            A name that no other commit has.
        """
        now_us = self._clock.now_us()
        found = Increments(now_us)
        for append in appends:
            if append.stream == PREDICTIONS and len(append.time):
                found.opened.setdefault(append.key, []).extend(
                    Opened(hour_us, Mark(source, number), now_us) for number, (hour_us, _) in enumerate(_hours(append))
                )
        return found

    def fold(self) -> None:
        """Profile rows that wait, the most first, where they are many; a few marks at a time."""
        waiting = [one for marks in self._open.values() for one in marks.values() if one.folding.waiting_rows]
        waiting.sort(key=_waiting_bytes, reverse=True)
        size = sum(map(_waiting_bytes, waiting))
        for number, one in enumerate(waiting):
            is_full = one.folding.waiting_rows >= FOLD_ROWS and number < _AT_ONCE
            if is_full or size > _MOST_WAITING_BYTES:
                size -= _waiting_bytes(one)
                one.folding.fold()

    def is_stale(self, increments: Increments) -> bool:
        """Whether they were made so long ago that others may have given up their marks."""
        return not 0 <= self._clock.now_us() - increments.made_us <= _STALE_US

    def forget(self, increments: Increments) -> None:
        """The store has not taken them, and will not: the marks that would have counted the rows stay open for ever."""
        for model, one in increments.touched:
            marks = self._open.get(model, {})
            if marks.get(one.hour_us) is one:
                del marks[one.hour_us]

    def _count(self, append: Append, cells: Mapping[str, Cells], found: Increments) -> None:
        hours = list(_hours(append))
        for hour_us, rows in hours:
            table = append.table if len(hours) == 1 else append.table.rows(rows)
            count = len(table)
            if len(hours) > _MOST_MARKS:
                self._count_alone(append.key, hour_us, table, count, (cells, found))
            else:
                self._count_among_others(append.key, hour_us, table, count, (cells, found))

    def _count_among_others(
        self, model: str, hour_us: int, table: Table, rows: int, into: tuple[Mapping[str, Cells], Increments]
    ) -> None:
        cells, found = into
        marks = self._open.setdefault(model, {})
        one = marks.get(hour_us)
        if one is not None and (one.folding.cells is not cells or self._is_too_old(one)):
            self._close(model, one, found)
            one = None
        if one is None:
            one = marks[hour_us] = self._opened(hour_us, cells)
            found.opened.setdefault(model, []).append(Opened(hour_us, one.mark, one.opened_us))
        one.folding.add(table, rows)
        found.touched.append((model, one))
        if len(marks) > _MOST_MARKS:
            self._close(model, next(iter(marks.values())), found)

    def _count_alone(
        self, model: str, hour_us: int, table: Table, rows: int, into: tuple[Mapping[str, Cells], Increments]
    ) -> None:
        """Rows of many hours at once are history: no more are awaited."""
        cells, found = into
        one = self._opened(hour_us, cells)
        one.folding.add(table, rows)
        if rows >= FEWEST_ROWS:
            found.closed.setdefault(model, []).append(_closed(one))
        else:
            found.opened.setdefault(model, []).append(Opened(hour_us, one.mark, one.opened_us))

    def _opened(self, hour_us: int, cells: Mapping[str, Cells]) -> _OpenMark:
        mark = Mark(self._source, self._next)
        self._next += 1
        return _OpenMark(mark, hour_us, self._clock.now_us(), Folding(cells))

    def _close_what_is_due(self, found: Increments, *, is_end: bool = False) -> None:
        now_us = self._clock.now_us()
        due = [
            (model, one)
            for model, marks in self._open.items()
            for one in marks.values()
            if is_end or _is_due(one, now_us)
        ]
        for model, one in due if is_end else due[:_AT_ONCE]:
            self._close(model, one, found)

    def _close(self, model: str, one: _OpenMark, found: Increments) -> None:
        """Close it, if its profile is worth its bytes and it is not so old that readers have given it up."""
        del self._open[model][one.hour_us]
        if one.folding.rows >= FEWEST_ROWS and not self._is_too_old(one):
            found.closed.setdefault(model, []).append(_closed(one))

    def _is_too_old(self, one: _OpenMark) -> bool:
        """Whether others may have given the mark up, so that it takes no more rows; or the clock was set back."""
        return not 0 <= self._clock.now_us() - one.opened_us <= LONGEST_US


def _is_due(one: _OpenMark, now_us: int) -> bool:
    over_us = one.hour_us + HOUR_US
    due_us = over_us + _GRACE_US if one.opened_us < over_us else one.opened_us + _LATE_US
    return now_us >= due_us or not 0 <= now_us - one.opened_us < HOUR_US + _GRACE_US


def _closed(one: _OpenMark) -> Closed:
    return Closed(one.hour_us, one.mark, one.opened_us, one.folding.rows, one.folding.profiles())


def _waiting_bytes(one: _OpenMark) -> int:
    return one.folding.waiting_rows * len(one.folding.cells) * 8


def _hours(append: Append) -> Iterator[tuple[int, slice | np.ndarray]]:
    """Each hour that rows fall into, and which."""
    hours = append.time // HOUR_US
    first, last = int(hours.min()), int(hours.max())
    if first == last:
        yield first * HOUR_US, slice(None)
        return
    order = np.argsort(hours, kind="stable")
    distinct, starts = np.unique(hours[order], return_index=True)
    stops = np.append(starts[1:], len(hours))
    for hour, start, stop in zip(distinct.tolist(), starts.tolist(), stops.tolist(), strict=True):
        yield hour * HOUR_US, order[start:stop]
