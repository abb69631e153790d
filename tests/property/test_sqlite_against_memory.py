"""Whatever is done, in whatever order, the SQLite store and the store in memory tell the same."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from watchkeeper.contracts.storage import Append, Delete, Durability, LogEntry, Namespace, Put
from watchkeeper.domain.errors import Conflict
from watchkeeper.domain.table import Categories, Table
from watchkeeper.testing import FakeClock, MemoryStorage
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

NOTES = Namespace("notes", index=("state", "rank"))
KEYS = st.sampled_from(["a", "b", "c"])
TIMES = st.lists(st.integers(-50, 50), min_size=1, max_size=8)
SCALARS = st.none() | st.integers(-3, 3) | st.sampled_from(["x", "y", "", "é"]) | st.floats(-2, 2)
ORDERS = st.lists(st.sampled_from(["state", "-state", "rank", "-rank"]), max_size=2)
EXPECTED = st.none() | st.integers(0, 3)


def rows_of(store, key, window, columns):
    """Every row as a tuple, in an order of our own: stores may cut batches as they like."""
    found = []
    for batch in store.scan("rows", key, *window, columns):
        names = batch.table.names
        values = [
            column.texts() if isinstance(column, Categories) else column for column in batch.table.columns.values()
        ]
        for at, *row in zip(batch.time.tolist(), *(value.tolist() for value in values), strict=True):
            found.append((at, dict(zip(names, row, strict=True))))
    return sorted(found, key=repr)


class SameAsMemory(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = FakeClock()
        self.memory = MemoryStorage()
        self.store = self.opened()
        self.number = 0

    def opened(self):
        options = SqliteOptions(f"sqlite:///{self.folder}", chunk_rows=10, scan_seconds=0.5, checkpoint_bytes=60_000)
        return SqliteStorage(options, self.clock)

    def both(self, operations, **pair):
        """Commit to both; what one refuses the other refuses."""
        outcomes = []
        for store in (self.memory, self.store):
            try:
                receipt = store.commit(operations, Durability.FLUSHED, **pair)
                outcomes.append((receipt.revisions, receipt.digests, receipt.is_replay))
            except Conflict:
                outcomes.append("conflict")
        assert outcomes[0] == outcomes[1]

    @rule(key=KEYS, times=TIMES, has_more=st.booleans(), seq=st.integers(0, 6))
    def append(self, key, times, has_more, seq):
        numbers = np.arange(self.number, self.number + len(times))
        self.number += len(times)
        columns = {"number": numbers, "half": numbers / 2.0, "venue": Categories.of([f"v{n % 3}" for n in numbers])}
        if has_more:
            columns["note"] = np.array([None if n % 4 == 0 else f"n{n}" for n in numbers], dtype=object)
        append = Append("rows", key, np.array(times, dtype=np.int64), Table(columns), ("half",))
        self.both([append], writer="w", seq=seq)

    @rule(key=KEYS, value=st.integers(), state=SCALARS, rank=SCALARS, expect=EXPECTED)
    def put(self, key, value, state, rank, expect):
        self.both(
            [Put(NOTES, key, {"v": value}, {"state": state, "rank": rank}, expect), LogEntry("log", {"v": value})]
        )

    @rule(key=KEYS, expect=EXPECTED)
    def delete(self, key, expect):
        self.both([LogEntry("log", {"deleted": key}), Delete(NOTES, key, expect)])

    @rule(order=ORDERS, where=st.dictionaries(st.sampled_from(["state", "rank"]), SCALARS, max_size=1))
    def find(self, order, where):
        pages = []
        for store in (self.memory, self.store):
            found, last = [], None
            while page := store.find(NOTES, where, order, last, 2):
                found += [(document.key, document.value, document.revision, document.index) for document in page]
                last = page[-1]
            pages.append(found)
        assert pages[0] == pages[1]

    @rule(
        key=KEYS,
        since=st.none() | st.integers(-60, 60),
        until=st.none() | st.integers(-60, 60),
        columns=st.none()
        | st.lists(st.sampled_from(["number", "half", "venue", "note", "nobody"]), max_size=3, unique=True),
    )
    def scan(self, key, since, until, columns):
        window = (since, until)
        assert rows_of(self.store, key, window, columns) == rows_of(self.memory, key, window, columns)
        assert self.store.span("rows", key) == self.memory.span("rows", key)

    @rule(after=st.integers(0, 5))
    def read_log(self, after):
        assert list(self.store.read_log("log", after)) == list(self.memory.read_log("log", after))

    @rule(budget=st.sampled_from([0.0, 1.0]))
    def maintain(self, budget):
        self.store.maintain(budget)

    @rule(seconds=st.sampled_from([0.1, 1.0, 40_000.0, -40_000.0]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule()
    def reopen(self):
        self.store.close()
        self.store = self.opened()

    @precondition(lambda self: self.number % 5 == 0)
    @rule()
    def verify(self):
        assert self.store.verify() == ()

    @invariant()
    def the_same_keys(self):
        assert self.store.keys("rows") == self.memory.keys("rows")
        assert [document.key for document in self.store.find(NOTES)] == [each.key for each in self.memory.find(NOTES)]

    def teardown(self):
        self.store.close()
        shutil.rmtree(self.folder)


TestSameAsMemory = SameAsMemory.TestCase
TestSameAsMemory.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
