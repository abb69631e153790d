"""Counting outcomes over a store: whenever they come, each is evidence once."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Put
from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.alarms.fitting import AlarmTerms
from watchkeeper.monitor.alarms.outcomes import RISK, OutcomeCounting
from watchkeeper.monitor.alarms.performance import reference_risk, risk_state
from watchkeeper.monitor.alarms.risk import RiskAlarms
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.stored_windows import stored_records
from watchkeeper.testing.memory import MemoryStorage

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
ROWS = 50
MODEL = "momentum"
START = 1000
WORSE = START + 100
END = START + 150
TERMS = AlarmTerms(WindowSize.parse("1h"), FalseAlarmBudget.parse("1 per 30d"))


def hours(first: int, last: int) -> np.ndarray:
    return ((first + np.arange(last - first))[:, None] * HOUR_US + np.arange(ROWS) * (HOUR_US // ROWS)).ravel()


def rows(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, and the truth, whose distance doubles from `WORSE` on."""
    predicted, truth = [], []
    for hour in range(first, last):
        rng = np.random.default_rng(hour)
        predicted.append(rng.normal(size=ROWS))
        truth.append(predicted[-1] + rng.normal(scale=2.0 if hour >= WORSE else 1.0, size=ROWS))
    return np.concatenate(predicted), np.concatenate(truth)


JUDGING = judging_of(Task.REGRESSION, np.zeros(1), None, 0.5)


@pytest.fixture(scope="module")
def alarms() -> RiskAlarms:
    predicted, truth = rows(0, 200)
    found = reference_risk(JUDGING, predicted, truth, hours(0, 200), TERMS)
    assert isinstance(found, RiskAlarms), found
    return found


def names(first: int, last: int) -> Categories:
    return Categories.of(f"{hour}-{row}" for hour in range(first, last) for row in range(ROWS))


def predict(storage, first: int = START, last: int = END) -> None:
    predicted, _ = rows(first, last)
    table = Table({"id": names(first, last), "prediction": predicted})
    storage.commit([Append("predictions", MODEL, hours(first, last), table)])


def tell(storage, first: int, last: int, *, delay_us: int = 0) -> int:
    _, truth = rows(first, last)
    times = hours(first, last) + delay_us
    storage.commit([Append("outcomes", MODEL, times, Table({"id": names(first, last), "outcome": truth}))])
    return int(times[-1])


def counting(storage, alarms) -> OutcomeCounting:
    return OutcomeCounting(storage, MODEL, JUDGING, alarms)


def whole(alarms, delay_us: int = 0):
    storage = MemoryStorage()
    predict(storage)
    last = tell(storage, START, END, delay_us=delay_us)
    return counting(storage, alarms).counted(last + HOUR_US)


@pytest.mark.parametrize("delay_us", [0, 3 * HOUR_US, 40 * DAY_US], ids=["at once", "hours later", "weeks later"])
def test_a_rise_is_found_however_late_the_outcomes_come(alarms, delay_us):
    evidence = whole(alarms, delay_us)
    assert evidence.blocks == END - START
    assert abs(evidence.open.since_us - (WORSE * HOUR_US + delay_us)) <= 5 * HOUR_US
    assert evidence.open.noticed_us <= WORSE * HOUR_US + delay_us + 12 * HOUR_US


def test_outcomes_in_many_goes_are_outcomes_in_one(alarms):
    storage = MemoryStorage()
    predict(storage)
    for first in range(START, END, 10):
        last = tell(storage, first, first + 10)
        for _ in range(2):
            evidence = counting(storage, alarms).counted(last)
    assert counting(storage, alarms).counted(last + HOUR_US) == whole(alarms)
    assert evidence.blocks == END - START - 1  # the last block waited until no more could come


@pytest.mark.parametrize("window", ["3h", "400 rows", "1 rows"])
def test_a_window_at_hand_changes_no_evidence(alarms, window):
    storage = MemoryStorage()
    predict(storage)
    last = tell(storage, START, END)
    at_hand = stored_records(storage, MODEL, WindowSize.parse(window), [])
    counted = OutcomeCounting(storage, MODEL, JUDGING, alarms, at_hand).counted(last + HOUR_US)
    assert counted == whole(alarms)


def test_a_whole_day_told_at_one_time_is_counted_a_minute_later(alarms):
    storage = MemoryStorage()
    predict(storage)
    _, truth = rows(START, START + 24)
    at = np.full(24 * ROWS, (START + 30) * HOUR_US)
    storage.commit([Append("outcomes", MODEL, at, Table({"id": names(START, START + 24), "outcome": truth}))])
    assert counting(storage, alarms).counted(int(at[0])).blocks == 0
    evidence = counting(storage, alarms).counted(int(at[0]) + 61_000_000)
    assert (evidence.blocks, evidence.through_us) == (1, int(at[0]) + 1)


@pytest.mark.parametrize("later_us", [0, HOUR_US, 5 * HOUR_US], ids=["at once", "an hour later", "hours later"])
def test_outcomes_that_are_told_again_are_counted_once(alarms, later_us):
    storage = MemoryStorage()
    predict(storage)
    tell(storage, START, WORSE + 3)
    once = counting(storage, alarms).counted((WORSE + 3) * HOUR_US + DAY_US)
    for again in range(1, 6):
        last = tell(storage, WORSE, WORSE + 3, delay_us=3 * HOUR_US + later_us + again)
    twice = counting(storage, alarms).counted(last + HOUR_US)
    assert twice.blocks > once.blocks
    assert (twice.total, twice.rows) == (once.total, once.rows)
    assert alarms.size(twice) == pytest.approx(alarms.size(once), abs=0.1)


def test_copies_within_one_block_are_counted_once(alarms):
    alone, thrice = MemoryStorage(), MemoryStorage()
    for storage, copies in ((alone, 1), (thrice, 3)):
        predict(storage)
        for copy in range(copies):
            last = tell(storage, WORSE, WORSE + 2, delay_us=copy)
    found = [counting(storage, alarms).counted(last + HOUR_US) for storage in (alone, thrice)]
    assert (found[0].rows, found[0].total) == (found[1].rows, pytest.approx(found[1].total))


def test_a_corrected_outcome_counts_once_more(alarms):
    storage = MemoryStorage()
    predict(storage, START, START + 4)
    tell(storage, START, START + 2)
    once = counting(storage, alarms).counted((START + 3) * HOUR_US)
    wrong = Table({"id": names(START, START + 1), "outcome": np.full(ROWS, 99.0)})
    storage.commit([Append("outcomes", MODEL, hours(START + 3, START + 4), wrong)])
    assert alarms.size(counting(storage, alarms).counted((START + 5) * HOUR_US)) > alarms.size(once)


def test_an_id_that_is_used_again_has_an_outcome_of_its_own(alarms):
    storage = MemoryStorage()
    for day in (0, 30):
        times = hours(START + 24 * day, START + 24 * day + 1)
        table = Table({"id": names(START, START + 1), "prediction": np.zeros(ROWS)})
        storage.commit([Append("predictions", MODEL, times, table)])
        told = Table({"id": names(START, START + 1), "outcome": np.full(ROWS, 9.0)})
        storage.commit([Append("outcomes", MODEL, times + 1000, told)])
        last = counting(storage, alarms).counted(int(times[-1]) + DAY_US)
    assert last.rows == 2 * ROWS


def test_outcomes_of_predictions_that_were_never_made_are_no_evidence(alarms):
    storage = MemoryStorage()
    predict(storage, START, START + 5)
    last = tell(storage, START + 5, START + 20)
    evidence = counting(storage, alarms).counted(last + HOUR_US)
    assert evidence.blocks == 15
    assert alarms.size(evidence) == 0.0
    empty = MemoryStorage()
    tell(empty, START, START + 3)
    assert alarms.size(counting(empty, alarms).counted(last + HOUR_US)) == 0.0


def test_no_outcomes_are_no_state(alarms):
    evidence = counting(MemoryStorage(), alarms).counted(0)
    assert evidence.blocks == 0
    assert risk_state(alarms, evidence) is None


def test_the_state_of_an_earlier_time_is_remembered(alarms):
    evidence = whole(alarms)
    assert risk_state(alarms, evidence, WORSE * HOUR_US).alarm is None
    state = risk_state(alarms, evidence, END * HOUR_US)
    assert state.sentence.startswith("performance fell since ")
    assert "0.9864 in the reference" in state.sentence
    assert "has not risen above" in risk_state(alarms, evidence, 0).sentence


class Contested(MemoryStorage):
    """Another process counts between this one's reading and writing."""

    rival = None

    def commit(self, operations, *args, **named):
        if isinstance(operations[0], Put) and self.rival is not None:
            rival, self.rival = self.rival, None
            rival()
        return super().commit(operations, *args, **named)


def test_two_processes_counting_at_once_count_each_outcome_once(alarms):
    storage = Contested()
    predict(storage)
    last = tell(storage, START, END)
    storage.rival = lambda: counting(storage, alarms).counted(last + HOUR_US)
    assert counting(storage, alarms).counted(last + HOUR_US) == whole(alarms)
    assert storage.rival is None


def test_another_reference_begins_anew(alarms):
    storage = MemoryStorage()
    predict(storage)
    last = tell(storage, START, END)
    counting(storage, alarms).counted(last + HOUR_US)
    storage.commit([Put(RISK, MODEL, {**storage.get(RISK, MODEL).value, "digest": "another"})])
    assert counting(storage, alarms).kept().blocks == 0
    assert counting(storage, alarms).counted(last + HOUR_US) == whole(alarms)


def test_outcomes_of_an_unknown_class_are_passed_over():
    rng = np.random.default_rng(1)
    truth = Categories(rng.choice(2, 5000).astype(np.int32), ("no", "yes"))
    score = rng.random(5000)
    judging = judging_of(Task.CLASSIFICATION, score, truth, 0.5)
    alarms = reference_risk(judging, score, truth, None, TERMS)
    assert isinstance(alarms, RiskAlarms), alarms
    storage = MemoryStorage()
    predict(storage, START, START + 4)
    texts = Categories.of(["maybe"] * (4 * ROWS))
    table = Table({"id": names(START, START + 4), "outcome": texts})
    storage.commit([Append("outcomes", MODEL, hours(START, START + 4), table)])
    evidence = OutcomeCounting(storage, MODEL, judging, alarms).counted((START + 9) * HOUR_US)
    assert evidence.blocks == 4
    assert alarms.size(evidence) == 0.0


def test_a_reference_without_usable_outcomes_tells_why():
    predicted, truth = rows(0, 200)
    assert reference_risk(JUDGING, predicted, None, None, TERMS) == "the reference has no outcomes"
    assert "at least 240 are needed" in str(reference_risk(JUDGING, predicted[:50], truth[:50], None, TERMS))
    text = Categories.of(["a"] * len(truth))
    assert "must be a number" in str(reference_risk(JUDGING, predicted, text, None, TERMS))
