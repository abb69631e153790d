"""Whatever happens to commits, clocks, recorders and references: roll-ups and rows give the profile of the rows."""

import itertools
from unittest import mock

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.cells import LabelCells, NumberCells, ordered_numbers
from watchkeeper.domain.errors import DataError, StoreError
from watchkeeper.domain.profiling import profiles
from watchkeeper.domain.table import Categories, Table
from watchkeeper.monitor.recording.batches import committed
from watchkeeper.monitor.records import PREDICTIONS
from watchkeeper.monitor.rollups import increments
from watchkeeper.monitor.rollups.beside import Rollups
from watchkeeper.monitor.rollups.hours import told_hours
from watchkeeper.monitor.rollups.reading import rollup, window_profiles
from watchkeeper.monitor.rollups.stored import HOUR_US
from watchkeeper.monitor.rollups.tidying import merge_hours
from watchkeeper.monitor.time_order import sorted_rows
from watchkeeper.testing import MemoryStorage

MODEL = "spx"
VENUES = LabelCells(("LSE", "NYSE"))
MINUTE_US = 60_000_000
START_US = 480_000 * HOUR_US
REFERENCES = [
    {
        "ret1": NumberCells.of(ordered_numbers(np.random.default_rng(seed).normal(size=500))),
        "venue": VENUES,
        "prediction": NumberCells.of(ordered_numbers(np.linspace(0.0, 1.0, 400))),
    }
    for seed in (1, 2)
]


class Clock:
    def __init__(self):
        self.time_us = START_US

    def now_us(self):
        return self.time_us


class Troubled:
    """A store in memory that fails when it is told to."""

    def __init__(self):
        self.memory = MemoryStorage()
        self.fault = ""

    def commit(self, operations, durability=None, *, writer=None, seq=None):
        fault, self.fault = self.fault, ""
        if fault == "before":
            raise StoreError("not now")
        if fault == "refuse" and any("bad" in one.table["id"].tolist() for one in operations if "id" in one.table):
            self.fault = fault
            raise DataError("a bad row")
        receipt = self.memory.commit(operations, writer=writer, seq=seq)
        if fault == "after":
            raise StoreError("the answer was lost")
        self.fault = fault if fault == "refuse" else ""
        return receipt

    def scan(self, *arguments):
        return self.memory.scan(*arguments)


def append_of(rng, times, *, has_features, is_bad=False):
    rows = len(times)
    ids = np.array([f"r{rng.integers(2**40)}" for _ in range(rows)], dtype=object)
    if is_bad:
        ids[rows // 2] = "bad"
    columns = {"id": ids, "prediction": rng.random(rows), "version": Categories(np.zeros(rows, np.int32), ("1.0.0",))}
    if has_features:
        columns["ret1"] = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
        columns["venue"] = Categories(rng.integers(-1, 3, rows).astype(np.int32), ("LSE", "NYSE", "XETRA"))
    return Append(PREDICTIONS, MODEL, times, Table(columns), ("ret1", "venue") if has_features else ())


class Life(RuleBasedStateMachine):
    """A few recorders over one store."""

    def __init__(self):
        super().__init__()
        self.patches = [
            mock.patch.object(increments, "_LATE_US", MINUTE_US),
            mock.patch.object(increments, "FEWEST_ROWS", 20),
        ]
        for patch in self.patches:
            patch.start()
        self.rng = np.random.default_rng(7)
        self.clock = Clock()
        self.storage = Troubled()
        self.names = itertools.count()
        self.cells = REFERENCES[0]
        self.recorders = []
        self.seqs = {}
        self.start()
        self.start()

    def teardown(self):
        for patch in self.patches:
            patch.stop()

    def start(self):
        name = f"recorder-{next(self.names)}"
        rollups = Rollups(name, self.clock, is_on=True)
        rollups.declare(MODEL, self.cells)
        self.recorders.append((name, rollups))
        self.seqs[name] = 0

    @rule(
        which=st.integers(0, 1),
        rows=st.sampled_from([1, 3, 40, 130, 700]),
        hours=st.sampled_from([1, 1, 1, 2, 3, 30]),
        has_features=st.booleans(),
        fault=st.sampled_from(["", "", "", "before", "after", "refuse"]),
        stall_minutes=st.sampled_from([1, 1, 180]),
    )
    def log(self, which, rows, hours, has_features, fault, stall_minutes=1):  # noqa: PLR0917 - what hypothesis draws
        name, rollups = self.recorders[which]
        self.seqs[name] += 1
        seq = self.seqs[name]
        back_us = self.rng.integers(0, hours * HOUR_US, rows) if hours > 1 else self.rng.integers(0, MINUTE_US, rows)
        times = self.clock.time_us - back_us
        appends = [append_of(self.rng, times, has_features=has_features, is_bad=fault == "refuse")]
        self.storage.fault = fault
        for _ in range(3):
            try:
                committed(self.storage, appends, name, seq, rollups)
                break
            except StoreError:
                self.clock.time_us += stall_minutes * MINUTE_US
                if stall_minutes > 1:  # meanwhile another process takes the rows to be all that there are
                    merge_hours(self.storage, MODEL, self.cells, self.clock.time_us)
        self.storage.fault = ""

    @rule(which=st.integers(0, 1), minutes=st.sampled_from([1, 11, 70]), fault=st.sampled_from(["", "before", "after"]))
    def pass_time(self, which, minutes, fault):
        self.clock.time_us += minutes * MINUTE_US
        self.storage.fault = fault
        for _ in range(2):
            try:
                self.recorders[which][1].commit_due(self.storage)
                break
            except StoreError:
                continue
        self.storage.fault = ""

    @rule(rows=st.sampled_from([130, 700]), fault=st.sampled_from(["", "before", "after"]))
    def have_a_busy_hour(self, rows, fault):
        for which in (0, 1, 0):
            self.log(which, rows, 1, has_features=True, fault=fault)
        self.clock.time_us += 70 * MINUTE_US
        for which in (0, 1):
            self.pass_time(which, 0, fault)

    @rule(which=st.integers(0, 1))
    def stop(self, which):
        self.recorders[which][1].commit_due(self.storage, is_end=True)
        self.die(which)

    @rule(which=st.integers(0, 1))
    def die(self, which):
        del self.recorders[which]
        self.start()

    @rule(rows=st.sampled_from([1, 50]))
    def adopt_what_a_dead_one_left(self, rows):
        """Its commit may have been made, or not: here it is sent by another, twice."""
        appends = [append_of(self.rng, np.full(rows, self.clock.time_us), has_features=True)]
        name = f"dead-{next(self.names)}"
        for _, rollups in self.recorders:
            committed(self.storage, appends, name, 1, rollups)

    @rule()
    def change_the_reference(self):
        self.cells = REFERENCES[1] if self.cells is REFERENCES[0] else REFERENCES[0]
        for _, rollups in self.recorders:
            rollups.declare(MODEL, self.cells)

    @rule(hours=st.sampled_from([2, 3, 30]))
    def merge(self, hours):
        self.clock.time_us += hours * HOUR_US
        merge_hours(self.storage, MODEL, self.cells, self.clock.time_us)

    @invariant()
    def profiles_are_those_of_the_rows(self):
        first, last = START_US - 40 * HOUR_US, self.clock.time_us + 1
        cuts = sorted(self.rng.integers(first, last, 2).tolist())
        for since_us, until_us in ((first, last), tuple(cuts)):
            for cells in REFERENCES:
                found = window_profiles(self.storage, MODEL, since_us, until_us, cells)
                rows, expected = told_by_rows(self.storage, since_us, until_us, cells)
                assert found.window.rows == rows
                assert found.profiles == expected

    @invariant()
    def complete_hours_count_their_rows(self):
        for hour in rollup(self.storage, MODEL, START_US - 40 * HOUR_US, self.clock.time_us + 1):
            rows, expected = told_by_rows(self.storage, hour.hour_us, hour.hour_us + HOUR_US, self.cells)
            assert hour.rows == rows if hour.is_complete else hour.rows <= rows
            if hour.is_complete and all(len(digests) == 1 for digests in hour.profiles.values()):
                assert set(hour.profiles) == set(expected)
                for name, counted in hour.over(self.cells).items():
                    assert counted == expected[name]


def told_by_rows(storage, since_us, until_us, cells):
    """The oracle: all rows read, those of each column profiled at once."""
    batches = list(storage.scan(PREDICTIONS, MODEL, since_us, until_us))
    rows = sum(len(batch.time) for batch in batches)
    found = {}
    for name, own in cells.items():
        having = [batch for batch in batches if name in batch.table]
        if having:
            _, table = sorted_rows(type(batch)(batch.time, batch.table.select([name])) for batch in having)
            found |= profiles(table, {name: own})
    return rows, found


Life.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase


def test_what_the_machine_relies_on_happens():
    """Marks are closed, merged, and left open by the dead: not only the easy ways are taken."""
    life = Life()
    life.teardown()
    for _ in range(4):
        life.log(0, 700, 1, has_features=True, fault="")
    life.log(1, 130, 1, has_features=True, fault="")
    life.die(1)
    life.pass_time(0, 70, "")
    hour = next(iter(told_hours(life.storage, MODEL, START_US - HOUR_US, START_US + HOUR_US).values()))
    assert [one.is_closed for one in hour.marks.values()] == [True, False]
    assert not hour.holds(life.cells)
    life.merge(3)
    hour = next(iter(told_hours(life.storage, MODEL, START_US - HOUR_US, START_US + HOUR_US).values()))
    assert hour.holds(life.cells)
    assert len(hour.counted) == 1
    found = window_profiles(life.storage, MODEL, START_US - HOUR_US, life.clock.time_us, life.cells)
    assert (found.merged_rows, found.read_rows) == (4 * 700 + 130, 0)
    assert increments.FEWEST_ROWS == 128


def test_rows_that_a_paused_recorder_adds_to_an_hour_that_was_given_up_are_counted():
    life = Life()
    life.teardown()
    times = np.full(200, START_US)
    name, rollups = life.recorders[0]
    committed(life.storage, [append_of(life.rng, times, has_features=True)], name, 1, rollups)
    life.clock.time_us += 5 * HOUR_US  # it is paused, and its mark is taken for one that a dead one left
    assert merge_hours(life.storage, MODEL, life.cells, life.clock.time_us) == 1
    committed(life.storage, [append_of(life.rng, times, has_features=True)], name, 2, rollups)
    rollups.commit_due(life.storage, is_end=True)

    life.profiles_are_those_of_the_rows()


def test_rows_of_a_commit_that_took_hours_are_counted():
    for fault in ("before", "after"):
        life = Life()
        life.teardown()
        times = np.full(200, START_US)
        name, rollups = life.recorders[0]
        committed(life.storage, [append_of(life.rng, times, has_features=True)], name, 1, rollups)
        life.clock.time_us += HOUR_US + 2 * MINUTE_US
        second = [append_of(life.rng, times, has_features=True)]
        life.storage.fault = fault
        with pytest.raises(StoreError):
            committed(life.storage, second, name, 2, rollups)
        life.clock.time_us += 5 * HOUR_US  # the store cannot be written by this process, and another merges the hour
        merge_hours(life.storage, MODEL, life.cells, life.clock.time_us)
        committed(life.storage, second, name, 2, rollups)
        committed(life.storage, [append_of(life.rng, times, has_features=True)], name, 3, rollups)
        rollups.commit_due(life.storage, is_end=True)

        life.profiles_are_those_of_the_rows()
