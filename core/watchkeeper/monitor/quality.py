"""Data quality of a window: what is missing, infinite, constant, out of range, never seen before, twice there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, betaincinv

from watchkeeper.domain.cells import QUANTILES, LabelCells, NumberCells
from watchkeeper.domain.profile import LabelProfile, NumberProfile, Profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of, missing
from watchkeeper.domain.value import Value

MISSING_SHARE = "missing_share"
INFINITE_SHARE = "infinite_share"
OUT_OF_RANGE_SHARE = "out_of_range_share"
UNSEEN_SHARE = "unseen_share"
CONSTANT = "constant"
TYPE_CHANGED = "type_changed"
DUPLICATE_SHARE = "duplicate_share"
QUALITY_SCORE = "quality_score"
RARE = 1e-6
"""What is taken for no chance where nobody says how often chance may raise a finding."""
_FEWEST_FOR_CONSTANT = 10
_FEWEST_FOR_RANGE = 2
_OUTSIDE = 0.5
"""A new largest value is ordinary, however long the reference: this share of values beyond its range is not."""
_MIXING = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio, odd: neighbouring numbers end far apart (Knuth, multiplicative hashing)."""


def quality_of(column: Column, reference: ReferenceColumn, allowed: float = RARE) -> dict[str, Value]:
    """The column's n rows beside the reference; undefined when there are no rows to take a share of. O(n).

    ``missing_share`` and ``infinite_share`` are of all rows; ``out_of_range_share`` (numbers below the reference's
    smallest or above its largest) and ``unseen_share`` (categories that the reference never had) of those present;
    ``type_changed`` is 1 when the values present are of another kind than the reference's, else 0; ``constant`` is 1
    when every value present is the same, and chance makes it so in less than `allowed` of windows, else 0;
    ``quality_score`` is what is left of 100, see `_score`.
    """
    if not isinstance(column, Categories) and (found := _quality_of_clean(column, reference, allowed)) is not None:
        return found
    gone = missing(column)
    present = int(np.sum(~gone))
    found = {
        MISSING_SHARE: _share(int(gone.sum()), len(column)),
        TYPE_CHANGED: _type_changed(column, reference, present),
    }
    if isinstance(column, Categories):
        known = reference.cells.position if isinstance(reference.cells, LabelCells) else {}
        unseen = np.array([*(label not in known for label in column.labels), False])
        found[UNSEEN_SHARE] = _share(int(unseen[column.codes].sum()), present)
        distinct = len(np.unique(column.codes[~gone]))
    elif column.dtype.kind in "fiub":
        values = column[~gone].astype(np.float64, copy=False)
        finite = values[np.isfinite(values)]
        found[INFINITE_SHARE] = _share(len(values) - len(finite), len(column))
        found[OUT_OF_RANGE_SHARE] = _out_of_range(finite, reference)
        distinct = 2 if len(values) and values.min() != values.max() else min(len(values), 1)
    else:
        found[QUALITY_SCORE] = _score(found, reference)
        return found
    found[CONSTANT] = _constant(distinct, present, reference, allowed)
    found[QUALITY_SCORE] = _score(found, reference)
    return found


def _quality_of_clean(column: NDArray[Any], reference: ReferenceColumn, allowed: float) -> dict[str, Value] | None:
    """What `quality_of` finds in float64 numbers that are all finite, in few passes; None for others."""
    known = reference.profile
    if column.dtype != np.float64 or not len(column) or not isinstance(known, NumberProfile):
        return None
    low, high = float(column.min()), float(column.max())  # NaN when any is
    if known.minimum is None or known.maximum is None or not -np.inf < low <= high < np.inf:
        return None
    rows = len(column)
    nothing = _share(0, rows)
    is_inside = known.minimum <= low and high <= known.maximum
    found = {MISSING_SHARE: nothing, TYPE_CHANGED: _type_changed(column, reference, rows), INFINITE_SHARE: nothing}
    found[OUT_OF_RANGE_SHARE] = nothing if is_inside else _out_of_range(column, reference)
    found[CONSTANT] = _constant(2 if low != high else 1, rows, reference, allowed)
    found[QUALITY_SCORE] = _score(found, reference)
    return found


def quality_of_profile(counted: Profile, reference: ReferenceColumn, allowed: float = RARE) -> dict[str, Value]:
    """What `quality_of` finds in the rows that were counted, to the bit. O(cells)."""
    found = {MISSING_SHARE: _share(counted.missing, counted.rows), TYPE_CHANGED: _same_type(counted.present)}
    if isinstance(counted, LabelProfile):
        found[UNSEEN_SHARE] = _share(counted.unseen_rows, counted.present)
        distinct = int(np.count_nonzero(counted.counts)) + len(counted.unseen)
    else:
        found[INFINITE_SHARE] = _share(counted.infinite, counted.rows)
        found[OUT_OF_RANGE_SHARE] = _profile_out_of_range(counted, reference)
        distinct = _distinct_numbers(counted)
    found[CONSTANT] = _constant(distinct, counted.present, reference, allowed)
    found[QUALITY_SCORE] = _score(found, reference)
    return found


def most_unseen(reference: ReferenceColumn, rows: int, allowed: float = RARE) -> float:
    """The share of labels that the reference never had which chance exceeds in at most `allowed` of windows of n rows.

    How likely a new row has such a label is what the share of labels seen once tells (Good 1953), with an upper
    binomial limit; how many of n rows then have one is a binomial. Each has half of the chance. O(log n).
    """
    known = reference.profile
    if not isinstance(known, LabelProfile) or not known.present or not rows:
        return 1.0
    once = int(np.count_nonzero(known.counts == 1))
    if once == known.present:
        return 1.0
    return _most(rows, float(betaincinv(once + 1, known.present - once, 1.0 - allowed / 2.0)), allowed / 2.0)


def most_outside(reference: ReferenceColumn, rows: int, allowed: float = RARE) -> float:
    """The share of n numbers outside the reference's range which is a finding: half, or more where chance brings it.

    Of exchangeable rows the share beyond both extremes of m is Beta(2, m - 1) (Wilks 1941), and how many of n rows
    are a binomial of it. Each has half of the chance. O(log n).
    """
    known = reference.profile
    if not isinstance(known, NumberProfile) or known.present < _FEWEST_FOR_RANGE or not rows:
        return 1.0
    share = float(betaincinv(2.0, known.present - 1.0, 1.0 - allowed / 2.0))
    if bdtrc(int(_OUTSIDE * rows), rows, share) <= allowed / 2.0:
        return _OUTSIDE  # measured: a third of the time of the search, which is for references of few rows
    return _most(rows, share, allowed / 2.0)


def _most(rows: int, share: float, allowed: float) -> float:
    """The share of n rows that a binomial exceeds in at most `allowed` of windows."""
    low, high = 0, rows
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if bdtrc(middle, rows, share) <= allowed else (middle + 1, high)
    return low / rows


def duplicate_share(features: Table) -> Value:
    """Share of rows that repeat an earlier row in every feature. O(n d): rows are told apart by 64 bits of hash."""
    if not len(features) or not features.names:
        return Value.undefined("there are no rows to compare")
    hashes, shifted = np.zeros((2, len(features)), dtype=np.uint64)
    for name in features:
        hashes ^= _bits(features[name])
        hashes *= _MIXING
        hashes ^= np.right_shift(hashes, np.uint64(29), out=shifted)
    hashes.sort()  # measured: ten times faster than numpy's unique
    repeated = int(np.count_nonzero(hashes[1:] == hashes[:-1]))
    return Value.of(1.0 - (len(features) - repeated) / len(features), samples=len(features))


def overall_score(scores: Iterable[Value]) -> Value:
    """The mean of the features' scores; undefined when none is defined."""
    numbers = [score.number for score in scores if score.number is not None]
    if not numbers:
        return Value.undefined("no feature has a quality score")
    return Value.of(float(np.mean(numbers)), samples=len(numbers))


def _score(found: dict[str, Value], reference: ReferenceColumn) -> Value:
    """100 times the product of what is not missing (beyond the reference), not infinite, not unseen, in range.

    Out of range counts a tenth: a new largest value is ordinary, a column in another unit is not. A constant column
    where the reference varied has 0, and so has one that is all missing, or holds another kind of value.
    """
    gone = found[MISSING_SHARE].number
    if gone is None:
        return Value.undefined("there are no values to score")
    if gone == 1.0 or found[TYPE_CHANGED].number == 1.0 or (CONSTANT in found and found[CONSTANT].number == 1.0):
        return Value.of(0.0, samples=found[MISSING_SHARE].samples)
    score = 100.0 * (1.0 - max(gone - (reference.missing_share.number or 0.0), 0.0))
    for name, weight in ((INFINITE_SHARE, 1.0), (UNSEEN_SHARE, 1.0), (OUT_OF_RANGE_SHARE, 0.1)):
        score *= 1.0 - weight * (found[name].number or 0.0 if name in found else 0.0)
    return Value.of(score, samples=found[MISSING_SHARE].samples)


def _type_changed(column: Column, reference: ReferenceColumn, present: int) -> Value:
    if not present:
        return _same_type(present)
    kind = kind_of(column)
    is_label = {kind, reference.kind} <= {ColumnKind.TEXT, ColumnKind.CATEGORY}
    return Value.of(float(kind is not reference.kind and not is_label), samples=present)


def _same_type(present: int) -> Value:
    if not present:
        return Value.undefined("there are no values that could be of another kind")
    return Value.of(0.0, samples=present)


def _constant(distinct: int, present: int, reference: ReferenceColumn, allowed: float) -> Value:
    if present < _FEWEST_FOR_CONSTANT:
        return Value.undefined(f"{present} values are too few to call it constant")
    return Value.of(float(distinct == 1 and _largest_share(reference) ** present < allowed), samples=present)


def _largest_share(reference: ReferenceColumn) -> float:
    """The share of the reference's commonest value; 1 where it never varied."""
    known, cells = reference.profile, reference.cells
    if isinstance(known, LabelProfile):
        return float(known.counts.max(initial=0)) / known.present if known.present else 1.0
    if not isinstance(known, NumberProfile) or not isinstance(cells, NumberCells) or known.minimum == known.maximum:
        return 1.0
    heavy = int(known.counts[cells.is_single].max(initial=0))  # a value of a larger share has a cell of its own
    return max(heavy / known.present, 1.0 / QUANTILES) if known.present > heavy else 1.0


def _bits(column: Column) -> NDArray[np.uint64]:
    """(n,) equal where the values are; missing equals missing, 0.0 equals -0.0."""
    if isinstance(column, Categories):
        return column.codes.astype(np.uint64)
    if column.dtype.kind == "O":
        return np.unique([str(item) for item in column], return_inverse=True)[1].astype(np.uint64)
    if column.dtype.kind == "M":
        return column.astype("M8[us]").view(np.uint64)
    values = np.add(column, 0.0, dtype=np.float64)
    if np.isnan(values.min(initial=0.0)):
        values[np.isnan(values)] = np.nan
    return values.view(np.uint64)


def _out_of_range(finite: NDArray[np.float64], reference: ReferenceColumn) -> Value:
    known = reference.profile
    if not isinstance(known, NumberProfile) or known.minimum is None or known.maximum is None:
        return Value.undefined("the reference has no number, so that there is no range to be outside of")
    return _share(int(((finite < known.minimum) | (finite > known.maximum)).sum()), len(finite))


def _profile_out_of_range(counted: NumberProfile, reference: ReferenceColumn) -> Value:
    known, cells = reference.profile, reference.cells
    if not isinstance(known, NumberProfile) or not isinstance(cells, NumberCells) or known.minimum is None:
        return Value.undefined("the reference has no number, so that there is no range to be outside of")
    # the first level is just below the reference's smallest value, the last is its largest; the ends are infinite
    below = counted.counts[1 : cells.levels[0] + 1].sum()
    above = counted.counts[cells.levels[-1] + 1 : -1].sum()
    return _share(int(below + above), counted.present - counted.infinite)


def _distinct_numbers(counted: NumberProfile) -> int:
    """0, 1, or more."""
    values = [value for value in (counted.minimum, counted.maximum) if value is not None]
    values += [end for end, rows in ((-np.inf, counted.counts[0]), (np.inf, counted.counts[-1])) if rows]
    return len(set(values))


def _share(count: int, rows: int) -> Value:
    if rows == 0:
        return Value.undefined("there are no values to take a share of")
    return Value.of(count / rows, samples=rows)
