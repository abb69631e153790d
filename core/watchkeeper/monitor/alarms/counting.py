"""Counting: rows that arrived since the last check become blocks, and each block is counted once, whoever checks."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict
from watchkeeper.monitor.records import PREDICTIONS, sorted_rows

from .blocks import BlockSize, Cut, cut_by_rows, cut_by_time
from .drift import DriftAlarms
from .standing import Standing

STANDINGS: Final = Namespace("drift_standings")
_BLOCKS_AT_ONCE: Final = 64
_HOUR_US: Final = 3_600_000_000


def counted_standing(storage: Storage, model: str, alarms: DriftAlarms, until_us: int | None = None) -> Standing:
    """Count the model's complete blocks that were not counted yet, keep the standing, and return it.

    A block is complete when a row at or after its end has arrived. It is counted once: the standing is written with
    compare-and-swap, and whoever comes second counts on from there. Rows that arrive later for a block that was
    counted are in the windows' measurements, but no longer in the evidence. A new reference, tolerance or budget begins
    anew. Progress is kept every 64 blocks, so that a kill during years of history loses little.

    Parameters
    ----------
    until_us
        Count no block that ends later.
    """
    while True:
        document = storage.get(STANDINGS, model)
        standing = None if document is None else Standing.from_document(document.value, alarms.bets.nothing)
        if standing is None or standing.digest != alarms.digest:
            standing = alarms.fresh
        advanced = _advanced(storage, model, alarms, standing, until_us)
        if advanced is None:
            return standing
        put = Put(STANDINGS, model, advanced.to_document(), expect=0 if document is None else document.revision)
        try:
            storage.commit([put], Durability.FLUSHED)  # what a power loss takes is counted again, to the same result
        except Conflict:
            continue  # another process counted meanwhile: go on from what it found


def _advanced(
    storage: Storage, model: str, alarms: DriftAlarms, standing: Standing, until_us: int | None
) -> Standing | None:
    """The standing after the next blocks, or None when no further block is complete."""
    span = storage.span(PREDICTIONS, model)
    if span is None:
        return None
    reach_us = _aligned(span[1] if until_us is None else min(until_us, span[1]), alarms.size)
    slice_us = _slice_us(alarms.size)
    since_us = _next_row(storage, model, standing.through_us, reach_us)
    while since_us is not None:
        until = min(_aligned(since_us + slice_us, alarms.size), reach_us)
        time, table = sorted_rows(storage.scan(PREDICTIONS, model, since_us, until, list(alarms.legs)))
        cut = _cut(time, alarms.size, standing.through_us)
        if len(cut):
            return alarms.advanced(standing, alarms.blocks(table, time, cut))
        if until == reach_us:
            return None
        slice_us *= 4  # too few rows for a block
    return None


def _next_row(storage: Storage, model: str, since_us: int, until_us: int) -> int | None:
    """The time of the first row from `since_us` on, so that a gap of years is not searched slice by slice."""
    if since_us >= until_us:
        return None
    first = next(iter(storage.scan(PREDICTIONS, model, since_us, until_us, ["version"])), None)
    return None if first is None or not len(first.time) else int(first.time.min())


def _aligned(time_us: int, size: BlockSize) -> int:
    """The end of the last block that can be complete when rows up to here have arrived."""
    return time_us if size.duration_us is None else time_us - time_us % size.duration_us


def _slice_us(size: BlockSize) -> int:
    return max(int((size.duration_us or size.typical_us or _HOUR_US) * _BLOCKS_AT_ONCE), 1)


def _cut(time: NDArray[np.int64], size: BlockSize, through_us: int) -> Cut:
    if size.duration_us is not None:
        return cut_by_time(time, size.duration_us)
    return cut_by_rows(time, size.rows, through_us or None)
