"""Performance alarms: bets on a rise of the mean loss, and when they are called."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from watchkeeper.domain.betting import RiseBets, mean_sequence
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.monitor.alarms.blocks import BlockSize, cut_evenly
from watchkeeper.monitor.alarms.fitting import AlarmTerms
from watchkeeper.monitor.alarms.losses import losses_of
from watchkeeper.monitor.alarms.performance import RiskState
from watchkeeper.monitor.alarms.risk import RiskAlarm, RiskAlarms, RiskEvidence, fitted_risk

HOUR_US = 3_600_000_000
ROWS = 100
TERMS = AlarmTerms(WindowSize.parse("1h"), FalseAlarmBudget.parse("1 per 30d"))
SIZE = BlockSize(HOUR_US, ROWS, float(HOUR_US))


def labels(wrong: np.ndarray) -> Evaluation:
    truth = np.zeros(len(wrong), dtype=np.int64)
    return Evaluation(Task.CLASSIFICATION, truth, wrong.astype(np.int64), classes=("a", "b"))


def fitted(evaluation: Evaluation) -> RiskAlarms:
    found = fitted_risk(evaluation, cut_evenly(len(evaluation), ROWS), SIZE, TERMS)
    assert isinstance(found, RiskAlarms), found
    return found


@pytest.fixture(scope="module")
def alarms() -> RiskAlarms:
    return fitted(labels(np.random.default_rng(1).random(20_000) < 0.2))


def after(alarms: RiskAlarms, losses: np.ndarray, evidence: RiskEvidence | None = None) -> RiskEvidence:
    evidence = evidence or alarms.fresh(0)
    for block in losses.reshape(-1, ROWS):
        start = evidence.through_us
        evidence = alarms.advanced(evidence, block, start, start + HOUR_US)
    return evidence


def errors(rate: float, hours: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(hours * ROWS) < rate).astype(np.float64)


def test_a_month_as_in_the_reference_raises_no_alarm(alarms):
    for seed in range(5):
        evidence = after(alarms, errors(0.2, 720, seed))
        assert evidence.open is None
        assert evidence.last is None


def test_a_rise_within_the_tolerance_is_none(alarms):
    assert alarms.bets.limit == pytest.approx(0.2 + 0.05 * 0.4, abs=0.01)
    assert after(alarms, errors(0.21, 720, 3)).open is None


def test_a_rise_is_noticed_and_told_since_when_and_how_large(alarms):
    evidence = after(alarms, np.concatenate((errors(0.2, 200, 1), errors(0.35, 20, 2))))
    alarm = evidence.open
    assert abs(alarm.since_us - 200 * HOUR_US) <= 3 * HOUR_US
    assert alarm.noticed_us <= 206 * HOUR_US
    assert alarm.interval[0] < 0.35 < alarm.interval[1]
    assert alarm.is_open_at(alarm.noticed_us)
    assert evidence.open_at(alarm.noticed_us) == alarm
    assert evidence.open_at(alarm.noticed_us - 1) is None


def test_a_fall_of_the_risk_is_no_alarm(alarms):
    assert after(alarms, errors(0.05, 300, 1)).open is None


def test_an_alarm_ends_when_the_risk_is_back(alarms):
    path = np.concatenate((errors(0.2, 50, 1), errors(0.4, 50, 2), errors(0.2, 50, 3)))
    evidence = after(alarms, path)
    assert evidence.open is None
    assert 100 * HOUR_US < evidence.last.ended_us <= 110 * HOUR_US
    assert evidence.open_at(90 * HOUR_US) == evidence.last


def test_evidence_survives_being_written_down(alarms):
    evidence = after(alarms, np.concatenate((errors(0.4, 20, 2), errors(0.2, 50, 3), errors(0.4, 20, 2))))
    assert evidence.open
    assert evidence.last
    assert RiskEvidence.from_document(evidence.to_document(), len(evidence.sums)) == evidence
    assert RiskEvidence.from_document({}, 5) is None
    assert RiskEvidence.from_document(evidence.to_document(), 4) is None


def test_losses_need_no_upper_bound():
    rng = np.random.default_rng(5)
    noise = rng.standard_t(4, size=20_000)
    alarms = fitted(Evaluation(Task.REGRESSION, noise, np.zeros(20_000)))
    calm = rng.standard_t(4, size=500 * ROWS) ** 2
    assert after(alarms, calm).open is None
    assert after(alarms, 1.7 * calm[: 50 * ROWS]).open is not None
    assert np.isfinite(alarms.size(after(alarms, np.full(10 * ROWS, 1e140))))


def test_risk_that_wanders_in_the_reference_is_given_room():
    """Blocks of the reference whose error rates differ more than sampling explains count for fewer rows."""
    rng = np.random.default_rng(6)
    level = np.zeros(300)
    for at in range(1, 300):
        level[at] = 0.8 * level[at - 1] + 0.03 * rng.standard_normal()
    wandering = rng.random((300, ROWS)) < np.clip(0.2 + level, 0.01, 0.99)[:, None]
    assert fitted(labels(wandering.ravel())).bets.dependence > 3.0
    assert fitted(labels(rng.random(30_000) < 0.2)).bets.dependence < 1.5


def delay_after_a_short_reference(seed: int) -> int:
    """In blocks of 20 rows, after 30 of them as the reference; an error rate that doubles."""
    rng = np.random.default_rng(seed)
    reference = labels(rng.random(30 * 20) < 0.2)
    alarms = fitted_risk(reference, cut_evenly(30 * 20, 20), attrs.evolve(SIZE, rows=20), TERMS)
    assert isinstance(alarms, RiskAlarms), alarms
    evidence, blocks = alarms.fresh(0), 0
    while evidence.open is None and blocks < 200:
        start = evidence.through_us
        evidence = alarms.advanced(evidence, (rng.random(20) < 0.4).astype(np.float64), start, start + HOUR_US)
        blocks += 1
    return blocks


def test_after_a_short_reference_a_doubled_risk_is_noticed_in_nearly_all_cases_soon():
    """A fit that is sure of weather that one of ten short references shows by chance would miss it there for days."""
    delays = sorted(delay_after_a_short_reference(seed) for seed in range(100))
    assert delays[50] <= 12
    assert delays[90] <= 25
    assert delays[-1] <= 100


def test_a_model_that_was_never_wrong_has_a_unit_all_the_same():
    perfect = fitted(labels(np.zeros(10_000, dtype=bool)))
    assert after(perfect, np.zeros(300 * ROWS)).open is None
    assert after(perfect, errors(0.1, 10, 1)).open is not None


def test_a_reference_without_enough_outcomes_tells_so():
    few = labels(np.zeros(100, dtype=bool))
    assert fitted_risk(few, cut_evenly(100, ROWS), SIZE, TERMS) == (
        "the reference has 100 outcomes in 1 blocks, too few to learn what is usual"
    )
    same = Evaluation(Task.REGRESSION, np.zeros(10_000), np.ones(10_000))
    assert fitted_risk(same, cut_evenly(10_000, ROWS), SIZE, TERMS) == (
        "the reference's losses are all 1: there is no unit to measure a rise in"
    )


def test_losses_are_squared_errors_brier_scores_and_wrong_answers():
    np.testing.assert_allclose(losses_of(Evaluation(Task.REGRESSION, [1.0, 2.0], [1.5, 0.0])), [0.25, 4.0])
    scored = Evaluation(Task.CLASSIFICATION, [0, 1], [0, 1], [0.1, 0.6], ("a", "b"))
    np.testing.assert_allclose(losses_of(scored), [0.01, 0.16])
    np.testing.assert_array_equal(losses_of(labels(np.array([True, False]))), [1.0, 0.0])
    assert np.isfinite(losses_of(Evaluation(Task.REGRESSION, [1e308], [-1e308]))).all()


def test_a_fair_bet_does_not_win_on_average():
    """Monte Carlo: capital after 50 rows of skewed losses whose mean is the limit."""
    rng = np.random.default_rng(8)
    bets = RiseBets.of(1.0, 1.0, 1.0)
    losses = rng.exponential(size=(4000, 50))
    capital = np.array([bets.advanced(bets.nothing, row, 1.0) for row in losses])
    error = capital.std(axis=0) / np.sqrt(4000)
    assert (capital.mean(axis=0) < 1.0 + 4.0 * error).all()


def test_the_sequence_covers_the_mean_at_all_times_together():
    rng = np.random.default_rng(9)
    missed = 0
    for _ in range(200):
        values = rng.normal(size=2000)
        means = np.cumsum(values) / np.arange(1, 2001)
        times = range(20, 2001, 20)
        bounds = [mean_sequence(means[n - 1], 1.0, float(n), tightest=200.0) for n in times]
        missed += not all(low <= 0.0 <= high for low, high in bounds)
    assert missed <= 16  # 5 % of 200, and two standard errors


def test_the_sentence_of_an_alarm_tells_what_it_is_a_mean_of_and_an_interval_that_does_not_contradict_it():
    alarm = RiskAlarm(0.25, (0.12, 0.37), 0.24, since_us=0, noticed_us=86_400_000_000, patience=4)
    state = RiskState("mean squared error", 0.16, 0.18, 1.2, alarm, outcomes=1200, through_us=40 * 86_400_000_000)
    assert state.sentence == (
        "performance fell since 1970-01-01: mean squared error is 0.24 over about the last 1,200 outcomes up to "
        "1970-02-10, 0.16 in the reference; until it was noticed, 1970-01-02, it was 0.25 (0.18 to 0.37), within its "
        "25% of the false-alarm budget"
    )
    alone = RiskState("mean squared error", 0.16, 0.18, 1.2, alarm, has_times=False)
    assert alone.sentence == (
        "performance fell: mean squared error 0.25 (0.18 to 0.37), 0.16 in the reference (within its 25% of the "
        "false-alarm budget)"
    )
