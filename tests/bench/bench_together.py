"""All features together: false alarms a month, delays, and what a window costs.

python tests/bench/bench_together.py                  # mmd and pca_reconstruction, 8 months a world
python tests/bench/bench_together.py --with-trees     # the domain classifier too, which takes most of the time

Ten features with a common part, hourly windows of 500 rows, a reference of 200 windows, a budget of one alarm in 30
days. Only alarms and thresholds of all features together are counted. In *wandering* the mean of each feature follows
an AR(1) with rho .8 and an sd of .10 from hour to hour, as in bench_false_alarms.py.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Table
from watchkeeper.monitor.alarms.blocks import cut_by_time
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.fitting import fitted
from watchkeeper.monitor.naming import ALL_FEATURES
from watchkeeper.monitor.watched import WatchedModel

HOUR_US = 3_600_000_000
ROWS, FEATURES, REFERENCE, MONTH = 500, 10, 200, 720
COMMON = 0.5
"""The share of variance that features have in common."""


def rows(hours: int, seed: int, *, wanders: bool, common: float = COMMON, shift: float = 0.0) -> NDArray[np.float64]:
    """(hours * ROWS, FEATURES)."""
    rng = np.random.default_rng(seed)
    count = hours * ROWS
    made = np.sqrt(common) * rng.normal(size=(count, 1)) + np.sqrt(1.0 - common) * rng.normal(size=(count, FEATURES))
    made[:, 0] += shift
    if wanders:
        level = 0.1 * rng.normal(size=FEATURES)
        for hour in range(hours):
            made[hour * ROWS : (hour + 1) * ROWS] += level
            level = 0.8 * level + 0.06 * rng.normal(size=FEATURES)
    return made


def table(made: NDArray[np.float64]) -> Table:
    return Table({f"x{at}": made[:, at] for at in range(FEATURES)})


def times(hours: int, first: int = 0) -> NDArray[np.int64]:
    every = np.arange(ROWS) * (HOUR_US // ROWS)
    return np.asarray(((first + np.arange(hours))[:, None] * HOUR_US + every).ravel())


def model(names: list[str], seed: int, *, wanders: bool) -> WatchedModel:
    detectors: dict[str, Any] = {}
    for name in names:
        (plugin,) = import_module(f"watchkeeper_plugins.drift.{name}").watchkeeper_drift()
        detectors[name] = plugin.build(plugin.options())
    made = table(rows(REFERENCE, seed, wanders=wanders))
    prediction = np.random.default_rng(seed).normal(size=len(made))
    reference = Table({**made.columns, "prediction": prediction, "time": times(REFERENCE)})
    return fitted(
        "bench",
        judging_of(Task.SCORE, prediction, None, 0.5),
        reference,
        {},
        detectors,
        window=WindowSize.parse("1h"),
        budget=FalseAlarmBudget.parse("1 per 30d"),
        min_rows=30,
    )


def alarms_in(watched: WatchedModel, made: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """The hours at which an alarm of all features together was raised, and those over a threshold."""
    assert isinstance(watched.alarms, DriftAlarms)
    assert watched.tables is not None
    hours = len(made) // ROWS
    at = times(hours, REFERENCE)
    prediction = np.random.default_rng(1).normal(size=len(made))
    whole = Table({**table(made).columns, "prediction": prediction})
    evidence, raised = watched.alarms.fresh, []
    blocks = watched.alarms.blocks(whole, at, cut_by_time(at, HOUR_US))
    for hour in range(hours):
        one = type(blocks)(
            blocks.values[hour : hour + 1],
            blocks.rows[hour : hour + 1],
            blocks.start_us[hour : hour + 1],
            blocks.end_us[hour : hour + 1],
            blocks.shares[hour : hour + 1],
            blocks.has_times,
        )
        before = ALL_FEATURES in evidence.open
        evidence = watched.alarms.advanced(evidence, one)
        if ALL_FEATURES in evidence.open and not before:
            raised.append(hour)
    over = []
    for hour in range(hours):
        found = watched.tables.compare(table(made[hour * ROWS : (hour + 1) * ROWS]).columns)
        edges = {title: watched.edges[title, ALL_FEATURES].threshold.number for title in found.drifts}
        numbers = {title: drift.statistic.number for title, drift in found.drifts.items()}  # type: ignore[union-attr]
        if any(numbers[title] > edges[title] for title in edges):  # type: ignore[operator]
            over.append(hour)
    return raised, over


def main() -> None:
    """Print both worlds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=8)
    parser.add_argument("--with-trees", action="store_true")
    options = parser.parse_args()
    names = ["mmd", "pca_reconstruction", *(["domain_classifier"] if options.with_trees else [])]
    for wanders in (False, True):
        raised = over = 0
        apart: list[float] = []
        moved: list[float] = []
        for seed in range(options.months):
            watched = model(names, 10 * seed, wanders=wanders)
            alarms, windows = alarms_in(watched, rows(MONTH, 10 * seed + 1, wanders=wanders))
            raised, over = raised + len(alarms), over + len(windows)
            for into, change in ((apart, {"common": 0.3}), (moved, {"shift": 0.5})):
                first = [
                    seen[0] for seen in alarms_in(watched, rows(48, 10 * seed + 2, wanders=wanders, **change)) if seen
                ]
                into.append(float(min(first, default=999)))
        world = "wandering" if wanders else "independent"
        print(
            f"{world}: alarms a month {raised / options.months:.2f}, "
            f"windows over a threshold {over / options.months:.2f}"
        )
        print(f"  hours until common part .5 -> .3 is seen: median {median(apart):.1f}, worst {max(apart):.0f}")
        print(f"  hours until one feature is higher by .5 sd: median {median(moved):.1f}, worst {max(moved):.0f}")
    watched = model(names, 0, wanders=False)
    assert watched.tables is not None
    window = table(rows(1, 5, wanders=False))
    for name, one in watched.tables.fitted.items():
        started = time.process_time()
        for _ in range(10):
            one.compare(watched.tables.encoding.encoded(window))  # type: ignore[union-attr]
        print(f"{name}: {100 * (time.process_time() - started):.1f} ms of CPU a window of {ROWS} rows")


if __name__ == "__main__":
    main()
