"""Counting: rows that arrived since the last check become blocks, and each block is counted once, whoever checks."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Document, Durability, Namespace, Put, Storage
from watchkeeper.domain.errors import Conflict
from watchkeeper.monitor.at_hand import predictions
from watchkeeper.monitor.records import PREDICTIONS, Records
from watchkeeper.monitor.time_order import sorted_rows

from .blocks import BlockSize, Cut, cut_by_rows, cut_by_time
from .drift import DriftAlarms
from .evidence import Evidence

EVIDENCE: Final = Namespace("drift_evidence")
_BLOCKS_AT_ONCE: Final = 64
_HOUR_US: Final = 3_600_000_000


def counted_evidence(
    storage: Storage,
    model: str,
    alarms: DriftAlarms,
    at_hand: Records | None = None,
    *,
    until_us: int | None = None,
) -> Evidence:
    """Count the model's complete blocks that were not counted yet, keep the evidence, and return it.

    Rows of the window `at_hand` are not read again, and rows after `until_us` are not counted yet: what is stamped in
    the future must not hide what comes now.

    A block is complete when a row at or after its end has arrived. It is counted once: the evidence is written with
    compare-and-swap, and whoever comes second counts on from there. Rows that arrive later for a block that was
    counted are in the windows' measurements, but no longer in the evidence. A new reference, tolerance or budget begins
    anew. Progress is kept every 64 blocks, so that a kill during years of history loses little.
    """
    while True:
        document = storage.get(EVIDENCE, model)
        known = _kept(document, alarms)
        advanced = _advanced(storage, model, alarms, known, until_us=until_us, at_hand=at_hand)
        if advanced is None:
            return known
        put = Put(EVIDENCE, model, advanced.to_document(), expect=0 if document is None else document.revision)
        try:
            storage.commit([put], Durability.FLUSHED)  # what a power loss takes is counted again, to the same result
        except Conflict:
            continue  # another process counted meanwhile: go on from what it found


def past_evidence(storage: Storage, model: str, alarms: DriftAlarms, until_us: int) -> Evidence:
    """The evidence with the blocks that ended by `until_us`, or more; nothing is kept.

    What is kept may know of later blocks: `Evidence.open_at` tells which alarms were open then.
    """
    return evidence_through(storage, model, alarms, kept_evidence(storage, model, alarms), until_us=until_us)


def kept_evidence(storage: Storage, model: str, alarms: DriftAlarms) -> Evidence:
    """What has been counted; nothing more is."""
    return _kept(storage.get(EVIDENCE, model), alarms)


def evidence_through(
    storage: Storage,
    model: str,
    alarms: DriftAlarms,
    evidence: Evidence,
    *,
    until_us: int,
    at_hand: Records | None = None,
) -> Evidence:
    """The evidence after the further blocks that were complete when a row of `until_us` arrived; nothing is kept."""
    while (further := _advanced(storage, model, alarms, evidence, until_us=until_us, at_hand=at_hand)) is not None:
        evidence = further
    return evidence


def keep_evidence(storage: Storage, model: str, alarms: DriftAlarms, evidence: Evidence) -> None:
    """Keep it, if it is further than what is kept."""
    document = storage.get(EVIDENCE, model)
    if _kept(document, alarms).through_us >= evidence.through_us:
        return
    put = Put(EVIDENCE, model, evidence.to_document(), expect=0 if document is None else document.revision)
    with suppress(Conflict):  # another process has counted meanwhile
        storage.commit([put], Durability.FLUSHED)


def _kept(document: Document | None, alarms: DriftAlarms) -> Evidence:
    found = None if document is None else Evidence.from_document(document.value, alarms.bets.nothing)
    return alarms.fresh if found is None or found.digest != alarms.digest else found


def _advanced(
    storage: Storage,
    model: str,
    alarms: DriftAlarms,
    evidence: Evidence,
    *,
    until_us: int | None = None,
    at_hand: Records | None = None,
) -> Evidence | None:
    """The evidence after the next blocks, or None when no further block is complete."""
    span = storage.span(PREDICTIONS, model)
    if span is None:
        return None
    reach_us = _aligned(span[1] if until_us is None else min(until_us, span[1]), alarms.size)
    slice_us = _slice_us(alarms.size)
    since_us = _next_row(storage, model, (evidence.through_us, reach_us), at_hand)
    while since_us is not None:
        until = min(_aligned(since_us + slice_us, alarms.size), reach_us)
        time, table = sorted_rows(predictions(storage, model, (since_us, until), alarms.columns, at_hand))
        cut = _cut(time, alarms.size, evidence.through_us)
        if len(cut):
            return alarms.advanced(evidence, alarms.blocks(table, time, cut))
        if until == reach_us:
            return None
        slice_us *= 4  # too few rows for a block
    return None


def _next_row(storage: Storage, model: str, span: tuple[int, int], at_hand: Records | None) -> int | None:
    """The time of the first row in the span, so that a gap of years is not searched slice by slice."""
    if span[0] >= span[1]:
        return None
    first = next(predictions(storage, model, span, ["version"], at_hand), None)
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
