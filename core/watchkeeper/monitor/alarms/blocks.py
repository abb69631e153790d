"""Blocks: the pieces of time, or of rows, in which evidence is gathered."""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.spans import WindowSize

ENOUGH_BLOCKS: Final = 100
"""Blocks are made smaller than a window until the reference holds this many."""
FEWEST_BLOCKS: Final = 30
"""With fewer the reference cannot tell what is usual."""
FEWEST_ROWS: Final = 8
"""A block holds at least this many rows on average."""


@attrs.frozen
class BlockSize:
    """How much a block holds: a length of time (aligned to 1970), or a number of rows."""

    duration_us: int | None
    rows: int
    """Rows of a block of the reference, on average."""
    typical_us: float | None
    """How long a block of the reference lasts; None when its times are not known."""


@attrs.frozen(eq=False)
class Cut:
    """Rows in time order, cut into b blocks."""

    block: NDArray[np.int64]
    """(n,) ascending, which block each row is in."""
    start_us: NDArray[np.int64]
    """(b,) where each block starts; its position when times are not known."""
    end_us: NDArray[np.int64]
    """(b,) where it ends."""

    def __len__(self) -> int:
        return len(self.start_us)


def block_size(window: WindowSize, rows: int, times: NDArray[np.int64] | None) -> BlockSize | str:
    """A window, or an even part of one, such that the reference holds enough; or the reason why there is none.

    Parameters
    ----------
    rows, times
        How many rows the reference has, and (n,) UTC microseconds when they are known.
    """
    if rows < FEWEST_BLOCKS * FEWEST_ROWS:
        return (
            f"the reference has {rows} rows, at least {FEWEST_BLOCKS * FEWEST_ROWS} are needed to learn what is usual"
        )
    span_us = float(np.max(times) - np.min(times)) if times is not None else 0.0
    if window.rows is not None:
        held = _part(window.rows, rows)
        return BlockSize(None, held, span_us * held / rows or None)
    duration = float(window.duration.us) if window.duration else 0.0
    if not span_us:
        return BlockSize(int(duration), max(rows // ENOUGH_BLOCKS, FEWEST_ROWS), duration)
    return _timed(duration, rows, span_us)


def _part(window: int, rows: int) -> int:
    """The window's rows divided evenly until the reference has enough blocks, but no less than the fewest rows."""
    parts = max(math.ceil(ENOUGH_BLOCKS * window / rows), 1)
    return max(window // parts, FEWEST_ROWS)


def _timed(duration: float, rows: int, span_us: float) -> BlockSize | str:
    rows_per_us = rows / span_us
    parts = math.ceil(ENOUGH_BLOCKS * duration / span_us)
    if duration / parts * rows_per_us < FEWEST_ROWS:
        parts = max(math.floor(duration * rows_per_us / FEWEST_ROWS), 1)
    several = max(math.ceil(FEWEST_ROWS / (duration * rows_per_us)), 1)
    chosen = duration * several / parts
    if span_us / chosen < FEWEST_BLOCKS:
        return (
            f"the reference holds {span_us / chosen:.0f} blocks of {chosen / 3.6e9:.3g} hours, at least "
            f"{FEWEST_BLOCKS} are needed to learn what is usual"
        )
    return BlockSize(int(chosen), max(round(chosen * rows_per_us), 1), chosen)


def cut_by_time(times: NDArray[np.int64], duration_us: int) -> Cut:
    """Rows (n,) in time order into blocks of one length; blocks without rows are left out."""
    numbers, block = np.unique(times // duration_us, return_inverse=True)
    start = numbers * duration_us
    return Cut(block.astype(np.int64), start, start + duration_us)


def cut_by_rows(times: NDArray[np.int64], rows: int, since_us: int | None = None) -> Cut:
    """Rows (n,) in time order into blocks of at least `rows`; rows of one time stay together, an unfilled rest is left.

    A block lasts from the end of the one before (the first from `since_us`, or its first row) to just after its last.
    """
    ends: list[int] = []
    at = 0
    while at + rows <= len(times):
        at = int(np.searchsorted(times, times[at + rows - 1], side="right"))
        ends.append(at)
    counts = np.diff([0, *ends])
    end_us = times[np.array(ends, dtype=np.int64) - 1] + 1 if ends else np.empty(0, dtype=np.int64)
    first = since_us if since_us is not None else (int(times[0]) if len(times) else 0)
    start_us = np.concatenate(([first], end_us[:-1])) if ends else end_us
    return Cut(np.repeat(np.arange(len(ends)), counts), start_us.astype(np.int64), end_us.astype(np.int64))


def cut_evenly(count: int, rows: int) -> Cut:
    """Rows without times into nearly equal blocks of about `rows`; at least one."""
    blocks = max(round(count / rows), 1)
    block = np.arange(count, dtype=np.int64) * blocks // max(count, 1)
    return Cut(block, np.arange(blocks, dtype=np.int64), np.arange(1, blocks + 1, dtype=np.int64))
