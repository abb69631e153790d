"""Profiles: a column's rows counted and summed in the cells of a reference, added exactly in any order."""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from .cells import Cells, LabelCells, NumberCells, Ordered
from .errors import DataError
from .table import Categories, Column
from .tally import SQUARE_BITS, SUM_BITS, NumberTally
from .value import Value

UNSEEN_LABELS: Final = 1000
"""Labels outside the reference that are counted by name; beyond that, those with the smallest hashes."""
_HASH_BYTES: Final = 16
_same = attrs.cmp_using(eq=np.array_equal)


@attrs.frozen
class NumberProfile:
    """What n numbers look like from the cells of one reference: about 300 counts and exact sums.

    Integers all, and each row rounded on its own (see `watchkeeper.domain.tally`): the profile of some rows is the
    same however they were cut, ordered or merged.
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
        variance = max(Fraction(self.squares, count << SQUARE_BITS) - mean * mean, Fraction(0))
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
    1.6 MB beside the column.

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
    tally = NumberTally(cells)
    tally.add_column(column)
    return _closed(tally, len(column))


def profile_of_ordered(ordered: Ordered, missing: int, cells: NumberCells) -> NumberProfile:
    """The same for numbers that `ordered_numbers` has sorted already: O(n)."""
    tally = NumberTally(cells)
    tally.add_ordered(ordered)
    return _closed(tally, len(ordered) + missing)


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


def _closed(tally: NumberTally, rows: int) -> NumberProfile:
    is_finite = tally.minimum <= tally.maximum
    limits = (tally.minimum, tally.maximum) if is_finite else (None, None)
    missing = rows - int(tally.counts.sum())
    return NumberProfile(tally.cells.digest, tally.counts, tally.sums, tally.squares, missing, *limits)


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
