"""The checks that every drift detector must pass."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from watchkeeper.contracts.drift import Drift, DriftDetector
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.profile import merge, profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column, ColumnKind

_ROWS = 400
_CLOSE = 1e-9
_NEAR_ZERO = 1e-6
_COMPARABLE = (ColumnKind.NUMERIC, ColumnKind.CATEGORY)


def sample_column(kind: ColumnKind, rows: int = _ROWS, *, shift: float = 0.0, seed: int = 0) -> Column:
    """An ordinary column; `shift` moves numbers by so many sds, and labels towards the later ones."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(shift, 1.0, rows)
    if kind is ColumnKind.NUMERIC:
        return numbers
    if kind is ColumnKind.CATEGORY:
        codes = np.clip(np.floor(numbers + 2.5), 0, 4).astype(np.int32)
        return Categories(codes, ("a", "b", "c", "d", "e"))
    if kind is ColumnKind.TIME:
        return (numbers * 1e9).astype(np.int64).astype("datetime64[us]")
    return np.array([f"{number:.1f}" for number in numbers], dtype=object)


class DriftContract:
    """Subclass it in your tests and give a fixture ``subject``: the detector, as `build` returns it."""

    def test_it_names_the_kinds_of_column_that_it_compares(self, subject: DriftDetector) -> None:
        assert isinstance(subject, DriftDetector), f"a detector has columns and compare(), found {subject!r}"
        assert isinstance(subject.columns, frozenset), f"columns is a frozenset: {type(subject.columns).__name__}"
        assert subject.columns & set(_COMPARABLE), f"columns names numeric or category, found {set(subject.columns)}"
        assert subject.columns <= set(ColumnKind), f"columns holds members of ColumnKind, found {set(subject.columns)}"

    def test_an_ordinary_window_gives_a_number(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            found = _compared(subject, sample_column(kind), sample_column(kind, seed=1))
            assert found.statistic.is_defined, f"an ordinary {kind} window gave none: {found.statistic.reason}"

    def test_the_same_rows_are_at_distance_zero(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            found = _number(_compared(subject, sample_column(kind), sample_column(kind)))
            assert abs(found) <= _NEAR_ZERO, f"the same {kind} rows are at distance 0, found {found}"

    def test_a_shifted_window_is_farther_than_an_ordinary_one(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            near = _number(_compared(subject, sample_column(kind), sample_column(kind, seed=1)))
            far = _number(_compared(subject, sample_column(kind), sample_column(kind, seed=1, shift=1.0)))
            assert far > near, f"a {kind} window shifted by 1 sd is at {far}, an ordinary one at {near}"

    def test_a_kind_that_it_does_not_compare_is_undefined(self, subject: DriftDetector) -> None:
        for kind in set(ColumnKind) - subject.columns:
            found = _compared(subject, sample_column(kind), sample_column(kind, seed=1))
            assert not found.statistic.is_defined, f"{kind} is not in columns, found {found.statistic.number}"

    def test_a_window_of_another_kind_is_undefined(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            other = next(kind_too for kind_too in _COMPARABLE if kind_too is not kind)
            found = _compared(subject, sample_column(kind), sample_column(other))
            assert not found.statistic.is_defined, f"{kind} against {other} gave {found.statistic.number}"

    def test_an_empty_side_is_undefined_with_the_reason(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            some = sample_column(kind)
            for empty in (some[:0], _all_missing(some)):
                for found in (_compared(subject, some, empty), _compared(subject, empty, some)):
                    assert not found.statistic.is_defined, f"an empty side has no distance: {found.statistic.number}"
                    assert found.p_value is None, f"an empty side has no p-value, found {found.p_value}"

    def test_missing_values_are_left_out(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            some = sample_column(kind, seed=1, shift=0.5)
            plain = _compared(subject, sample_column(kind), some)
            for found in (
                _compared(subject, sample_column(kind), _with_missing(some)),
                _compared(subject, _with_missing(sample_column(kind)), some),
            ):
                assert _is_close(plain, found), f"missing {kind} rows changed {plain} to {found}"

    def test_one_row_is_compared(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            one, many = sample_column(kind, 1), sample_column(kind)
            for before, now in ((one, one), (one, many), (many, one)):
                _compared(subject, before, now)

    def test_equal_values_are_compared(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            same = sample_column(kind, 1)[np.zeros(50, np.int64)]
            found = _compared(subject, same, same[:20])
            assert abs(found.statistic.number or 0.0) <= _NEAR_ZERO, f"the same value everywhere: {found.statistic}"
            _compared(subject, sample_column(kind), same)
            moved = _compared(subject, same, sample_column(kind, shift=9.0))
            assert moved.statistic.number != 0.0, "a constant that moved is not at distance 0"

    def test_infinite_values_give_a_number_or_a_reason(self, subject: DriftDetector) -> None:
        if ColumnKind.NUMERIC not in subject.columns:
            return
        plain = np.linspace(0.0, 1.0, 50)
        edged = np.concatenate((plain, [np.inf, -np.inf]))
        for before, now in ((plain, edged), (edged, plain), (edged, edged), (plain, np.full(9, np.inf))):
            _compared(subject, before, now)

    def test_huge_and_tiny_numbers_give_a_number_or_a_reason(self, subject: DriftDetector) -> None:
        if ColumnKind.NUMERIC not in subject.columns:
            return
        plain = np.linspace(-1.0, 1.0, 50)
        for size in (5e-324, 1e-300, 1e300, 1.7e308):
            for before, now in ((plain * size, plain), (plain, plain * size), (plain * size, plain * size / 2)):
                _compared(subject, before, now)

    def test_the_dtype_of_numbers_does_not_matter(self, subject: DriftDetector) -> None:
        if ColumnKind.NUMERIC not in subject.columns:
            return
        before, now = (np.round(np.asarray(sample_column(ColumnKind.NUMERIC, seed=seed)) * 4) for seed in (0, 1))
        expected = _compared(subject, before, now)
        for dtype in (np.float32, np.int64, np.int8):
            for first, second in ((before.astype(dtype), now.astype(dtype)), (before, now.astype(dtype))):
                found = _compared(subject, first, second)
                assert _is_close(expected, found), f"as {dtype.__name__} {expected} became {found}"
        _compared(subject, before > 0, now > 0)

    def test_labels_that_the_reference_never_saw_count(self, subject: DriftDetector) -> None:
        if ColumnKind.CATEGORY not in subject.columns:
            return
        before = Categories.of(["a"] * 60 + ["b"] * 40)
        found = _compared(subject, before, Categories.of(["a"] * 60 + ["new"] * 40))
        assert _number(found) > 0.0, "40 % of the rows have a new label, the distance is not 0"
        _compared(subject, before, Categories.of(["new"] * 5))

    def test_one_label_is_compared(self, subject: DriftDetector) -> None:
        if ColumnKind.CATEGORY not in subject.columns:
            return
        one, two = Categories.of(["a"] * 50), Categories.of(["a"] * 30 + ["b"] * 20)
        assert abs(_number(_compared(subject, one, one[:20]))) <= _NEAR_ZERO, "one label on both sides is no difference"
        assert _number(_compared(subject, two, one)) > 0.0, "a label that is gone is a difference"

    def test_text_is_compared_as_its_labels(self, subject: DriftDetector) -> None:
        if ColumnKind.CATEGORY not in subject.columns:
            return
        before, texts = Categories.of(["a"] * 60 + ["b"] * 40), ["a", "b", "c", None] * 20
        expected = _compared(subject, before, Categories.of(texts))
        found = _compared(subject, before, np.array(texts, dtype=object))
        assert _is_close(expected, found), f"as text {expected} became {found}"

    def test_whole_numbers_too_large_for_floats_are_compared(self, subject: DriftDetector) -> None:
        if ColumnKind.NUMERIC not in subject.columns:
            return
        some = np.arange(50, dtype=np.int64) + 2**62
        assert abs(_number(_compared(subject, some, some))) <= _NEAR_ZERO, "the same rows are at distance 0"
        _compared(subject, some, np.arange(50, dtype=np.uint64) + np.uint64(2**63))

    def test_the_order_of_labels_does_not_matter(self, subject: DriftDetector) -> None:
        if ColumnKind.CATEGORY not in subject.columns:
            return
        before, now = Categories.of(["a"] * 60 + ["b"] * 40), Categories.of(["a"] * 30 + ["b"] * 40)
        turned = Categories(1 - now.codes, ("b", "a"))
        assert _is_close(_compared(subject, before, now), _compared(subject, before, turned)), "codes are not labels"

    def test_the_order_of_rows_does_not_matter(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            before, now = sample_column(kind), sample_column(kind, seed=1, shift=0.3)
            order = np.random.default_rng(2).permutation(_ROWS)
            expected = _compared(subject, before, now)
            assert expected == _compared(subject, before[order], now[order]), f"another order of {kind} rows"
            assert expected == _compared(subject, before, now), f"a second comparison of the same {kind} rows"

    def test_arrays_are_not_written_to(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            before, now = sample_column(kind), sample_column(kind, seed=1)
            for column in (before, now):
                (column.codes if isinstance(column, Categories) else column).flags.writeable = False
            _compared(subject, before, now)

    def test_profiles_give_a_number_or_a_reason(self, subject: DriftDetector) -> None:
        for kind in _kinds(subject):
            now = sample_column(kind, seed=1, shift=0.5)
            reference = ReferenceColumn.fit("sample", sample_column(kind)).binned()
            whole = _checked(subject, Comparison(reference, now))
            assert reference.cells is not None, f"a reference of {kind} has cells"
            parts = [profile(now[rows], reference.cells) for rows in (slice(150), slice(150, None))]
            merged = _checked(subject, Comparison(reference, merge(*parts)))
            assert whole == merged, f"a window and its merged parts differ: {whole}, {merged}"


def _kinds(subject: DriftDetector) -> list[ColumnKind]:
    return [kind for kind in _COMPARABLE if kind in subject.columns]


def _compared(subject: DriftDetector, reference: Column, current: Column) -> Drift:
    return _checked(subject, Comparison(ReferenceColumn.fit("sample", reference), current))


def _checked(subject: DriftDetector, comparison: Comparison) -> Drift:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: Any = subject.compare(comparison)
    assert isinstance(found, Drift), f"compare returns a Drift, found {type(found).__name__}"
    share = found.p_value
    assert share is None or 0.0 <= share <= 1.0, f"a p-value is None or between 0 and 1, found {share}"
    assert found.effect is None or math.isfinite(found.effect), f"an effect is None or finite, found {found.effect}"
    interval, number = found.statistic.interval, found.statistic.number
    assert interval is None or number is None or interval[0] <= number <= interval[1], f"{number} is not in {interval}"
    return found


def _number(found: Drift) -> float:
    assert found.statistic.number is not None, f"expected a number, found none: {found.statistic.reason}"
    return found.statistic.number


def _is_close(first: Drift, second: Drift) -> bool:
    pairs = (
        (first.statistic.number, second.statistic.number),
        (first.p_value, second.p_value),
        (first.effect, second.effect),
    )
    return all(
        one is other is None
        or (one is not None and other is not None and math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE))
        for one, other in pairs
    )


def _all_missing(column: Column) -> Column:
    if isinstance(column, Categories):
        return Categories(np.full(len(column), -1, np.int32), column.labels)
    return np.full(len(column), np.nan)


def _with_missing(column: Column) -> Column:
    """The column with a missing row after each of its first ten."""
    if isinstance(column, Categories):
        return Categories(np.insert(column.codes, range(1, 11), -1).astype(np.int32), column.labels)
    return np.insert(column, range(1, 11), np.nan)
