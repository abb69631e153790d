"""kill -9 at random moments: what was acknowledged is there exactly once, and the store goes on."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from watchkeeper.contracts.storage import Namespace
from watchkeeper.testing import FakeClock
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

pytestmark = pytest.mark.faults
KILLS = 200
LEAST_ACKNOWLEDGED = (0, 1, 5, 10, 20)
"""How much a child is let do before the random moment: with 0 it may die while it opens the store."""
LONGEST_EXTRA_LIFE = 0.03
VICTIM = Path(__file__).with_name("sqlite_victim.py")
COUNTERS = Namespace("counters", index=("run",))
NEIGHBOURS = 1200
"""The run of a neighbour is that much higher; it only appends."""


@pytest.fixture
def victims():
    process = subprocess.Popen(
        [sys.executable, str(VICTIM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.stdin.close()


def killed(victims, folder, run, rng, acknowledgements):
    """Let a child and its neighbour work for a random while, kill them, and return what each was told."""
    told = [acknowledgements.with_name(f"told{number}") for number in range(2)]
    children = []
    for number, path in enumerate(told):
        path.write_text("")
        victims.stdin.write(f"{folder}\t{rng.integers(2**32)}\t{run + number * NEIGHBOURS}\t{path}\n")
        children.append(int(victims.stdout.readline()))
    least = LEAST_ACKNOWLEDGED[rng.integers(len(LEAST_ACKNOWLEDGED))]
    while told[0].read_text().count("\n") < least:
        os.kill(children[0], 0)
        time.sleep(0.0005)
    time.sleep(rng.random() * LONGEST_EXTRA_LIFE)
    for child in children:
        os.kill(child, signal.SIGKILL)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.kill(child, 0)
                time.sleep(0.001)
    return [[line.split(" ", 1) for line in path.read_text().splitlines()] for path in told]


def found_commits(store):
    """By (run, seq): the row numbers that are there."""
    found = defaultdict(list)
    for key in store.keys("rows"):
        for batch in store.scan("rows", key):
            assert batch.table.names == ("seq", "number", "feature")
            assert (batch.table["feature"] == batch.table["number"] * 0.5).all()
            for at, seq, number in zip(
                batch.time.tolist(), batch.table["seq"].tolist(), batch.table["number"].tolist(), strict=True
            ):
                assert at % 1_000_000 == seq * 100 + number
                found[at // 1_000_000, seq].append(number)
    return found


def require_integrity(folder):
    for path in [folder / "state.db", *(folder / "telemetry").glob("*.db")]:
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], path
        connection.close()


def test_two_hundred_kills_lose_and_double_nothing(tmp_path, victims):
    folder, rng = tmp_path / "watch", np.random.default_rng(20080915)
    last_acknowledged, counted, blobs = {}, 0, set()
    for run in range(KILLS):
        for number, lines in enumerate(killed(victims, folder, run, rng, tmp_path / "told")):
            for kind, value in lines:
                assert kind in {"rows", "count", "blob"}, f"run {run}: the store failed: {value}"
                if kind == "rows":
                    last_acknowledged[run + number * NEIGHBOURS] = int(value)
                elif kind == "count":
                    counted = max(counted, int(value))
                else:
                    blobs.add(value)
        if run % 20 == 19:
            require_integrity(folder)
    clock = FakeClock()
    clock.advance(86_400.0 * 400)
    store = SqliteStorage(SqliteOptions(f"sqlite:///{folder}"), clock)
    while not store.maintain(10.0).is_finished:
        pass
    found = found_commits(store)
    require_commits(found, last_acknowledged)
    require_parts(store, found)
    assert not store.verify()
    document = store.get(COUNTERS, "count")
    assert counted <= document.value["n"] <= counted + KILLS
    assert [entry.body["n"] for entry in store.read_log("audit")] == list(range(1, document.value["n"] + 1))
    for digest in blobs:
        store.open_blob(digest).close()
    store.close()
    require_integrity(folder)
    assert not list((folder / "blobs").glob("unfinished-*"))
    assert sum(last_acknowledged.values()) > 500, "the children were killed before they had done anything"


def require_parts(store, found):
    """Of a commit into many series all parts are there, once, or none."""
    there = Counter(
        (at // 1_000_000, seq, key)
        for key in store.keys("extra")
        for batch in store.scan("extra", key)
        for at, seq in zip(batch.time.tolist(), batch.table["seq"].tolist(), strict=True)
    )
    expected = Counter(
        (run, seq, f"series{key:02}") for run, seq in found for key in range(seq * 7 % 91 if seq % 5 == 0 else 0)
    )
    assert there == expected
    assert len(expected) > 500


def require_commits(found, last_acknowledged):
    """Each acknowledged commit whole and once; of each run at most one more, that was not acknowledged in time."""
    for (run, seq), numbers in found.items():
        assert Counter(numbers) == Counter(range(1 + seq % 7)), f"run {run}, commit {seq}: {numbers}"
        assert seq <= last_acknowledged.get(run, 0) + 1, f"run {run}: commit {seq} was never begun"
    for run, last in last_acknowledged.items():
        missing = [seq for seq in range(1, last + 1) if (run, seq) not in found]
        assert not missing, f"run {run}: acknowledged and gone: {missing}"
