"""Where in a stream's values changes were signalled: values passed over, and values taken one by one or in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

LARGEST: Final = 1e150
"""Values beyond it are all the same: sums of squares stay finite."""


def signalled_one_by_one(values: NDArray[np.float64], is_change: Callable[[float], bool]) -> NDArray[np.int64]:
    """(m,) int64 places in `values` where `is_change` says so, asked of each finite value in order."""
    places = np.flatnonzero(np.isfinite(values))
    finite = np.asarray(values, dtype=np.float64)[places]
    found = [at for at, value in enumerate(finite.tolist()) if is_change(value)]
    return places[np.array(found, dtype=np.int64)]


def signalled_in_blocks(
    values: NDArray[np.float64],
    until_change: Callable[[NDArray[np.float64]], tuple[int, bool]],
    *,
    at_once: int,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> NDArray[np.int64]:
    """(m,) int64 places in `values` where a change was signalled; values that are not finite are passed over.

    Parameters
    ----------
    values
        (n,) float64; not written into.
    until_change
        Given a block, takes values up to the first change or all, and tells how many it took, at least one, and
        whether the last of them was a change, after which it begins anew.
    at_once
        How many values a block has at most.
    limits
        Values beyond them are taken as these.
    """
    places = np.flatnonzero(np.isfinite(values))
    finite = np.clip(np.asarray(values, dtype=np.float64)[places], *limits)
    return places[np.fromiter(_ends(finite, until_change, at_once), dtype=np.int64)]


def _ends(
    finite: NDArray[np.float64], until_change: Callable[[NDArray[np.float64]], tuple[int, bool]], at_once: int
) -> Iterator[int]:
    start = 0
    while start < len(finite):
        used, is_change = until_change(finite[start : start + at_once])
        start += used
        if is_change:
            yield start - 1
