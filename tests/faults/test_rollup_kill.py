"""kill -9 while rows are logged: roll-ups and what is read beside them are the stored rows' profile, to the bit."""

import importlib.util
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from watchkeeper.clock import SystemClock
from watchkeeper.domain.profiling import profiles
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.records import PREDICTIONS
from watchkeeper.monitor.rollups.hours import told_hours
from watchkeeper.monitor.rollups.reading import rollup, window_profiles
from watchkeeper.monitor.rollups.stored import HOUR_US
from watchkeeper.monitor.rollups.tidying import merge_hours
from watchkeeper.monitor.time_order import sorted_rows
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

PROGRAM = Path(__file__).with_name("rollup_process.py")
SPEC = importlib.util.spec_from_file_location("rollup_process", PROGRAM)
PROCESS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(PROCESS)
MODEL = PROCESS.MODEL
KILLS = 12


def logged_until_killed(folder, journal, seed, lines):
    command = [sys.executable, str(PROGRAM), str(folder), str(journal or ""), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
        timer.cancel()
    return int(next(line for line in reversed(said) if line.endswith(b"\n")))


def told_by_rows(storage, since_us, until_us, cells):
    """The oracle: all rows read, those of each column profiled at once."""
    batches = list(storage.scan(PREDICTIONS, MODEL, since_us, until_us))
    found = {}
    for name, own in cells.items():
        having = [type(batch)(batch.time, batch.table.select([name])) for batch in batches if name in batch.table]
        if having:
            found |= profiles(sorted_rows(having)[1], {name: own})
    return sum(len(batch.time) for batch in batches), found


def require_equal(storage, cells, now_us):
    chance = random.Random(now_us)  # noqa: S311 - where to cut is no secret
    spans = [(now_us - 20 * HOUR_US, now_us + HOUR_US)]
    spans += [tuple(sorted(chance.sample(range(spans[0][0], spans[0][1], 1_000_000), 2))) for _ in range(3)]
    merged = 0
    for since_us, until_us in spans:
        found = window_profiles(storage, MODEL, since_us, until_us, cells)
        assert (found.window.rows, found.profiles) == told_by_rows(storage, since_us, until_us, cells)
        merged += found.merged_rows
    for hour in rollup(storage, MODEL, *spans[0]):
        if hour.is_complete:
            expected = told_by_rows(storage, hour.hour_us, hour.hour_us + HOUR_US, cells)
            assert (hour.rows, hour.over(cells)) == expected
    return merged


@pytest.mark.faults
@pytest.mark.parametrize("has_journal", [True, False], ids=["with the journal", "without it"])
def test_roll_ups_are_the_profile_of_the_stored_rows_whenever_the_process_dies(tmp_path, has_journal):
    journal = tmp_path / "journal" if has_journal else None
    cells = PROCESS.reference_cells()
    chance = random.Random(11)  # noqa: S311 - when to kill is no secret
    logged = 0
    for seed in range(KILLS):
        logged += logged_until_killed(tmp_path, journal, seed, chance.randrange(1, 200))
    storage = build(SqliteOptions(f"sqlite:///{tmp_path}/watch"))
    with_leftovers = Recorder(storage, SystemClock(), journal=journal, rollups=True)
    with_leftovers.start()
    with_leftovers.stop()
    now_us = time.time_ns() // 1000
    require_equal(storage, cells, now_us)
    rows = sum(len(batch.time) for batch in storage.scan(PREDICTIONS, MODEL))
    assert rows >= logged if has_journal else rows <= logged + 4000
    assert rows > 1000, "hardly anything was stored before the kills"
    later_us = now_us + 6 * HOUR_US
    merge_hours(storage, MODEL, cells, later_us)
    hours = told_hours(storage, MODEL, now_us - 20 * HOUR_US, later_us)
    assert all(hour.holds(cells) or hour.left_open for hour in hours.values())
    assert require_equal(storage, cells, now_us) > 0
    while not storage.maintain(5.0).is_finished:
        pass
    assert require_equal(storage, cells, now_us) > 0
    storage.close()
