"""Invariants of the drift alarms, whatever the data."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.alarms.blocks import cut_by_rows
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.alarms.evidence import Evidence
from watchkeeper.monitor.alarms.fitting import AlarmTerms, fitted_alarms

TERMS = AlarmTerms(WindowSize.parse("10 rows"), FalseAlarmBudget.parse("1 per 30d"))
ANY_NUMBER = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, -1e308, np.inf, -np.inf, np.nan])


def fitted(table: Table, times: np.ndarray) -> DriftAlarms:
    found = fitted_alarms({name: ReferenceColumn.fit(name, table[name]) for name in table}, table, times, TERMS)
    assert isinstance(found, DriftAlarms), found
    return found


def minutes(rows: int, first: int = 0) -> np.ndarray:
    return (first + np.arange(rows)) * 60_000_000


def calm(rows: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    return Table({"x": rng.normal(size=rows), "c": Categories(rng.choice(2, rows).astype(np.int32), ("a", "b"))})


ALARMS = fitted(calm(400, 1), minutes(400))


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.one_of(ANY_NUMBER, st.floats(-5, 5)), min_size=20, max_size=60),
    codes=st.lists(st.integers(-1, 2), min_size=60, max_size=60),
    cut=st.integers(1, 5),
)
def test_any_rows_leave_finite_evidence_that_does_not_depend_on_how_often_it_was_asked(numbers, codes, cut):
    rows = len(numbers)
    table = Table({"x": np.array(numbers), "c": Categories(np.array(codes[:rows], np.int32), ("a", "b", "new"))})
    times = minutes(rows, 1000)
    pieces = cut_by_rows(times, 10)
    blocks = ALARMS.blocks(table, times, pieces)
    whole = ALARMS.advanced(ALARMS.fresh, blocks)
    assert np.isfinite(whole.sums).all()
    assert (whole.sums >= 0).all()
    first = min(cut, len(pieces))
    head = ALARMS.blocks(table, times, cut_by_rows(times[: first * 10], 10))
    tail = cut_by_rows(times[first * 10 :], 10, int(head.end_us[-1]))
    evidence = ALARMS.advanced(ALARMS.fresh, head)
    evidence = Evidence.from_document(evidence.to_document(), ALARMS.bets.nothing)
    assert evidence is not None
    rest = ALARMS.blocks(table.rows(slice(first * 10, None)), times[first * 10 :], tail)
    again = ALARMS.advanced(evidence, rest)
    np.testing.assert_array_equal(again.sums, whole.sums)
    assert dict(again.open) == dict(whole.open)
    assert again.ended == whole.ended


@settings(max_examples=20, deadline=None)
@given(value=ANY_NUMBER, share=st.floats(0, 1), seed=st.integers(0, 5))
def test_any_reference_can_be_fitted(value, share, seed):
    rng = np.random.default_rng(seed)
    column = np.where(rng.random(400) < share, value, rng.normal(size=400))
    table = Table({"x": column, "y": rng.normal(size=400)})
    found = fitted(table, minutes(400))
    for array in (found.whitening.sigma, found.whitening.rho, found.bets.tolerance, found.bets.discount):
        assert np.isfinite(array).all()
    assert (found.whitening.sigma > 0).all()


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-3, 3).filter(lambda shift: abs(shift) > 1), seed=st.integers(0, 50))
def test_a_shift_up_and_its_mirror_image_are_found_alike(shift, seed):
    reference, current = calm(400, seed)["x"], calm(200, seed + 100)["x"] + shift
    references = [fitted(Table({"x": sign * reference}), minutes(400)) for sign in (1.0, -1.0)]
    times = minutes(200, 1000)
    up, down = (
        found.advanced(found.fresh, found.blocks(Table({"x": sign * current}), times, cut_by_rows(times, 10)))
        for found, sign in zip(references, (1.0, -1.0), strict=True)
    )
    every = [(*each.ended, *each.open.values()) for each in (up, down)]
    assert {alarm.column for alarms in every for alarm in alarms} == {"x"}
    # cells are not their own mirror image to the last digit, and half of what a first block shows may be chance: one of
    # the two may seem over for a while
    first = [min(alarm.noticed_us for alarm in alarms) for alarms in every]
    assert abs(first[0] - first[1]) <= 3 * 10 * 60_000_000
