"""The cells in which a column is counted: its reference's quantiles, tails and heavy values, or its labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from .cell_lookup import CellLookup
from .errors import DataError, UsageError

QUANTILES: Final = 240
"""Quantile cells: divisible by 8, 10, 12, 16, 20, 24, 30 and 40, so that every usual bin is a sum of cells."""
TAILS: Final = 32
"""Geometric cells on each side, each 1.5 times as wide as the one before."""
BIN_COUNTS: Final = tuple(count for count in range(2, QUANTILES + 1) if QUANTILES % count == 0)
"""The bin counts that are exact sums of quantile cells."""
_OUTER: Final = 4
"""The quantiles at each end beyond which a cell is searched for: one wild value must not make bins wide."""
_LARGEST: Final = float(np.finfo(np.float64).max)

Ordered: TypeAlias = NDArray[np.floating[Any]]
"""(n,) float64 or float32, ascending, no NaN, infinite values at the ends."""


def ordered_numbers(column: NDArray[Any]) -> Ordered:
    """A sorted copy without NaN: float32 stays float32, every other number becomes float64.

    Integers beyond 2^53 are rounded to the nearest float64. O(n log n).
    """
    is_single = column.dtype.kind == "f" and column.dtype.itemsize <= np.dtype(np.float32).itemsize
    ordered: Ordered = np.array(column, dtype=np.float32 if is_single else np.float64)
    ordered.sort()
    if len(ordered) and np.isnan(ordered[-1]):
        return ordered[: np.searchsorted(ordered, np.nan)]
    return ordered


def checked_bins(count: int) -> int:
    """The count itself, or a UsageError when it is not one of `BIN_COUNTS`."""
    if count in BIN_COUNTS:
        return count
    nearest = min(BIN_COUNTS, key=lambda known: abs(known - count))
    raise UsageError(
        f"{count} bins cannot be summed from {QUANTILES} quantile cells: expected a divisor of {QUANTILES} "
        f"from 2 on; the nearest is {nearest}"
    )


def is_bin_count(_options: object, _field: object, count: int) -> None:
    """Validate an option of a plugin: for ``attrs.field(validator=is_bin_count)``."""
    checked_bins(count)


@attrs.frozen(eq=False, slots=False)
class NumberCells:
    """A partition of the extended real line; cell i is ``(edges[i - 1], edges[i]]``.

    The first cell is ``{-inf}`` and the last is ``{inf}``. A value that many reference rows share has a cell
    of its own, whose left edge is the float64 just below it.
    """

    edges: NDArray[np.float64]
    """(k,) float64 ascending and distinct, from -inf to the largest float64; there are k + 1 cells."""
    levels: NDArray[np.int64]
    """(241,) int64 positions in `edges`: just below the reference's minimum, then its quantiles 1/240, 2/240, … 1."""
    centre: float
    """The reference's median."""
    scale: float
    """The unit of sums: the reference's interquartile range, or what comes nearest, up to a power of two."""
    _bin_starts: dict[int, NDArray[np.int64]] = attrs.field(factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.edges) + 1

    @classmethod
    def of(cls, ordered: Ordered) -> NumberCells:
        """Cells for a reference: O(log n) for each edge.

        Parameters
        ----------
        ordered
            What `ordered_numbers` returned; infinite values do not move any edge.
        """
        finite = ordered[np.searchsorted(ordered, -np.inf, "right") : np.searchsorted(ordered, np.inf, "left")]
        if not len(finite):
            return cls(np.array([-np.inf, _LARGEST]), np.zeros(QUANTILES + 1, np.int64), 0.0, 1.0)
        ranks = -(-len(finite) * np.arange(1, QUANTILES + 1) // QUANTILES)
        quantiles = finite[ranks - 1].astype(np.float64)
        heavy = quantiles[np.searchsorted(finite, finite[ranks - 1], "right") > ranks]
        with np.errstate(over="ignore"):  # below the smallest float64 comes -inf
            start = np.nextafter(np.float64(finite[0]), -np.inf)
            beside_heavy = np.nextafter(heavy, -np.inf)
        scale = _scale(finite, quantiles)
        parts = ([-np.inf, start, _LARGEST], quantiles, beside_heavy, _tails(quantiles, scale))
        # adding 0.0 turns -0.0 into 0.0: equal edges must have equal bytes, or digests differ
        edges = np.unique(np.concatenate(parts)) + 0.0
        levels = np.searchsorted(edges, np.concatenate(([start], quantiles)))
        return cls(edges, levels.astype(np.int64), float(quantiles[QUANTILES // 2 - 1]) + 0.0, scale)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that two profiles must have in common to be added, hexadecimal."""
        told = hashlib.sha256(b"watchkeeper number cells 1\n")
        told.update(self.edges.astype("<f8").tobytes())
        told.update(self.levels.astype("<i8").tobytes())
        told.update(f"{self.centre.hex()} {self.scale.hex()}".encode())
        return told.hexdigest()

    @cached_property
    def is_single(self) -> NDArray[np.bool_]:
        """(k + 1,) bool: whether a cell holds one value only, an infinite one or a heavy one."""
        with np.errstate(over="ignore"):
            alone = np.nextafter(self.edges[:-1], np.inf) == self.edges[1:]
        return np.concatenate(([True], alone, [True]))

    @cached_property
    def _single_edges(self) -> NDArray[np.float32]:
        """The largest float32 at or below each edge: ``x <= edge`` is then the same question for float32 x."""
        with np.errstate(over="ignore"):
            nearest = self.edges.astype(np.float32)
        return np.where(nearest > self.edges, np.nextafter(nearest, np.float32(-np.inf)), nearest)

    def reached(self, ordered: Ordered) -> NDArray[np.int64]:
        """(k,) int64: how many values are at or below each edge. O(k log n)."""
        edges = self._single_edges if ordered.dtype == np.float32 else self.edges
        return np.searchsorted(ordered, edges, side="right").astype(np.int64, copy=False)

    def counts(self, ordered: Ordered) -> NDArray[np.int64]:
        """(k + 1,) int64: how many values each cell holds. O(k log n)."""
        return np.diff(np.concatenate(([0], self.reached(ordered), [len(ordered)])))

    def positions(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) int64: the cell of each of n numbers in any order, none of them NaN. O(n), see `CellLookup`."""
        if self._lookup is None:
            return np.searchsorted(self.edges, values, side="left")
        return self._lookup.of_values(values)

    @cached_property
    def _lookup(self) -> CellLookup | None:
        low, high = self.edges[self.levels[[_OUTER, -1 - _OUTER]]].tolist()
        return CellLookup.of(self.edges, low, high)

    def bin_starts(self, bins: int) -> NDArray[np.int64]:
        """(b,) int64: the first cell of each quantile bin, the bins together covering all cells.

        A value that fills a bin on its own (several quantiles fall on it) gets a bin for itself, so b can differ
        from `bins`.
        """
        if bins in self._bin_starts:
            return self._bin_starts[bins]
        chosen = self.levels[:: QUANTILES // checked_bins(bins)]
        repeated = chosen[1:][chosen[1:] == chosen[:-1]]
        atoms = repeated[self.is_single[repeated]]
        borders = np.unique(np.concatenate((chosen[1:-1], atoms - 1)))
        self._bin_starts[bins] = np.concatenate((np.zeros(1, np.int64), borders + 1))
        return self._bin_starts[bins]

    def to_record(self) -> dict[str, Any]:
        """A mapping of JSON values and arrays."""
        return {"edges": self.edges, "levels": self.levels, "centre": self.centre, "scale": self.scale}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> NumberCells:
        """What `to_record` told."""
        edges = np.asarray(record["edges"], dtype=np.float64)
        levels = np.asarray(record["levels"], dtype=np.int64)
        if len(edges) < 2 or not bool(np.all(edges[1:] > edges[:-1])) or len(levels) != QUANTILES + 1:
            raise DataError(
                f"a record of cells holds {len(edges)} edges and {len(levels)} levels: expected at least 2 ascending "
                f"edges and {QUANTILES + 1} levels; fit the reference again"
            )
        return cls(edges, levels, float(record["centre"]), float(record["scale"]))


@attrs.frozen(eq=False, slots=False)
class LabelCells:
    """One cell for each label of a reference; labels that it never saw are counted by name beside them."""

    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the labels in order, hexadecimal."""
        told = hashlib.sha256(b"watchkeeper label cells 1\n")
        for label in self.labels:
            text = label.encode("utf-8", "surrogatepass")
            told.update(len(text).to_bytes(8, "little"))
            told.update(text)
        return told.hexdigest()

    @cached_property
    def position(self) -> Mapping[str, int]:
        """The cell of each label."""
        return {label: cell for cell, label in enumerate(self.labels)}

    def to_record(self) -> dict[str, Any]:
        """A mapping of JSON values."""
        return {"labels": list(self.labels)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> LabelCells:
        """What `to_record` told."""
        return cls(tuple(record["labels"]))


Cells: TypeAlias = NumberCells | LabelCells


def _scale(finite: Ordered, quantiles: NDArray[np.float64]) -> float:
    """The interquartile range, else the sd, else the size of the value, up to a power of two in 2^-500 to 2^500."""
    with np.errstate(over="ignore", invalid="ignore"):
        spreads = (
            float(quantiles[QUANTILES * 3 // 4 - 1] - quantiles[QUANTILES // 4 - 1]),
            float(np.std(finite, dtype=np.float64)),
            abs(float(quantiles[QUANTILES // 2 - 1])),
        )
    spread = next((size for size in spreads if 0 < size < math.inf), 1.0)
    return math.ldexp(1.0, min(max(math.frexp(spread)[1], -500), 500))


def _tails(quantiles: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Edges going out from the outermost quantiles in steps that grow by half; those beyond float64 are left out."""
    steps = scale / 16 * 1.5 ** np.arange(TAILS)
    with np.errstate(over="ignore"):
        edges = np.concatenate((quantiles[0] - steps, quantiles[-2] + steps))
    finite: NDArray[np.float64] = edges[np.isfinite(edges)]
    return finite
