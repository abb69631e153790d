"""Windows of a history: however the rows come, each complete window comes once, with exactly its rows."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchkeeper.domain.spans import Duration, WindowSize
from watchkeeper.monitor.backfill.cutting import MONDAY_US, Cutter, Plan

LENGTHS = st.integers(1, 40).map(lambda us: WindowSize(duration=Duration(us)))
SPANS = st.one_of(LENGTHS, st.integers(1, 12).map(lambda rows: WindowSize(rows=rows)))
TIMES = st.lists(st.integers(0, 200), max_size=40).map(
    lambda found: np.array(sorted(found), dtype=np.int64) + MONDAY_US
)
UNTIL = MONDAY_US + 201


def expected(plan, times):
    """By definition, window by window: (start, end, its rows' positions)."""
    if plan.step.duration is not None:
        step = plan.step.duration.us
        ends = list(range(plan.begin_us + step, plan.until_us + 1, step))
        stops = [int(np.searchsorted(times, end)) for end in ends]
    else:
        first = plan.step.rows if plan.size.rows is None else plan.size.rows
        stops = list(range(first, len(times) + 1, plan.step.rows))
        ends = [int(times[stop - 1]) + 1 for stop in stops]
    found = []
    for stop, end in zip(stops, ends, strict=True):
        if plan.size.duration is not None:
            start = end - plan.size.duration.us
            first = int(np.searchsorted(times, start))
        else:
            first = stop - plan.size.rows
            start = int(times[first]) if 0 <= first < len(times) else plan.begin_us
        new = (
            plan.step.duration is None or plan.size.duration is not None or _has_new(times, end, plan.step.duration.us)
        )
        if first >= 0 and start >= plan.begin_us and stop > first and new:
            found.append((start, end, tuple(range(first, stop))))
    return found


def _has_new(times, end, step):
    return bool(((times >= end - step) & (times < end)).any())


def cut_piece_by_piece(plan, times, borders):
    cutter, held, offset, found = Cutter(plan), np.empty(0, dtype=np.int64), 0, []
    since = plan.begin_us
    for border in (*borders, plan.until_us):
        until = max(border, since)
        held = np.concatenate([held, times[(times >= since) & (times < until)]])
        since = until
        if not len(held):
            continue
        cut = cutter.cut(held, until)
        for at in range(len(cut)):
            rows = tuple(range(offset + int(cut.first[at]), offset + int(cut.stop[at])))
            found.append((int(cut.start_us[at]), int(cut.end_us[at]), rows))
        held, offset = held[cut.keep :], offset + cut.keep
    return found


@settings(suppress_health_check=[HealthCheck.too_slow])  # drawing four parts is slow on a busy machine
@given(SPANS, SPANS, TIMES, st.lists(st.integers(0, 200).map(lambda at: MONDAY_US + at), max_size=4).map(sorted))
def test_windows_are_those_of_the_definition_whatever_the_pieces(size, step, times, borders):
    plan = Plan(size, step, MONDAY_US, UNTIL)
    assert cut_piece_by_piece(plan, times, borders) == expected(plan, times)


@given(SPANS, TIMES, st.integers(0, 100))
def test_the_grid_does_not_depend_on_where_a_history_is_begun(size, times, later):
    step = WindowSize(duration=Duration(10))
    whole = {one[:2] for one in cut_piece_by_piece(Plan(size, step, MONDAY_US, UNTIL), times, [])}
    part = Plan(size, step, MONDAY_US + later, UNTIL)
    rows = times[times >= part.begin_us]
    assert {one[:2] for one in cut_piece_by_piece(part, rows, [])} <= whole
