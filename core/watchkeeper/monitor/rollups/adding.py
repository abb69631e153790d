"""Adding up many stored profiles of one column: what merging them would give, in a fraction of the time."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import NumberProfile, Profile, merge

from .codec import SparseNumbers, decoded, sparse_numbers

_LOW_BITS: Final = 31
_LOW_MASK: Final = (1 << _LOW_BITS) - 1


class ProfileSum:
    """The sum of profiles over the same cells; exact, in any order.

    Parameters
    ----------
    digest
        The cells' digest, which all of them carry.
    """

    def __init__(self, digest: str) -> None:
        self._digest = digest
        self._other: Profile | None = None
        """What cannot be added cell by cell: labels, and numbers whose sums do not fit into 64 bits."""
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        # a sum is high << 31 plus low: 2^31 of them can be added without an overflow
        self._high: NDArray[np.int64] = np.zeros(0, np.int64)
        self._low: NDArray[np.int64] = np.zeros(0, np.int64)
        self._squares = 0
        self._missing = 0
        self._least: list[float] = []
        self._most: list[float] = []

    def add(self, text: str) -> None:
        """Add a profile as `encoded` wrote it. A DataError when it cannot be read, or is over other cells."""
        sparse = sparse_numbers(text)
        if sparse is None or isinstance(sparse.sums, list):
            self.add_profile(decoded(text, self._digest))
        elif len(self._counts) not in (0, sparse.cells):
            raise DataError(
                f"stored profiles of one digest, {self._digest[:12]}…, have {len(self._counts)} and {sparse.cells} "
                "cells: one of them is damaged; profile the hour's rows again"
            )
        else:
            self._add_numbers(sparse, sparse.sums)

    def add_profile(self, counted: Profile) -> None:
        """Add a profile; a DataError when it is over other cells."""
        self._other = counted if self._other is None else merge(self._other, counted)

    def total(self) -> Profile | None:
        """The sum; None when nothing was added."""
        if not len(self._counts):
            return self._other
        sums = tuple(
            (high << _LOW_BITS) + low for high, low in zip(self._high.tolist(), self._low.tolist(), strict=True)
        )
        limits = (min(self._least, default=None), max(self._most, default=None))
        found = NumberProfile(self._digest, self._counts.copy(), sums, self._squares, self._missing, *limits)
        return found if self._other is None else merge(found, self._other)

    def _add_numbers(self, sparse: SparseNumbers, sums: NDArray[np.int64]) -> None:
        if not len(self._counts):
            self._counts, self._high, self._low = (np.zeros(sparse.cells, np.int64) for _ in range(3))
        # places are distinct, so that adding by index adds each
        self._counts[sparse.places] += sparse.counts
        self._high[sparse.places] += sums >> _LOW_BITS
        self._low[sparse.places] += sums & _LOW_MASK
        self._squares += sparse.squares
        self._missing += sparse.missing
        if sparse.minimum is not None and sparse.maximum is not None:
            self._least = [min([sparse.minimum, *self._least])]
            self._most = [max([sparse.maximum, *self._most])]
