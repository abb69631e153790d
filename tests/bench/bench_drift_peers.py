"""Drift beside its peers on the same rows: give an interpreter that has the peer installed.

    python tests/bench/bench_drift_peers.py --nannyml /tmp/n/bin/python --evidently /tmp/e/bin/python

A peer runs in a process of its own, for numpy versions differ; its time is the median of three calls after one that
loads what it loads lazily, without making the data. Ours is taken before and after it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from bench_drift import USUAL, checked, detectors

from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.profile import profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column

COMMON = """
import time, warnings, sys
warnings.simplefilter("ignore")
import numpy as np, pandas as pd
rows, numbers, labels = (int(word) for word in sys.argv[1:])
def frame(seed):
    rng = np.random.default_rng(seed)
    columns = {f"x{at}": rng.normal(0.01 * seed, 1.0, rows) for at in range(numbers)}
    for at in range(labels):
        columns[f"c{at}"] = np.array(list("abcdefghij"))[rng.integers(0, 10, rows)]
    return pd.DataFrame(columns)
before, now = frame(0), frame(1)
def taken(work):
    work()
    times = []
    for _ in range(3):
        start = time.perf_counter(); work(); times.append(time.perf_counter() - start)
    return sorted(times)[1]
"""
NANNYML = """
import nannyml
calculator = nannyml.UnivariateDriftCalculator(
    column_names=list(before.columns), chunk_number=1,
    continuous_methods=["kolmogorov_smirnov", "jensen_shannon", "wasserstein"])
calculator.fit(before)
print(taken(lambda: calculator.calculate(now)))
"""
EVIDENTLY = """
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
kinds = DataDefinition(numerical_columns=[name for name in before if name[0] == "x"],
                       categorical_columns=[name for name in before if name[0] == "c"])
sides = [Dataset.from_pandas(side, data_definition=kinds) for side in (now, before)]
print(taken(lambda: Report([DataDriftPreset()]).run(*sides).dict()))
"""


def peer_seconds(python: str, script: str, *sizes: int) -> float:
    """What the peer printed last."""
    run = subprocess.run(
        [python, "-c", COMMON + script, *map(str, sizes)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"},
    )
    return float(run.stdout.split()[-1])


def columns(rows: int, numbers: int, labels: int, seed: int) -> dict[str, Column]:
    """The same numbers as a peer gets; labels as codes, as they are stored."""
    rng = np.random.default_rng(seed)
    made: dict[str, Column] = {f"x{at}": rng.normal(0.01 * seed, 1.0, rows) for at in range(numbers)}
    for at in range(labels):
        made[f"c{at}"] = Categories(rng.integers(0, 10, rows).astype(np.int32), tuple("abcdefghij"))
    return made


def seconds(work: Callable[[], object]) -> float:
    """The median of five runs."""
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def beside(title: str, ours: Callable[[], object], theirs: Callable[[], float]) -> None:
    """Print both times and their ratio."""
    before = seconds(ours)
    peer = theirs()
    mean = (before + seconds(ours)) / 2
    print(f"{title:58} {peer:8.3f} s, ours {mean:.3f} s: {peer / mean:.0f} x")


def main() -> None:
    """Run the peers that were given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nannyml", help="a Python that has nannyml")
    parser.add_argument("--evidently", help="a Python that has evidently")
    given = parser.parse_args()
    if given.evidently:
        references = {name: ReferenceColumn.fit(name, side) for name, side in columns(100_000, 50, 10, 0).items()}
        now, usual = columns(100_000, 50, 10, 1), detectors(USUAL)
        beside(
            "evidently DataDriftPreset, 100k x 60",
            lambda: checked(references, now, usual),
            lambda: peer_seconds(given.evidently, EVIDENTLY, 100_000, 50, 10),
        )
    if given.nannyml:
        references = {name: ReferenceColumn.fit(name, side) for name, side in columns(100_000, 50, 0, 0).items()}
        now, usual = columns(1_000_000, 50, 0, 1), detectors(("ks", "jensen_shannon", "wasserstein"))

        def profiled() -> None:
            for name, column in now.items():
                cells = references[name].cells
                assert cells is not None
                comparison = Comparison(references[name], profile(column, cells))
                for detector in usual.values():
                    detector.compare(comparison)

        beside(
            "nannyml KS + JS + Wasserstein, 1M x 50, one thread each",
            profiled,
            lambda: peer_seconds(given.nannyml, NANNYML, 1_000_000, 50, 0),
        )


if __name__ == "__main__":
    main()
