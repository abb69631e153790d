"""The last measurements of a long history, found by a few columns of it and without building the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Categories, Column

from .history import MEASUREMENTS, chosen_rows, is_called, is_one_of, measurements_of
from .time_order import sorted_rows
from .titles import is_title

_FIRST_US: Final = -(2**63)
_LAST_US: Final = 2**63 - 1


@attrs.frozen
class Wanted:
    """Which measurements of a model are asked for."""

    names: Collection[str] | None = None
    """Names, ``ks``, or titles, ``ks{feature=vol10}``."""
    version: str | None = None
    after_us: int | None = None
    """Only windows that end after this time."""
    until_us: int | None = None
    """Only windows that end by this time."""


@attrs.frozen
class Measured:
    """What there is of a model."""

    names: frozenset[str]
    first_end_us: int
    last_end_us: int


def last_measurements(
    storage: Storage, model: str, wanted: Wanted, limit: int, *, by_window: bool = True
) -> list[Measurement]:
    """Every value of the last measurements that are wanted, `limit` or more of them, in the order they were made.

    By the order of the windows, or of when they were made. A window that was measured several times counts once, with
    all of its values. What is not returned is not built: O(rows) for the windows' ends, O(limit) for the rest.
    """
    made_us, end_us, start_us = _windows(storage, model, wanted)
    if not len(made_us):
        return []
    if not by_window:
        since_us = int(np.sort(made_us)[-min(limit, len(made_us))])
        return _built(storage, model, wanted, (_FIRST_US, _FIRST_US), since_us)
    enough = limit
    while True:
        first = _first_window(made_us, end_us, start_us, enough)
        is_late = (end_us > first[0]) | ((end_us == first[0]) & (start_us >= first[1]))
        found = _built(storage, model, wanted, first, int(made_us[is_late].min()))
        if is_late.all() or len({(one.window, one.title) for one in found}) >= limit:
            return found
        enough *= 2  # a window was measured twice at one time


def measured(storage: Storage, model: str) -> Measured | None:
    """The names of all that was measured, and where the windows end; None without any."""
    names: set[str] = set()
    ends: list[int] = []
    for batch in storage.scan(MEASUREMENTS, model, None, None, ["name", "end_us"]):
        names.update(_used(batch.table["name"]))
        here = _whole(batch.table["end_us"])
        ends += [int(here.min()), int(here.max())]
    return Measured(frozenset(names), min(ends), max(ends)) if ends else None


def _windows(
    storage: Storage, model: str, wanted: Wanted
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(n,) when each was made, and (n,) where its window ends and starts."""
    names = ["end_us", "start_us"]
    names += [] if wanted.names is None else ["name", "labels"] if any(map(is_title, wanted.names)) else ["name"]
    names += [] if wanted.version is None else ["version"]
    found = [
        (batch.time, _whole(batch.table["end_us"]), _whole(batch.table["start_us"]))
        for batch in _that_are_wanted(storage, model, wanted, names)
    ]
    made, end, start = zip(*found, strict=True) if found else ((), (), ())
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate((empty, *made)), np.concatenate((empty, *end)), np.concatenate((empty, *start))


def _that_are_wanted(
    storage: Storage, model: str, wanted: Wanted, names: list[str] | None, since_us: int | None = None
) -> Iterator[Batch]:
    """Batches of the rows that are wanted, with these columns; those without any are left out."""
    for batch in storage.scan(MEASUREMENTS, model, since_us, None, names):
        chosen = np.ones(len(batch.time), dtype=np.bool_)
        if wanted.names is not None:
            chosen &= is_called(batch.table, wanted.names)
        if wanted.version is not None:
            chosen &= is_one_of(batch.table["version"], (wanted.version,))
        if wanted.after_us is not None or wanted.until_us is not None:
            end_us = _whole(batch.table["end_us"])
            chosen &= end_us > (_FIRST_US if wanted.after_us is None else wanted.after_us)
            chosen &= end_us <= (_LAST_US if wanted.until_us is None else wanted.until_us)
        if chosen.any():
            yield chosen_rows(batch, chosen)


def _first_window(
    made_us: NDArray[np.int64], end_us: NDArray[np.int64], start_us: NDArray[np.int64], limit: int
) -> tuple[int, int]:
    """End and start of the earliest window that is needed, so that this and later ones have `limit` measurements.

    What was made at one time of one window is different measurements; of several times the most counts.
    """
    order = np.lexsort((made_us, start_us, end_us))
    made_us, end_us, start_us = made_us[order], end_us[order], start_us[order]
    is_new_window = np.concatenate(([True], (end_us[1:] != end_us[:-1]) | (start_us[1:] != start_us[:-1])))
    starts = np.flatnonzero(is_new_window | np.concatenate(([True], made_us[1:] != made_us[:-1])))
    at_once = np.diff(np.append(starts, len(made_us)))
    window = np.cumsum(is_new_window)[starts] - 1
    firsts = np.flatnonzero(is_new_window)
    most = np.zeros(len(firsts), dtype=np.int64)
    np.maximum.at(most, window, at_once)
    enough = np.flatnonzero(np.cumsum(most[::-1]) >= limit)
    at = firsts[len(firsts) - 1 - int(enough[0])] if len(enough) else 0
    return int(end_us[at]), int(start_us[at])


def _built(storage: Storage, model: str, wanted: Wanted, first: tuple[int, int], since_us: int) -> list[Measurement]:
    """The measurements that are wanted, of this window and later ones, made at `since_us` or later."""
    late: list[Batch] = []
    for batch in _that_are_wanted(storage, model, wanted, None, since_us):
        end_us, start_us = _whole(batch.table["end_us"]), _whole(batch.table["start_us"])
        is_late = (end_us > first[0]) | ((end_us == first[0]) & (start_us >= first[1]))
        if is_late.any():
            late.append(chosen_rows(batch, is_late))
    time, table = sorted_rows(late)
    return measurements_of(table, model, range(len(time))) if len(time) else []


def _used(column: Column) -> set[str]:
    if not isinstance(column, Categories):
        return {str(name) for name in column}
    return {column.labels[code] for code in np.unique(column.codes).tolist() if code >= 0}


def _whole(column: Column) -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64) if isinstance(column, Categories) else column.astype(np.int64, copy=False)
