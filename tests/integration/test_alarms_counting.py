"""Counting evidence over a store: each block once, in any number of goes, by any process, after any kill."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from watchkeeper.contracts.storage import Append, Put
from watchkeeper.domain.errors import StoreError
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.alarms.counting import EVIDENCE, counted_evidence, past_evidence
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.alarms.evidence import Evidence
from watchkeeper.monitor.alarms.fitting import AlarmTerms, fitted_alarms
from watchkeeper.testing.memory import MemoryStorage

HOUR_US = 3_600_000_000
REFERENCE = 150
ROWS = 40
MODEL = "momentum"
CHANGE = REFERENCE + 60
END = REFERENCE + 100


def rows(first: int, last: int) -> tuple[np.ndarray, Table]:
    """Hours first to last; the mean of x is higher by a sd from `CHANGE` on."""
    times = ((first + np.arange(last - first))[:, None] * HOUR_US + np.arange(ROWS) * (HOUR_US // ROWS)).ravel()
    x = np.concatenate([np.random.default_rng(hour).normal(hour >= CHANGE, 1.0, ROWS) for hour in range(first, last)])
    return times, Table({"x": x, "prediction": -x, "version": Categories(np.zeros(len(x), np.int32), ("1.0.0",))})


def fitted(window: str) -> DriftAlarms:
    times, table = rows(0, REFERENCE)
    features = table.select(["x", "prediction"])
    references = {name: ReferenceColumn.fit(name, features[name]) for name in features}
    terms = AlarmTerms(WindowSize.parse(window), FalseAlarmBudget.parse("1 per 30d"))
    found = fitted_alarms(references, features, times, terms)
    assert isinstance(found, DriftAlarms), found
    return found


@pytest.fixture(params=["1h", f"{ROWS} rows"], ids=["blocks by time", "blocks by rows"])
def alarms(request) -> DriftAlarms:
    return fitted(request.param)


def log(storage, first: int, last: int) -> None:
    times, table = rows(first, last)
    storage.commit([Append("predictions", MODEL, times, table)])


def logged(*spans: tuple[int, int]) -> MemoryStorage:
    storage = MemoryStorage()
    for first, last in spans:
        log(storage, first, last)
    return storage


def same(one: Evidence, other: Evidence) -> bool:
    arrays = ("sums", "expected", "began_us", "moved", "lasted")
    return (one.blocks, one.through_us, dict(one.open), one.ended) == (
        other.blocks,
        other.through_us,
        dict(other.open),
        other.ended,
    ) and all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays)


@pytest.fixture
def whole(alarms) -> Evidence:
    return counted_evidence(logged((REFERENCE, END)), MODEL, alarms)


def test_history_is_counted_and_the_change_is_found(whole):
    assert set(whole.open) == {"x", "prediction"}
    assert whole.open["x"].is_up
    assert not whole.open["prediction"].is_up
    assert abs(whole.open["x"].since_us - CHANGE * HOUR_US) <= 2 * HOUR_US
    assert whole.blocks == END - REFERENCE - 1  # the last block is not complete before a row after it has come


def test_checking_often_counts_each_block_once(alarms, whole):
    storage = MemoryStorage()
    for first in range(REFERENCE, END, 10):
        log(storage, first, first + 10)
        for _ in range(3):
            evidence = counted_evidence(storage, MODEL, alarms)
    assert same(evidence, whole)


def test_a_restarted_process_goes_on_from_what_is_stored(alarms, whole):
    storage = logged((REFERENCE, REFERENCE + 50))
    counted_evidence(storage, MODEL, alarms)
    log(storage, REFERENCE + 50, END)
    again = fitted("1h" if alarms.size.duration_us else f"{ROWS} rows")
    assert again.digest == alarms.digest
    assert same(counted_evidence(storage, MODEL, again), whole)


def test_rows_of_the_reference_are_not_counted_again(alarms, whole):
    assert same(counted_evidence(logged((0, END)), MODEL, alarms), whole)


def test_an_incomplete_block_waits_for_its_end(alarms):
    storage = MemoryStorage()
    times, table = rows(REFERENCE, REFERENCE + 1)
    storage.commit([Append("predictions", MODEL, times[:-1], table.rows(slice(0, -1)))])
    assert counted_evidence(storage, MODEL, alarms).blocks == 0
    log(storage, REFERENCE + 1, REFERENCE + 2)
    assert counted_evidence(storage, MODEL, alarms).blocks == 1


def test_rows_that_come_after_their_block_was_counted_are_not_evidence(alarms):
    storage = logged((REFERENCE, REFERENCE + 20))
    before = counted_evidence(storage, MODEL, alarms)
    times, table = rows(REFERENCE + 3, REFERENCE + 4)
    storage.commit([Append("predictions", MODEL, times, Table({**table.columns, "x": table["x"] + 100.0}))])
    assert same(counted_evidence(storage, MODEL, alarms), before)


def test_another_reference_begins_anew(alarms):
    storage = logged((REFERENCE, REFERENCE + 20))
    counted_evidence(storage, MODEL, alarms)
    other = attrs.evolve(alarms, digest="another")
    evidence = counted_evidence(storage, MODEL, other)
    assert evidence.digest == "another"
    assert evidence.blocks == 19
    assert storage.get(EVIDENCE, MODEL).value["digest"] == "another"


def test_a_document_that_cannot_be_read_begins_anew(alarms, whole):
    storage = logged((REFERENCE, END))
    storage.commit([Put(EVIDENCE, MODEL, {"digest": alarms.digest})])
    assert same(counted_evidence(storage, MODEL, alarms), whole)


class Contested(MemoryStorage):
    """Another process counts between this one's reading and writing."""

    def __init__(self, alarms: DriftAlarms) -> None:
        super().__init__()
        self.alarms, self.rivals = alarms, 2

    def commit(self, operations, *args, **named):
        if isinstance(operations[0], Put) and self.rivals:
            self.rivals -= 1
            counted_evidence(self, MODEL, self.alarms)
        return super().commit(operations, *args, **named)


def test_two_processes_counting_at_once_count_each_block_once(alarms, whole):
    storage = Contested(alarms)
    log(storage, REFERENCE, END)
    assert same(counted_evidence(storage, MODEL, alarms), whole)
    assert storage.rivals == 0


class Dying(MemoryStorage):
    """The process dies at its second write of evidence."""

    lives = 1

    def commit(self, operations, *args, **named):
        if isinstance(operations[0], Put):
            if not self.lives:
                raise StoreError("gone")
            self.lives -= 1
        return super().commit(operations, *args, **named)


def test_a_kill_between_two_writes_loses_nothing_and_counts_nothing_twice(alarms, whole):
    storage = Dying()
    log(storage, REFERENCE, END)
    with pytest.raises(StoreError, match="gone"):
        counted_evidence(storage, MODEL, alarms)
    storage.lives = 1000
    assert same(counted_evidence(storage, MODEL, alarms), whole)


def test_a_gap_of_years_is_passed_over(alarms):
    storage = logged((REFERENCE, REFERENCE + 10), (REFERENCE + 50_000, REFERENCE + 50_010))
    assert counted_evidence(storage, MODEL, alarms).blocks == 19


def test_looking_at_the_past_keeps_nothing(alarms, whole):
    storage = logged((REFERENCE, END))
    early = past_evidence(storage, MODEL, alarms, CHANGE * HOUR_US)
    assert not early.open
    assert storage.get(EVIDENCE, MODEL) is None
    counted_evidence(storage, MODEL, alarms)
    late = past_evidence(storage, MODEL, alarms, CHANGE * HOUR_US)
    assert same(late, whole)
    assert not late.open_at(CHANGE * HOUR_US)
    assert set(late.open_at(END * HOUR_US)) == {"x", "prediction"}


def test_a_store_without_rows_has_no_evidence(alarms):
    assert counted_evidence(MemoryStorage(), MODEL, alarms).blocks == 0
