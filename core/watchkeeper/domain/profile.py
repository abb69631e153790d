"""Profiles: a column's rows counted and summed in the cells of a reference, added exactly in any order."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import Cells, LabelCells, NumberCells, Ordered, ordered_numbers
from .errors import DataError
from .table import Categories, Column
from .value import Value

CHUNK_ROWS: Final = 1 << 16
"""Rows that are sorted and summed at once: they stay in the cache, and their float64 sums stay exact."""
UNSEEN_LABELS: Final = 1000
"""Labels outside the reference that are counted by name; beyond that, those with the smallest hashes."""
SUM_BITS: Final = 35
"""Sums are in units of 2^-35 scales."""
FARTHEST: Final = 2.0**1000
"""Values further from the centre, in scales, are summed as if they were this far."""
_SQUARE_BITS: Final = 33
_BODY: Final = 4.0
_BAND_BITS: Final = 8
_HASH_BYTES: Final = 16
_same = attrs.cmp_using(eq=np.array_equal)


@attrs.frozen
class NumberProfile:
    """What n numbers look like from the cells of one reference: about 300 counts and sums of exact integers.

    A row adds ``(x - centre) / scale``, rounded to 2^-35, to its cell's sum, and that number's square, rounded to
    2^-33, to the sum of squares. (Each time the number grows by 2^8 beyond 4, the roundings grow by 2^8 and 2^16.)
    Rounding a row does not depend on other rows, so a profile is the same however the rows were cut, ordered or merged.
    """

    digest: str
    """The cells' digest: only profiles over the same cells can be added or compared."""
    counts: NDArray[np.int64] = attrs.field(eq=_same)
    """(cells,) int64 rows in each cell."""
    sums: tuple[int, ...]
    """One for each cell, in units of 2^-35 scales from the centre; infinite values add nothing."""
    squares: int
    """The sum of squares of all finite values, in units of 2^-33 square scales."""
    missing: int
    """Rows without a value."""
    minimum: float | None
    """The smallest finite value."""
    maximum: float | None
    """The largest finite value."""

    @property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return self.missing + self.present

    @property
    def present(self) -> int:
        """Rows with a value, infinite ones too."""
        return int(self.counts.sum())

    @property
    def infinite(self) -> int:
        """Rows whose value is infinite."""
        return int(self.counts[0] + self.counts[-1])

    def mean(self, cells: NumberCells) -> Value:
        """The finite values' mean, within 2^-36 scales of the truth for values within 4 scales of the centre."""
        count = self.present - self.infinite
        if not count:
            return Value.undefined(f"no finite values in {self.rows} rows")
        distance = float(Fraction(sum(self.sums), count << SUM_BITS))
        return Value.of(cells.centre + cells.scale * distance, samples=count)

    def deviation(self, cells: NumberCells) -> Value:
        """The finite values' standard deviation (divided by n)."""
        count = self.present - self.infinite
        if not count:
            return Value.undefined(f"no finite values in {self.rows} rows")
        mean = Fraction(sum(self.sums), count << SUM_BITS)
        variance = max(Fraction(self.squares, count << _SQUARE_BITS) - mean * mean, Fraction(0))
        # the root is taken of the fraction's parts, because the variance can be beyond float64 where its root is not
        root = math.isqrt((variance.numerator << 128) // variance.denominator) / (1 << 64)
        return Value.of(cells.scale * root, samples=count)

    def to_record(self) -> dict[str, Any]:
        """A mapping of JSON values and arrays, for `watchkeeper.domain.records.packed`."""
        fits = all(-(1 << 63) <= total < 1 << 63 for total in self.sums)
        return {
            "kind": "numbers",
            "digest": self.digest,
            "counts": self.counts,
            "sums": np.array(self.sums, dtype=np.int64) if fits else [str(total) for total in self.sums],
            "squares": str(self.squares),
            "missing": self.missing,
            "minimum": self.minimum,
            "maximum": self.maximum,
        }


@attrs.frozen
class LabelProfile:
    """How often each label of one reference occurred, and which others did."""

    digest: str
    """The cells' digest: only profiles over the same labels can be added or compared."""
    counts: NDArray[np.int64] = attrs.field(eq=_same)
    """(labels,) int64 rows of each label of the reference."""
    unseen: Mapping[str, int]
    """Rows of labels that the reference never saw: of all, or of the 1000 with the smallest hashes."""
    unseen_rows: int
    """Rows of all labels that the reference never saw."""
    missing: int
    """Rows without a label."""

    @property
    def rows(self) -> int:
        """All rows, missing ones too."""
        return self.missing + self.present

    @property
    def present(self) -> int:
        """Rows with a label."""
        return int(self.counts.sum()) + self.unseen_rows

    @property
    def unseen_counts(self) -> NDArray[np.int64]:
        """Rows of each unseen label.

        When there were more than 1000, the number of those that were not kept by name is estimated from the largest
        hash that was kept (bottom-k, Beyer et al., SIGMOD 2007), and their rows are shared evenly.
        """
        named = np.array(list(self.unseen.values()), dtype=np.int64)
        rest = self.unseen_rows - int(named.sum())
        if not rest:
            return named
        reach = max(int.from_bytes(_hash(label)) for label in self.unseen) / 2.0 ** (8 * _HASH_BYTES)
        labels = min(max(round((len(named) - 1) / reach) - len(named), 1), rest)
        shared = np.full(labels, rest // labels, dtype=np.int64)
        shared[: rest % labels] += 1
        return np.concatenate((named, shared))

    def to_record(self) -> dict[str, Any]:
        """A mapping of JSON values and arrays, for `watchkeeper.domain.records.packed`."""
        return {
            "kind": "labels",
            "digest": self.digest,
            "counts": self.counts,
            "unseen": [[label, count] for label, count in self.unseen.items()],
            "unseen_rows": self.unseen_rows,
            "missing": self.missing,
        }


Profile: TypeAlias = NumberProfile | LabelProfile


def profile(column: Column, cells: Cells) -> Profile:
    """Count and sum a column in the cells of a reference.

    ``profile(a + b) == merge(profile(a), profile(b))``, bit for bit. One sort of 65,536 rows at a time, O(n log n);
    0.7 MB beside the column.

    Raises
    ------
    DataError
        When the column does not hold what the cells are for.
    """
    if isinstance(cells, LabelCells):
        return _label_profile(labelled(column), cells)
    if isinstance(column, Categories) or column.dtype.kind not in "fiub":
        found = "categories" if isinstance(column, Categories) else f"dtype {column.dtype}"
        raise DataError(f"the reference counts numbers, the column holds {found}: give numbers, or fit it again")
    tally = _Tally(cells)
    for start in range(0, len(column), CHUNK_ROWS):
        tally.add(ordered_numbers(column[start : start + CHUNK_ROWS]))
    return tally.profile(len(column))


def profile_of_ordered(ordered: Ordered, missing: int, cells: NumberCells) -> NumberProfile:
    """The same for numbers that `ordered_numbers` has sorted already: O(n)."""
    tally = _Tally(cells)
    for start in range(0, len(ordered), CHUNK_ROWS):
        tally.add(ordered[start : start + CHUNK_ROWS])
    return tally.profile(len(ordered) + missing)


def merge(first: Profile, second: Profile) -> Profile:
    """The profile of both's rows: exact integers are added, so that the order of merging changes nothing.

    Raises
    ------
    DataError
        When they were counted in the cells of different references.
    """
    if first.digest != second.digest:
        raise DataError(
            f"profiles over different cells cannot be added: found digests {first.digest[:12]}… and "
            f"{second.digest[:12]}…; profile both with the cells of the same reference"
        )
    missing = first.missing + second.missing
    counts = first.counts + second.counts
    if isinstance(first, NumberProfile) and isinstance(second, NumberProfile):
        sums = tuple(map(int.__add__, first.sums, second.sums))
        least = [limit for limit in (first.minimum, second.minimum) if limit is not None]
        most = [limit for limit in (first.maximum, second.maximum) if limit is not None]
        squares = first.squares + second.squares
        limits = (min(least, default=None), max(most, default=None))
        return NumberProfile(first.digest, counts, sums, squares, missing, *limits)
    if isinstance(first, LabelProfile) and isinstance(second, LabelProfile):
        unseen = dict(first.unseen)
        for label, count in second.unseen.items():
            unseen[label] = unseen.get(label, 0) + count
        return LabelProfile(first.digest, counts, _kept(unseen), first.unseen_rows + second.unseen_rows, missing)
    raise DataError("a profile of numbers and one of labels cannot be added: profile the same column")


def profile_from_record(record: Mapping[str, Any]) -> Profile:
    """What `to_record` of either kind of profile told."""
    counts = np.asarray(record["counts"], dtype=np.int64)
    digest, missing = str(record["digest"]), int(record["missing"])
    if record.get("kind") == "labels":
        unseen = {str(label): int(count) for label, count in record["unseen"]}
        return LabelProfile(digest, counts, unseen, int(record["unseen_rows"]), missing)
    if record.get("kind") != "numbers":
        raise DataError(f"a profile's record is of kind 'numbers' or 'labels', found {record.get('kind')!r}")
    sums = tuple(int(total) for total in record["sums"])
    limits = [None if record[limit] is None else float(record[limit]) for limit in ("minimum", "maximum")]
    return NumberProfile(digest, counts, sums, int(record["squares"]), missing, *limits)


def labelled(column: Column) -> Categories:
    """The column as categories; a DataError when it holds no text."""
    if isinstance(column, Categories):
        return column
    if column.dtype.kind == "O":
        return Categories.of(column)
    raise DataError(f"the reference counts labels, the column holds dtype {column.dtype}: give text, or fit it again")


@attrs.define
class _Tally:
    """Counts and sums while chunks are added."""

    cells: NumberCells
    counts: NDArray[np.int64] = attrs.field(init=False)
    sums: list[int] = attrs.field(init=False)
    squares: int = 0
    minimum: float = math.inf
    maximum: float = -math.inf

    def __attrs_post_init__(self) -> None:
        self.counts = np.zeros(len(self.cells), np.int64)
        self.sums = [0] * len(self.cells)

    def add(self, ordered: Ordered) -> None:
        reached = self.cells.reached(ordered)
        self.counts += np.diff(np.concatenate(([0], reached, [len(ordered)])))
        first, last = int(reached[0]), int(reached[-1])
        if first == last:
            return
        # adding 0.0 turns -0.0 into 0.0: which of the two is the smallest would depend on the order
        self.minimum = min(self.minimum, float(ordered[first]) + 0.0)
        self.maximum = max(self.maximum, float(ordered[last - 1]) + 0.0)
        with np.errstate(over="ignore"):
            distance = np.subtract(ordered[first:last], self.cells.centre, dtype=np.float64)
            distance *= 1 / self.cells.scale
        if not (distance[0] > -FARTHEST and distance[-1] < FARTHEST):
            np.clip(distance, -FARTHEST, FARTHEST, out=distance)
        for start, stop, band in _bands(distance):
            self._add_band(distance[start:stop], np.clip(reached - first, start, stop) - start, band)

    def _add_band(self, distance: NDArray[np.float64], reached: NDArray[np.int64], band: int) -> None:
        """Add a sorted run of rows of like size; cell i + 1 begins at row ``reached[i]``."""
        scaled = distance * 2.0 ** (-_BAND_BITS * band) if band else distance
        # adding and subtracting a large constant rounds to a multiple of 2^-bits; sums of such are then exact
        rounded = scaled + 1.5 * 2.0 ** (52 - SUM_BITS)
        rounded -= 1.5 * 2.0 ** (52 - SUM_BITS)
        filled = np.flatnonzero(reached[1:] > reached[:-1])
        totals = np.add.reduceat(rounded, reached[filled]) * 2.0**SUM_BITS
        for cell, total in zip((filled + 1).tolist(), totals.tolist(), strict=True):
            self.sums[cell] += int(total) << _BAND_BITS * band
        squared = np.multiply(scaled, scaled, out=rounded)
        squared += 1.5 * 2.0 ** (52 - _SQUARE_BITS)
        squared -= 1.5 * 2.0 ** (52 - _SQUARE_BITS)
        self.squares += int(float(squared.sum()) * 2.0**_SQUARE_BITS) << 2 * _BAND_BITS * band

    def profile(self, rows: int) -> NumberProfile:
        present = int(self.counts.sum())
        is_finite = self.minimum <= self.maximum
        limits = (self.minimum, self.maximum) if is_finite else (None, None)
        return NumberProfile(self.cells.digest, self.counts, tuple(self.sums), self.squares, rows - present, *limits)


def _bands(ordered: NDArray[np.float64]) -> Iterator[tuple[int, int, int]]:
    """Runs ``(start, stop, band)`` of like size: band 0 is within 4 of zero, each next one 256 times as far out."""
    below, above, band, limit = 0, 0, 0, _BODY
    is_first = True
    while is_first or below > 0 or above < len(ordered):
        start = int(np.searchsorted(ordered, -limit, "right"))
        stop = int(np.searchsorted(ordered, limit, "left"))
        runs = [(start, stop)] if is_first else [(start, below), (above, stop)]
        yield from ((begin, end, band) for begin, end in runs if begin < end)
        below, above, band, limit, is_first = start, stop, band + 1, limit * 2**_BAND_BITS, False


def _label_profile(column: Categories, cells: LabelCells) -> LabelProfile:
    tally = np.bincount(column.codes + 1, minlength=len(column.labels) + 1)
    counts = np.zeros(len(cells), np.int64)
    unseen: dict[str, int] = {}
    for label, count in zip(column.labels, tally[1:].tolist(), strict=True):
        cell = cells.position.get(label)
        if cell is not None:
            counts[cell] += count
        elif count:
            unseen[label] = unseen.get(label, 0) + count
    return LabelProfile(cells.digest, counts, _kept(unseen), sum(unseen.values()), int(tally[0]))


def _kept(unseen: Mapping[str, int]) -> dict[str, int]:
    """The labels in order; of more than 1000 those with the smallest hashes, which merging in any order keeps."""
    chosen = heapq.nsmallest(UNSEEN_LABELS, unseen, key=_hash) if len(unseen) > UNSEEN_LABELS else unseen
    return {label: unseen[label] for label in sorted(chosen)}


def _hash(label: str) -> bytes:
    return hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()
