"""Counting and summing numbers in cells, chunk by chunk, so exactly that neither order nor cuts change the result."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import NumberCells, Ordered

CHUNK_ROWS: Final = 1 << 16
"""Rows that are sorted and summed at once: they stay in the cache, and their float64 sums stay exact."""
SUM_BITS: Final = 35
"""Sums are in units of 2^-35 scales."""
SQUARE_BITS: Final = 33
"""Sums of squares are in units of 2^-33 square scales."""
FARTHEST: Final = 2.0**1000
"""Values further from the centre, in scales, are summed as if they were this far."""
_BODY: Final = 4.0
_BAND_BITS: Final = 4
# adding and subtracting such a constant rounds to a multiple of 2^-bits
_ROUND_SUM: Final = 1.5 * 2.0 ** (52 - SUM_BITS)
_ROUND_SQUARE: Final = 1.5 * 2.0 ** (52 - SQUARE_BITS)
# a chunk adds at most 2^53 units to a cell
_CHUNKS_IN_INT64: Final = 1 << 10


@attrs.define(eq=False)
class NumberTally:
    """Counts and sums of finite numbers in cells while chunks are added.

    Within 4 scales of the centre, a row's distance is rounded to 2^-35 scales and its square to 2^-33. Further out,
    each band that reaches 16 times as far is scaled down by 16 first. Rounding a row depends on that row only,
    and the rounded numbers of one chunk are few and coarse enough for float64 to add them without error.
    """

    cells: NumberCells
    counts: NDArray[np.int64] = attrs.field(init=False)
    """(cells,) int64."""
    squares: int = attrs.field(default=0, init=False)
    minimum: float = attrs.field(default=math.inf, init=False)
    maximum: float = attrs.field(default=-math.inf, init=False)
    _body: NDArray[np.int64] = attrs.field(init=False)
    _sums: list[int] = attrs.field(init=False)
    _pending_chunks: int = attrs.field(default=0, init=False)
    _work: NDArray[np.float64] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.counts = np.zeros(len(self.cells), np.int64)
        self._body = np.zeros(len(self.cells), np.int64)
        self._sums = [0] * len(self.cells)
        self._work = np.empty((2, 0))

    @property
    def sums(self) -> tuple[int, ...]:
        """One for each cell, in units of 2^-35 scales from the centre."""
        self._flush()
        return tuple(self._sums)

    def add_column(self, column: NDArray[Any]) -> None:
        """Add numbers in any order, NaN left out."""
        is_single = column.dtype.kind == "f" and column.dtype.itemsize <= 4
        chunk: Ordered = np.empty(min(len(column), CHUNK_ROWS), np.float32 if is_single else np.float64)
        for start in range(0, len(column), CHUNK_ROWS):
            part = column[start : start + CHUNK_ROWS]
            ordered = chunk[: len(part)]
            ordered[...] = part
            ordered.sort()
            if np.isnan(ordered[-1]):
                ordered = ordered[: np.searchsorted(ordered, np.nan)]
            self._add(ordered)

    def add_ordered(self, ordered: Ordered) -> None:
        """Add numbers that `ordered_numbers` has sorted."""
        for start in range(0, len(ordered), CHUNK_ROWS):
            self._add(ordered[start : start + CHUNK_ROWS])

    def _add(self, ordered: Ordered) -> None:
        reached = self.cells.reached(ordered)
        self.counts += np.diff(np.concatenate(([0], reached, [len(ordered)])))
        first, last = int(reached[0]), int(reached[-1])
        if first == last:
            return
        # adding 0.0 turns -0.0 into 0.0: which of the two is the smallest would depend on the order
        self.minimum = min(self.minimum, float(ordered[first]) + 0.0)
        self.maximum = max(self.maximum, float(ordered[last - 1]) + 0.0)
        if self._work.shape[1] < last - first:
            self._work = np.empty((2, last - first))
        distance = self._work[0, : last - first]
        with np.errstate(over="ignore"):
            np.subtract(ordered[first:last], self.cells.centre, out=distance, dtype=np.float64)
            distance *= 1 / self.cells.scale
        if not (distance[0] > -FARTHEST and distance[-1] < FARTHEST):
            np.clip(distance, -FARTHEST, FARTHEST, out=distance)
        for start, stop, band in _bands(distance):
            self._add_band(distance[start:stop], np.clip(reached - first, start, stop) - start, band)
        self._pending_chunks += 1
        if self._pending_chunks == _CHUNKS_IN_INT64:
            self._flush()

    def _add_band(self, distance: NDArray[np.float64], reached: NDArray[np.int64], band: int) -> None:
        """Add a sorted run of rows of one band; cell i + 1 begins at row ``reached[i]``."""
        if band:
            distance *= 2.0 ** (-_BAND_BITS * band)
        rounded = np.add(distance, _ROUND_SUM, out=self._work[1, : len(distance)])
        rounded -= _ROUND_SUM
        filled = np.flatnonzero(reached[1:] > reached[:-1])
        totals = np.add.reduceat(rounded, reached[filled]) * 2.0**SUM_BITS
        if band:
            for cell, total in zip((filled + 1).tolist(), totals.tolist(), strict=True):
                self._sums[cell] += int(total) << _BAND_BITS * band
        else:
            self._body[filled + 1] += totals.astype(np.int64)
        squared = np.multiply(distance, distance, out=rounded)
        squared += _ROUND_SQUARE
        squared -= _ROUND_SQUARE
        self.squares += int(float(squared.sum()) * 2.0**SQUARE_BITS) << 2 * _BAND_BITS * band

    def _flush(self) -> None:
        self._sums = [total + more for total, more in zip(self._sums, self._body.tolist(), strict=True)]
        self._body[:] = 0
        self._pending_chunks = 0


def _bands(ordered: NDArray[np.float64]) -> Iterator[tuple[int, int, int]]:
    """Runs ``(start, stop, band)`` of like size: band 0 is within 4 of zero, each next one 16 times as far out."""
    below, above, band, limit = 0, 0, 0, _BODY
    is_first = True
    while is_first or below > 0 or above < len(ordered):
        start = int(np.searchsorted(ordered, -limit, "right"))
        stop = int(np.searchsorted(ordered, limit, "left"))
        runs = [(start, stop)] if is_first else [(start, below), (above, stop)]
        yield from ((begin, end, band) for begin, end in runs if begin < end)
        below, above, band, limit, is_first = start, stop, band + 1, limit * 2**_BAND_BITS, False
