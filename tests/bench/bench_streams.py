"""Stream detectors: false alarms, delay and misses over 200 seeds, and updates a second beside river's.

Run it with ``python tests/bench/bench_streams.py [--seeds 200]``. The limit is Page's CUSUM that knows both error
rates, with a threshold at which it alarms once in 20,000 values. river is measured when it is installed.
"""

from __future__ import annotations

import argparse
import time
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.drift import StreamDetector, StreamValues

UPDATES = 20_000
CHANGE, LENGTH = 2000, 4000
STATED: dict[str, dict[str, Any]] = {"shiryaev_roberts": {"mean": 0.2}, "cusum": {"mean": 0.2, "deviation": 0.4}}
"""What is known before the change, for detectors that can be told."""
DETECTORS = ("shiryaev_roberts", "cusum", "hddm_w", "ddm", "adwin", "page_hinkley", "kswin")
RIVER = {"adwin": "ADWIN", "page_hinkley": "PageHinkley", "ddm": "binary.DDM", "hddm_w": "binary.HDDMW"}


def detector(name: str, **options: Any) -> StreamDetector:
    (plugin,) = import_module(f"watchkeeper_plugins.drift.{name}").watchkeeper_drift()
    found = plugin.build(plugin.options(**options))
    assert isinstance(found, StreamDetector)
    return found


def errors(seed: int, before: float, after: float, length: int = LENGTH) -> NDArray[np.float64]:
    rate = np.where(np.arange(length) < CHANGE, before, after)
    return (np.random.default_rng(seed).random(length) < rate).astype(np.float64)


def delays(find: Any, seeds: int, after: float) -> tuple[float, int]:
    """The median delay, and how many changes were missed."""
    found = []
    for seed in range(seeds):
        signals = np.asarray(find(errors(seed, 0.2, after)))
        late = signals[signals >= CHANGE]
        found.append(int(late[0]) - CHANGE + 1 if len(late) else LENGTH)
    times = np.array(found)
    missed = int((times == LENGTH).sum())
    return float(np.median(times[times < LENGTH])) if missed < seeds else float("nan"), missed


def page(values: NDArray[np.float64], after: float, threshold: float) -> list[int]:
    """Page's CUSUM with both rates known."""
    wrong, right = float(np.log(after / 0.2)), float(np.log((1 - after) / 0.8))
    level, found = 0.0, []
    for at, value in enumerate(values.tolist()):
        level = max(0.0, level) + (wrong if value else right)
        if level >= threshold:
            found.append(at)
            level = 0.0
    return found


def page_threshold(after: float, seeds: int) -> float:
    """At which it alarms once in 20,000 values of a rate of .2, by simulation."""
    low, high = 2.0, 12.0
    for _ in range(12):
        middle = 0.5 * (low + high)
        alarms = sum(len(page(errors(seed + 10_000, 0.2, 0.2, UPDATES), after, middle)) for seed in range(seeds))
        low, high = (low, middle) if alarms < seeds else (middle, high)
    return 0.5 * (low + high)


def speed(run: Any, values: NDArray[np.float64]) -> float:
    """Updates a second of CPU time, the median of three."""
    spent = []
    for _ in range(3):
        started = time.process_time()
        run(values)
        spent.append(time.process_time() - started)
    return len(values) / float(np.median(spent))


def river_speed(name: str, values: NDArray[np.float64]) -> str:
    try:
        from river import drift
    except ModuleNotFoundError:
        return "not installed"
    make: Any = drift
    for part in RIVER[name].split("."):
        make = getattr(make, part)

    def run(found: NDArray[np.float64]) -> None:
        one = make()
        for value in found.tolist():
            one.update(value)

    return f"{speed(run, values):,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    for after in (0.4, 0.25):
        threshold = page_threshold(after, 60)
        median, missed = delays(lambda values, to=after, at=threshold: page(values, to, at), seeds, after)
        print(f"limit, .2 -> {after}: median delay {median:.0f}, missed {missed} of {seeds}")
    calm = [errors(seed + 1000, 0.2, 0.2, UPDATES) for seed in range(seeds)]
    for name in DETECTORS:
        found = detector(name, **STATED.get(name, {}))
        alarms = sum(len(found.begin().update_many(values)) for values in calm) / seeds
        told = [delays(lambda values, one=found: one.begin().update_many(values), seeds, to) for to in (0.4, 0.25)]
        text = ", ".join(f"{median:.0f} ({missed} missed)" for median, missed in told)
        print(f"{name:<17} false alarms in 20,000: {alarms:5.2f}; delay .2 -> .4, .25: {text}")
    stream = {kind: np.random.default_rng(1).normal(0.2, 0.4, size=200_000) for kind in StreamValues}
    stream[StreamValues.ERRORS] = errors(1, 0.2, 0.2, 200_000)
    for name in DETECTORS:
        found = detector(name, **STATED.get(name, {}))
        values = stream[found.values]
        ours = speed(lambda many, one=found: one.begin().update_many(many), values)
        other = f", river {river_speed(name, values)}" if name in RIVER else ""
        print(f"{name:<17} {ours:,.0f} updates a second{other}")


if __name__ == "__main__":
    main()
