"""Predictions of a stretch of time, from the window that was just read where it holds them, and else from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from watchkeeper.contracts.storage import Batch, Storage
from watchkeeper.domain.table import Table

from .records import PREDICTIONS, Records


def predictions(
    storage: Storage, model: str, span: tuple[int, int], columns: Sequence[str], at_hand: Records | None
) -> Iterator[Batch]:
    """Batches of the model's rows with ``span[0] <= time < span[1]``, in order of time.

    Rows of the window are not read again: only what lies after its end is asked from the store.
    """
    since_us, until_us = span
    if at_hand is None or at_hand.time is None or not _is_whole_from(at_hand, since_us):
        yield from storage.scan(PREDICTIONS, model, since_us, until_us, columns)
        return
    start, stop = np.searchsorted(at_hand.time, [since_us, until_us]).tolist()
    if stop > start:
        held = {**at_hand.features.columns, "prediction": at_hand.prediction}
        rows = slice(start, stop)
        yield Batch(at_hand.time[rows], Table({name: held[name][rows] for name in columns if name in held}))
    if until_us > at_hand.window.end_us:
        yield from storage.scan(PREDICTIONS, model, max(since_us, at_hand.window.end_us), until_us, columns)


def _is_whole_from(window: Records, since_us: int) -> bool:
    """Whether the window has every row from there on: of those that share the time of its first it may lack some."""
    if window.time is None or not len(window.time):
        return False
    first = int(window.time[0])
    return since_us > first or window.window.start_us <= since_us <= first != window.window.start_us
