"""Profiling tables in parts: each column in its reference's cells, on any executor, added up in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from functools import partial
from typing import TypeVar

import numpy as np

from .cells import Cells, LabelCells
from .errors import DataError
from .profile import Profile, merge, profile
from .table import Categories, Table

T = TypeVar("T")


def profiles(table: Table, cells: Mapping[str, Cells]) -> dict[str, Profile]:
    """The profile of every column that has cells; other columns are left alone.

    Raises
    ------
    DataError
        When a column is not there, or does not hold what its cells are for.
    """
    lacking = [name for name in cells if name not in table]
    if lacking:
        told = ", ".join(table.names[:8]) or "none"
        raise DataError(f"the table has no column {lacking[0]!r}; it has {told}: give it, or do not profile it")
    return {name: profile(table[name], own) for name, own in cells.items()}


def merge_profiles(first: Mapping[str, Profile], second: Mapping[str, Profile]) -> dict[str, Profile]:
    """The profiles of both tables' rows, column by column."""
    if first.keys() != second.keys():
        apart = sorted(first.keys() ^ second.keys())
        raise DataError(f"profiles of different columns cannot be added: {', '.join(apart)} in one of them only")
    return {name: merge(own, second[name]) for name, own in first.items()}


def folded_profiles(
    executor: Executor,
    parts: Iterable[T],
    read: Callable[[T], Table],
    cells: Mapping[str, Cells],
    *,
    ahead: int = 8,
) -> dict[str, Profile]:
    """The profiles of all parts' rows: each part is read and profiled by a worker, and added as it comes.

    Parameters
    ----------
    executor
        Threads, processes, or a cluster's; it stays open.
    parts
        What to read, such as files; taken as work is done, so that it may be long.
    read
        Reads one part in the worker; picklable when workers are processes.
    cells
        The cells of each column.
    ahead
        How many parts are under way at most.

    Returns
    -------
    For each column the same profile, to the bit, as of all rows at once: whichever worker is first, and whether a
    part was computed again because a worker died. What `read` or `profile` raises is raised here.
    """
    total = {name: _nothing(own) for name, own in cells.items()}
    under_way: set[Future[dict[str, Profile]]] = set()
    try:
        for part in parts:
            under_way.add(executor.submit(partial(_profiled, read, cells), part))
            if len(under_way) >= ahead:
                total, under_way = _with_finished(total, under_way)
        while under_way:
            total, under_way = _with_finished(total, under_way)
    finally:
        for future in under_way:
            future.cancel()
    return total


def _profiled(read: Callable[[T], Table], cells: Mapping[str, Cells], part: T) -> dict[str, Profile]:
    return profiles(read(part), cells)


def _with_finished(
    total: dict[str, Profile], under_way: set[Future[dict[str, Profile]]]
) -> tuple[dict[str, Profile], set[Future[dict[str, Profile]]]]:
    finished, rest = wait(under_way, return_when=FIRST_COMPLETED)
    for future in finished:
        total = merge_profiles(total, future.result())
    return total, rest


def _nothing(cells: Cells) -> Profile:
    return profile(Categories.of([]) if isinstance(cells, LabelCells) else np.empty(0), cells)
