"""A process that logs rows of a few hours for ever, with roll-ups, until it is killed; tells how many it logged."""

import os
import sys
from pathlib import Path

import numpy as np

from watchkeeper.clock import SystemClock
from watchkeeper.domain.cells import LabelCells, NumberCells, ordered_numbers
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.rollups import increments
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

HOUR_US = 3_600_000_000
MODEL = "spx"


def reference_cells():
    rng = np.random.default_rng(5)
    return {
        "ret1": NumberCells.of(ordered_numbers(rng.normal(size=2000))),
        "venue": LabelCells(("LSE", "NYSE")),
        "prediction": NumberCells.of(ordered_numbers(rng.random(2000))),
    }


def main(folder, journal, seed):
    increments._LATE_US = 50_000
    rng = np.random.default_rng(int(seed))
    clock = SystemClock()
    storage = build(SqliteOptions(f"sqlite:///{folder}/watch"))
    recorder = Recorder(storage, clock, flush_seconds=0.01, journal=Path(journal) if journal else None, rollups=True)
    recorder.declare(MODEL, ("ret1", "venue"), categories=["venue"], cells=reference_cells())
    recorder.start()
    logged = calls = 0
    while True:
        rows = int(rng.integers(1, 300))
        # three hours that get rows again and again, and now and then many at once, as when history is loaded
        back = rng.integers(0, 3, rows) if rng.random() < 0.9 else rng.integers(0, 12, 12 * rows)
        times = clock.now_us() - back * HOUR_US
        features = {
            "ret1": np.where(rng.random(len(times)) < 0.05, np.nan, rng.normal(size=len(times))),
            "venue": rng.choice(["LSE", "NYSE", "XETRA"], len(times)),
        }
        recorder.log(MODEL, features if rng.random() < 0.9 else None, rng.random(len(times)), times_us=times)
        logged += len(times)
        calls += 1
        if calls % 20 == 0:
            recorder.flush()  # however fast the machine is, something is stored before the end
        os.write(1, f"{logged}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
