"""Profiles of what is in the store: hour by hour from roll-ups, or of any stretch of time, exactly."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import attrs

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.cells import Cells
from watchkeeper.domain.profile import Profile, merge
from watchkeeper.domain.window import Window
from watchkeeper.monitor.records import PREDICTIONS

from .folding import FOLD_ROWS, Folding
from .hours import runs_of, summed, told_hours
from .stored import HOUR_US, hour_of

_MANY_ROWS = 16 * FOLD_ROWS


@attrs.frozen(eq=False)
class HourProfiles:
    """One hour of a model as its roll-ups have it."""

    hour_us: int
    rows: int
    """Rows that are counted."""
    is_complete: bool
    """Whether those are all of the hour's rows; what is not counted can be read with `window_profiles`."""
    profiles: Mapping[str, Mapping[str, Profile]]
    """By column, then by digest of the cells: profiles over other cells are never mixed."""

    def over(self, cells: Mapping[str, Cells]) -> dict[str, Profile]:
        """The profiles over these cells; a column that was counted in others only is left out."""
        found = {name: self.profiles.get(name, {}).get(own.digest) for name, own in cells.items()}
        return {name: counted for name, counted in found.items() if counted is not None}


@attrs.frozen(eq=False)
class WindowProfiles:
    """The profile of every row of a window, and where it comes from."""

    window: Window
    profiles: Mapping[str, Profile]
    """By column; each counts the rows that have the column."""
    merged_rows: int
    """Rows whose profiles were merged."""
    read_rows: int
    """Rows that were read and profiled."""
    strange: Mapping[str, str] = attrs.field(factory=dict)
    """By column that could not be profiled: why."""


def rollup(storage: Storage, model: str, since_us: int, until_us: int) -> tuple[HourProfiles, ...]:
    """The roll-ups of each hour that begins within the window, added up; hours without rows are left out."""
    hours = told_hours(storage, model, since_us, until_us)
    found = summed(storage, model, tuple(hours.values()), lambda *place: place)
    by_hour: dict[int, dict[str, dict[str, Profile]]] = {hour_us: {} for hour_us in hours}
    for (hour_us, column, digest), counted in found.items():
        if counted.rows:
            by_hour[hour_us].setdefault(column, {})[digest] = counted
    return tuple(
        HourProfiles(
            hour_us=hour_us,
            rows=sum(one.rows for one in hour.counted),
            is_complete=not hour.left_open,
            profiles=by_hour[hour_us],
        )
        for hour_us, hour in hours.items()
    )


def window_profiles(
    storage: Storage,
    model: str,
    since_us: int,
    until_us: int,
    cells: Mapping[str, Cells],
    *,
    unmerged: Collection[int] = (),
) -> WindowProfiles:
    """The profile of the model's rows with ``since_us <= time < until_us``, to the bit as if all had been read.

    Whole hours are merged from roll-ups where those count all their rows over these cells; the rest is read. Rows that
    somebody put into such an hour without a recorder are not counted.

    Parameters
    ----------
    cells
        By feature, and for the predictions under ``prediction``.
    unmerged
        Hours whose rows are read: their roll-ups count rows that are not meant.
    """
    hours = [
        hour
        for hour in told_hours(storage, model, -(-since_us // HOUR_US) * HOUR_US, hour_of(until_us)).values()
        if hour.holds(cells) and hour.hour_us not in unmerged
    ]
    merged = summed(storage, model, hours)
    rest = _rest(Window(since_us, until_us), [hour.hour_us for hour in hours])
    read = read_profiles(storage, model, rest, cells)
    profiles = read.profiles()
    for name, own in cells.items():
        counted = merged.get((name, own.digest))
        if counted is not None:
            profiles[name] = merge(counted, profiles[name]) if name in profiles else counted
    merged_rows = sum(one.rows for hour in hours for one in hour.counted)
    window = Window(since_us, until_us, merged_rows + read.rows)
    profiles = {name: counted for name, counted in profiles.items() if counted.rows}
    return WindowProfiles(window, profiles, merged_rows, read.rows, read.strange)


def read_profiles(
    storage: Storage, model: str, stretches: Iterable[tuple[int, int]], cells: Mapping[str, Cells]
) -> Folding:
    """The rows of these stretches of time, from and to, read and profiled."""
    found = Folding(cells)
    for since_us, until_us in stretches:
        for batch in storage.scan(PREDICTIONS, model, since_us, until_us, tuple(dict.fromkeys(("prediction", *cells)))):
            found.add(batch.table, len(batch.time))
            if found.waiting_rows >= _MANY_ROWS:
                found.fold()
    return found


def _rest(window: Window, merged: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The stretches of the window that are to be read: all but the merged hours."""
    start_us = window.start_us
    for begin_us, end_us in runs_of(merged):
        if start_us < begin_us:
            yield start_us, begin_us
        start_us = end_us
    if start_us < window.end_us:
        yield start_us, window.end_us
