"""How many rows of a window may repeat another: as many as in the reference's windows, and what chance adds."""

from __future__ import annotations

import numpy as np

from watchkeeper.domain.table import Table
from watchkeeper.monitor.calibration import Allowance
from watchkeeper.monitor.missingness import UsualRepeats, usual_repeats
from watchkeeper.monitor.quality import duplicate_share

ALLOWED = Allowance(1e-4, 1)


def digits(rows: int, kinds: int, seed: int = 1) -> Table:
    return Table({"x": np.random.default_rng(seed).integers(0, kinds, rows).astype(float)})


def usual(rows: int, kinds: int, per_window: int = 100) -> UsualRepeats:
    found = usual_repeats(digits(rows, kinds), per_window, ALLOWED)
    assert found is not None
    return found


def test_windows_like_the_references_do_not_exceed_the_threshold():
    for kinds in (20, 500, 10_000):
        limit = usual(20_000, kinds).threshold(100)
        shares = [duplicate_share(digits(100, kinds, seed)).number for seed in range(2, 202)]
        assert max(shares) <= limit


def test_a_window_that_repeats_itself_more_is_told_though_the_whole_reference_repeats_a_lot():
    found = usual(20_000, 500)
    assert duplicate_share(digits(20_000, 500)).number > 0.9
    assert found.threshold(100) < 0.5  # the whole reference's own share and five hundredths allowed everything


def test_a_window_of_more_rows_is_compared_with_more():
    found = usual(20_000, 500)
    assert duplicate_share(digits(5_000, 500, 9)).number <= found.threshold(5_000)
    assert found.threshold(20_001) == 1.0


def test_a_short_reference_allows_what_all_of_it_shows():
    found = usual(500, 500)
    assert found.in_windows is None
    assert duplicate_share(digits(500, 500)).number < found.threshold(100) < 1.0
    assert usual_repeats(Table({}), 100, ALLOWED) is None
