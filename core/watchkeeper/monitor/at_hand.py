"""Rows of a stretch of time, from the window that was just read where it holds them, and else from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.table import Categories, Table

from .records import OUTCOMES, PREDICTIONS, Records


def predictions(
    storage: Storage, model: str, span: tuple[int, int], columns: Sequence[str], at_hand: Records | None
) -> Iterator[Batch]:
    """Batches of the model's rows with ``span[0] <= time < span[1]``, in order of time.

    Rows of the window are not read again: only what lies before and after it is asked from the store.
    """
    since_us, until_us = span
    if at_hand is None or at_hand.time is None or not len(at_hand.time):
        yield from storage.scan(PREDICTIONS, model, since_us, until_us, columns)
        return
    whole_us, end_us = whole_from(at_hand), at_hand.window.end_us
    if since_us < whole_us:
        yield from map(_as_text, storage.scan(PREDICTIONS, model, since_us, min(whole_us, until_us), columns))
    start, stop = np.searchsorted(at_hand.time, [max(since_us, whole_us), until_us]).tolist()
    if stop > start:
        yield _held(at_hand, slice(start, stop), columns)
    if until_us > end_us:
        yield from map(_as_text, storage.scan(PREDICTIONS, model, max(since_us, end_us), until_us, columns))


def outcomes(storage: Storage, model: str, span: tuple[int, int], at_hand: Records | None) -> Iterator[Batch]:
    """Batches of the model's outcomes with ``span[0] <= time < span[1]``, in order of time.

    Those from the window's first row on are as they were when the window was read.
    """
    since_us, until_us = span
    arrived = None if at_hand is None else at_hand.arrived
    held_us = until_us if arrived is None or at_hand is None or at_hand.time is None else int(at_hand.time[0])
    if since_us < held_us:
        earlier = storage.scan(OUTCOMES, model, since_us, min(held_us, until_us), ["id", "outcome"])
        yield from map(_as_text, earlier)
    if arrived is None or until_us <= held_us:
        return
    start, stop = np.searchsorted(arrived.time, [since_us, until_us]).tolist()
    if stop > start:
        yield _as_text(Batch(arrived.time[start:stop], arrived.table.rows(slice(start, stop))))


def outcomes_span(storage: Storage, model: str, at_hand: Records | None) -> tuple[int, int] | None:
    """The times of the first and the last outcome that `outcomes` knows of."""
    span = storage.span(OUTCOMES, model)
    if span is None or at_hand is None or at_hand.arrived is None or at_hand.time is None:
        return span
    times = at_hand.arrived.time
    return span[0], min(span[1], int(times[-1]) if len(times) else int(at_hand.time[0]) - 1)


def whole_from(window: Records) -> int:
    """The time from which on the window has every row: of those that share the time of its first it may lack some."""
    first = 0 if window.time is None else int(window.time[0])
    return window.window.start_us if window.window.start_us < first else first + 1


def _as_text(batch: Batch) -> Batch:
    """The batch with its ids as text, as a window has them: a store may hold them as categories."""
    ids = batch.table.columns.get("id")
    if not isinstance(ids, Categories):
        return batch
    return Batch(batch.time, Table({**batch.table.columns, "id": ids.texts()}))


def _held(window: Records, rows: slice, columns: Sequence[str]) -> Batch:
    held = {**window.features.columns, "prediction": window.prediction}
    if "id" in columns:
        held["id"] = np.array(window.ids, dtype=object)
    time = np.empty(0, dtype=np.int64) if window.time is None else window.time
    return Batch(time[rows], Table({name: held[name][rows] for name in columns if name in held}))
