"""Predictions of a stretch of time, from the window that was just read where it holds them, and else from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.table import Categories, Table

from .records import PREDICTIONS, Records


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
    whole_us, end_us = _whole_from(at_hand), at_hand.window.end_us
    if since_us < whole_us:
        yield from map(_as_text, storage.scan(PREDICTIONS, model, since_us, min(whole_us, until_us), columns))
    start, stop = np.searchsorted(at_hand.time, [max(since_us, whole_us), until_us]).tolist()
    if stop > start:
        yield _held(at_hand, slice(start, stop), columns)
    if until_us > end_us:
        yield from map(_as_text, storage.scan(PREDICTIONS, model, max(since_us, end_us), until_us, columns))


def _whole_from(window: Records) -> int:
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
