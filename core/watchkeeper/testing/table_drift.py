"""The checks that every drift detector of whole tables must pass."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import Drift, FittedTable, TableDetector
from watchkeeper.domain.records import packed, unpacked

_ROWS = 600
_COLUMNS = 4
_NEAR_ZERO = 1e-6
_BROKEN = 6.0


def sample_rows(rows: int = _ROWS, *, apart: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """Encoded rows of four columns with a common part; `apart` lets them go their own ways, up to 1."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(rows, 1))
    own = rng.normal(size=(rows, _COLUMNS))
    share = 0.9 * (1.0 - apart)
    return np.asarray(math.sqrt(share) * common + math.sqrt(1.0 - share) * own)


class TableDriftContract:
    """Subclass it in your tests and give a fixture ``subject``: the detector, as `build` returns it."""

    def test_it_is_fitted_on_a_reference(self, subject: TableDetector) -> None:
        assert isinstance(subject, TableDetector), f"a table detector has fit() and restored(), found {subject!r}"
        assert subject.calibration_windows >= 1, (
            f"calibration_windows is 1 or more, found {subject.calibration_windows}"
        )
        fitted = subject.fit(sample_rows())
        assert isinstance(fitted, FittedTable), f"fit() gives what has compare() and to_record(), found {fitted!r}"

    def test_an_ordinary_window_gives_a_number(self, subject: TableDetector) -> None:
        found = _compared(subject.fit(sample_rows()), sample_rows(300, seed=1))
        assert found.statistic.is_defined, f"an ordinary window gave none: {found.statistic.reason}"

    def test_the_same_rows_are_at_distance_zero(self, subject: TableDetector) -> None:
        found = _number(_compared(subject.fit(sample_rows()), sample_rows()))
        assert abs(found) <= _NEAR_ZERO, f"the same rows are at distance 0, found {found}"

    def test_a_window_whose_columns_no_longer_move_together_is_farther(self, subject: TableDetector) -> None:
        fitted = subject.fit(sample_rows())
        near = _compared(fitted, sample_rows(300, seed=1))
        far = _compared(fitted, sample_rows(300, seed=1, apart=1.0))
        assert _number(far) > _number(near), f"columns that parted are at {far}, an ordinary window at {near}"
        assert far.p_value is None or far.p_value < 1e-3, f"columns that parted are hardly chance, found {far.p_value}"

    def test_an_ordinary_window_is_no_surprise(self, subject: TableDetector) -> None:
        fitted = subject.fit(sample_rows())
        found = [_compared(fitted, sample_rows(200, seed=seed)).p_value for seed in range(1, 9)]
        told = [share for share in found if share is not None]
        assert not told or np.median(told) > 0.05, f"eight ordinary windows have p-values {told}"

    def test_an_empty_side_is_undefined_with_the_reason(self, subject: TableDetector) -> None:
        for before, now in ((sample_rows(), sample_rows(0)), (sample_rows(0), sample_rows()), (sample_rows(0),) * 2):
            found = _compared(subject.fit(before), now)
            assert not found.statistic.is_defined, f"an empty side has no distance: {found.statistic.number}"
            assert found.p_value is None, f"an empty side has no p-value, found {found.p_value}"

    def test_a_row_and_a_column_give_a_number_or_a_reason(self, subject: TableDetector) -> None:
        one, many = sample_rows(1), sample_rows()
        for before, now in ((one, one), (one, many), (many, one), (many[:, :1], many[:, :1]), (many[:, :0],) * 2):
            _compared(subject.fit(before), now)

    def test_equal_rows_give_a_number_or_a_reason(self, subject: TableDetector) -> None:
        same = np.zeros((50, _COLUMNS))
        found = _compared(subject.fit(same), same[:20])
        assert abs(found.statistic.number or 0.0) <= _NEAR_ZERO, f"the same row everywhere: {found.statistic}"
        _compared(subject.fit(sample_rows()), same)
        moved = _compared(subject.fit(same), sample_rows() + _BROKEN)
        assert moved.statistic.number != 0.0, "constants that moved are not at distance 0"

    def test_columns_that_repeat_each_other_give_a_number_or_a_reason(self, subject: TableDetector) -> None:
        twice = np.repeat(sample_rows()[:, :1], 3, axis=1)
        _compared(subject.fit(twice), twice[:200])
        _compared(subject.fit(twice), sample_rows(200, seed=2)[:, :3])

    def test_a_record_goes_through_bytes_and_compares_alike(self, subject: TableDetector) -> None:
        fitted, window = subject.fit(sample_rows()), sample_rows(200, seed=3, apart=0.5)
        again = subject.restored(unpacked(packed(fitted.to_record())))
        assert _compared(again, window) == _compared(fitted, window), "a fitted reference that was stored differs"

    def test_comparing_twice_gives_the_same(self, subject: TableDetector) -> None:
        fitted, window = subject.fit(sample_rows()), sample_rows(200, seed=4)
        assert _compared(fitted, window) == _compared(fitted, window), "a second comparison of the same rows"
        assert _compared(subject.fit(sample_rows()), window) == _compared(fitted, window), "a second fit differs"

    def test_arrays_are_not_written_to(self, subject: TableDetector) -> None:
        before, now = sample_rows(), sample_rows(200, seed=5)
        before.flags.writeable = now.flags.writeable = False
        _compared(subject.fit(before), now)


def _compared(fitted: FittedTable, rows: NDArray[np.float64]) -> Drift:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found: Any = fitted.compare(rows)
    assert isinstance(found, Drift), f"compare returns a Drift, found {type(found).__name__}"
    share = found.p_value
    assert share is None or 0.0 <= share <= 1.0, f"a p-value is None or between 0 and 1, found {share}"
    assert found.effect is None or math.isfinite(found.effect), f"an effect is None or finite, found {found.effect}"
    return found


def _number(found: Drift) -> float:
    assert found.statistic.number is not None, f"expected a number, found none: {found.statistic.reason}"
    return found.statistic.number
