"""Drift alarms: fitted on a reference, told block after block, open and over again."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.alarms.blocks import cut_by_time
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.alarms.evidence import Evidence
from watchkeeper.monitor.alarms.fitting import AlarmTerms, fitted_alarms
from watchkeeper.monitor.alarms.telling import alarm_sentence

HOUR_US = 3_600_000_000
ROWS = 200
REFERENCE = 200
TERMS = AlarmTerms(WindowSize.parse("1h"), FalseAlarmBudget.parse("1 per 30d"))


def times(hours: int, first: int = 0) -> np.ndarray:
    return ((first + np.arange(hours))[:, None] * HOUR_US + np.arange(ROWS) * (HOUR_US // ROWS)).ravel()


def calm(hours: int, seed: int) -> Table:
    rng = np.random.default_rng(seed)
    rows = hours * ROWS
    venue = Categories(rng.choice(3, size=rows, p=[0.5, 0.3, 0.2]).astype(np.int32), ("a", "b", "c"))
    columns = {"x": rng.normal(size=rows), "y": rng.normal(3.0, 2.0, size=rows), "venue": venue}
    return Table(columns)


def fitted(table: Table, at: np.ndarray | None, terms: AlarmTerms = TERMS) -> DriftAlarms:
    references = {name: ReferenceColumn.fit(name, table[name]) for name in table}
    found = fitted_alarms(references, table, at, terms)
    assert isinstance(found, DriftAlarms), found
    return found


@pytest.fixture(scope="module")
def alarms() -> DriftAlarms:
    return fitted(calm(REFERENCE, 1), times(REFERENCE))


def after(alarms: DriftAlarms, table: Table, first: int = REFERENCE, evidence: Evidence | None = None) -> Evidence:
    at = times(len(table) // ROWS, first)
    return alarms.advanced(evidence or alarms.fresh, alarms.blocks(table, at, cut_by_time(at, HOUR_US)))


def changed(table: Table, name: str, since: int, until: int | None = None, *, by=lambda values: values + 1.0) -> Table:
    rows = slice(since * ROWS, None if until is None else until * ROWS)
    column = table[name].copy()
    column[rows] = by(column[rows])
    return Table({**table.columns, name: column})


def test_calm_weeks_raise_no_alarm(alarms):
    evidence = after(alarms, calm(400, 2))
    assert not evidence.open
    assert not evidence.ended
    assert evidence.blocks == 400


def test_a_shifted_mean_is_noticed_at_once_and_told_since_when(alarms):
    evidence = after(alarms, changed(calm(120, 2), "x", 100))
    alarm = evidence.open["x"]
    assert (alarm.leg, alarm.is_up) == ("mean", True)
    assert abs(alarm.since_us - (REFERENCE + 100) * HOUR_US) <= HOUR_US
    assert alarm.noticed_us <= (REFERENCE + 103) * HOUR_US
    assert alarm.size == pytest.approx(1.0, abs=0.1)
    assert alarm_sentence(alarm).startswith("drifted since 1970-01-13")
    assert set(evidence.open) == {"x"}


def test_a_doubled_spread_is_told_as_such(alarms):
    alarm = after(alarms, changed(calm(120, 2), "y", 100, by=lambda values: 3.0 + 2.0 * (values - 3.0))).open["y"]
    assert (alarm.leg, alarm.is_up) == ("spread", True)
    assert "it spreads 1.9" in alarm_sentence(alarm) or "it spreads 2" in alarm_sentence(alarm)


def test_missing_values_are_an_alarm_of_their_own_leg(alarms):
    gaps = np.arange(20 * ROWS) % 5 == 0
    evidence = after(alarms, changed(calm(120, 2), "x", 100, by=lambda values: np.where(gaps, np.nan, values)))
    assert evidence.open["x"].leg == "missing"
    assert "more values are missing" in alarm_sentence(evidence.open["x"])


def test_a_moved_category_and_an_unseen_one_are_told_apart(alarms):
    table = calm(120, 2)
    codes = table["venue"].codes.copy()
    codes[100 * ROWS :: 5] = 0
    moved = after(alarms, Table({**table.columns, "venue": Categories(codes, ("a", "b", "c"))})).open["venue"]
    assert moved.leg.startswith("share of")
    codes[100 * ROWS :: 5] = 3
    unseen = after(alarms, Table({**table.columns, "venue": Categories(codes, ("a", "b", "c", "new"))})).open["venue"]
    assert unseen.leg == "unseen"


def test_an_open_alarm_is_raised_once_and_ends_when_the_data_are_back(alarms):
    evidence = after(alarms, changed(calm(300, 2), "x", 100, 200))
    assert not evidence.open
    (alarm,) = evidence.ended
    assert (REFERENCE + 200) * HOUR_US < alarm.ended_us <= (REFERENCE + 210) * HOUR_US
    assert not alarm.is_open_at(alarm.noticed_us - 1)
    assert alarm.is_open_at(alarm.noticed_us)
    assert not alarm.is_open_at(alarm.ended_us)
    assert list(evidence.open_at(alarm.noticed_us)) == ["x"]


def test_a_lasting_change_stays_in_alarm(alarms):
    evidence = after(alarms, changed(calm(600, 2), "x", 100))
    assert evidence.open["x"].noticed_us <= (REFERENCE + 103) * HOUR_US
    assert not evidence.ended


def test_a_change_within_the_tolerance_is_none():
    tolerant = fitted(calm(REFERENCE, 1), times(REFERENCE), AlarmTerms(TERMS.window, TERMS.budget, tolerance=0.5))
    table = changed(calm(400, 2), "x", 100, by=lambda values: values + 0.3)
    assert not after(tolerant, table).open
    assert "x" in after(fitted(calm(REFERENCE, 1), times(REFERENCE)), table).open


def test_blocks_in_two_goes_are_the_blocks_in_one(alarms):
    table = changed(calm(120, 2), "x", 60)
    whole = after(alarms, table)
    first = after(alarms, table.rows(slice(0, 70 * ROWS)))
    second = after(alarms, table.rows(slice(70 * ROWS, None)), REFERENCE + 70, first)
    np.testing.assert_array_equal(second.sums, whole.sums)
    assert second.open == whole.open


def test_evidence_survives_being_written_down_bit_for_bit(alarms):
    evidence = after(alarms, changed(calm(120, 2), "x", 100, 105))
    back = Evidence.from_document(evidence.to_document(), alarms.bets.nothing)
    for name in ("sums", "expected", "began_us", "moved", "lasted"):
        np.testing.assert_array_equal(getattr(back, name), getattr(evidence, name))
    assert (back.open, back.ended) == (dict(evidence.open), evidence.ended)
    assert (back.digest, back.through_us, back.blocks) == (evidence.digest, evidence.through_us, evidence.blocks)


@pytest.mark.parametrize("broken", [{}, {"digest": "x", "through_us": 1}, {"open": [{"what": 1}]}])
def test_a_document_of_another_form_is_no_evidence(alarms, broken):
    assert Evidence.from_document(broken, alarms.bets.nothing) is None


def test_another_reference_budget_or_tolerance_has_another_digest(alarms):
    at = times(REFERENCE)
    assert fitted(calm(REFERENCE, 1), at).digest == alarms.digest
    others = [
        fitted(calm(REFERENCE, 5), at),
        fitted(calm(REFERENCE, 1), at + 1),
        fitted(calm(REFERENCE, 1), at, AlarmTerms(TERMS.window, FalseAlarmBudget.parse("2 per 30d"))),
        fitted(calm(REFERENCE, 1), at, AlarmTerms(TERMS.window, TERMS.budget, tolerance=0.1)),
    ]
    assert len({alarms.digest, *(other.digest for other in others)}) == 5


def test_a_reference_in_any_order_of_rows_gives_the_same_alarms(alarms):
    order = np.random.default_rng(3).permutation(REFERENCE * ROWS)
    shuffled = fitted(calm(REFERENCE, 1).rows(order), times(REFERENCE)[order])
    np.testing.assert_allclose(shuffled.whitening.sigma, alarms.whitening.sigma)


def test_a_column_that_is_gone_or_of_another_type_says_nothing(alarms):
    table = calm(50, 2)
    texts = np.array(["?"] * len(table), dtype=object)
    without = Table({"x": texts, "y": table["y"]})
    evidence = after(alarms, without)
    assert not evidence.open
    series = alarms.series.index(("x", "mean"))
    assert np.isnan(evidence.expected[series])
    assert (evidence.sums[:, :, series] == 0.0).all()


def test_infinite_and_huge_values_do_not_stop_the_evidence(alarms):
    table = changed(calm(120, 2), "x", 100, by=lambda values: np.where(values > 0, np.inf, -1e308))
    evidence = after(alarms, table)
    assert "x" in evidence.open
    assert np.isfinite(evidence.sums).all()


def test_a_constant_column_that_moves_is_an_alarm():
    table = Table({"still": np.full(REFERENCE * ROWS, 7.0)})
    still = fitted(table, times(REFERENCE))
    assert not after(still, Table({"still": np.full(100 * ROWS, 7.0)})).open
    assert "still" in after(still, Table({"still": np.full(10 * ROWS, 7.1)})).open


def test_rows_without_times_are_judged_on_their_own(alarms):
    untimed = fitted(calm(REFERENCE, 1), None)
    assert not untimed.judged_alone(calm(1, 2), None).open
    assert set(untimed.judged_alone(changed(calm(4, 2), "x", 0), None).open) == {"x"}


def test_a_short_reference_tells_why_it_has_no_alarms():
    table = Table({"x": np.zeros(100)})
    references = {"x": ReferenceColumn.fit("x", table["x"])}
    assert fitted_alarms(references, table, None, TERMS) == (
        "the reference has 100 rows, at least 240 are needed to learn what is usual"
    )
    at = np.arange(1000) * 1_000_000
    long = Table({"x": np.zeros(1000)})
    terms = AlarmTerms(WindowSize.parse("1h"), TERMS.budget)
    found = fitted_alarms({"x": ReferenceColumn.fit("x", long["x"])}, long, at, terms)
    assert isinstance(found, DriftAlarms)
    assert found.size.duration_us < HOUR_US


def test_a_reference_of_empty_columns_tells_so():
    table = Table({"x": np.full(1000, np.nan)})
    references = {"x": ReferenceColumn.fit("x", table["x"])}
    assert fitted_alarms(references, table, None, TERMS) == "no column has values in the reference"


def weather(hours: int, columns: int, *, rho: float, sd: float, seed: int) -> Table:
    """Columns whose hourly level is an AR(1) beside rows of standard deviation 1."""
    rng = np.random.default_rng(seed)
    level = sd * rng.standard_normal((hours, columns))
    for at in range(1, hours):
        level[at] = rho * level[at - 1] + np.sqrt(1.0 - rho * rho) * level[at]
    rows = rng.standard_normal((hours, ROWS, columns)) + level[:, None, :]
    return Table({f"f{at}": rows[:, :, at].ravel() for at in range(columns)})


@pytest.mark.parametrize("hours", [200, 336])
def test_levels_that_wander_for_longer_than_a_day_raise_no_more_alarms_than_the_budget_grants(hours):
    raised = []
    for seed in range(3):
        table = weather(hours + 720, 8, rho=0.95, sd=0.1, seed=seed)
        alarms = fitted(table.rows(slice(0, hours * ROWS)), times(hours))
        evidence = after(alarms, table.rows(slice(hours * ROWS, None)), hours)
        raised.append(len(evidence.ended) + len(evidence.open))
    assert sum(raised) <= 3, raised


def test_a_column_whose_weather_changes_is_seen_beside_columns_that_stay():
    table = weather(400, 8, rho=0.95, sd=0.1, seed=1)
    alarms = fitted(table.rows(slice(0, 200 * ROWS)), times(200))
    moved = changed(table.rows(slice(200 * ROWS, None)), "f0", 100)
    evidence = after(alarms, moved)
    assert evidence.open["f0"].noticed_us <= (200 + 103) * HOUR_US


def test_a_level_that_moves_is_no_change_of_shape(alarms):
    moved = changed(calm(100, 2), "x", 0, by=lambda values: 1.3 * values + 0.4)
    values = alarms.blocks(moved, times(100, REFERENCE), cut_by_time(times(100, REFERENCE), HOUR_US)).values
    middle = values[:, alarms.series.index(("x", "middle"))]
    assert abs(float(middle.mean())) < 0.05
