"""False alarms in a month and the delay of true ones: watchkeeper's drift alarms beside its peers' default rules.

A month of hourly windows of 500 rows, 30 numeric features and a categorical one, a reference of 200 windows; nothing
changes, or something does after ten days. The peers' rules are applied to the 30 numeric features. A delay of 0 means
that the first changed window raised the alarm. Run it with
``python tests/bench/bench_false_alarms.py [--seeds 20] [--processes 2]``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from multiprocessing import Pool
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Column, Table
from watchkeeper.monitor.alarms.blocks import cut_by_time
from watchkeeper.monitor.alarms.drift import Blocks, DriftAlarms
from watchkeeper.monitor.alarms.evidence import Evidence
from watchkeeper.monitor.alarms.fitting import AlarmTerms, fitted_alarms

REFERENCE, MONTH, ROWS, FEATURES, CHANGE = 200, 720, 500, 30, 240
HOUR_US = 3_600_000_000
BUDGET = FalseAlarmBudget.parse("1 per 30d")
NEVER = MONTH
LABELS = ("a", "b", "c", "d")
SHARES = np.array([0.4, 0.3, 0.2, 0.1])
MOVE = np.array([0.1, -0.1, 0.0, 0.0])

Rows = NDArray[np.float64]
"""(windows, 500) float64."""


def wander(rng: np.random.Generator, windows: int, *, heavy: bool = False) -> Rows:
    """(windows, 1): an AR(1) with rho .8 and sd .10, which is ordinary weather."""
    warm = 100
    shocks = rng.standard_t(3, windows + warm) / np.sqrt(3.0) if heavy else rng.standard_normal(windows + warm)
    level = np.zeros(windows + warm)
    for at in range(1, windows + warm):
        level[at] = 0.8 * level[at - 1] + 0.06 * shocks[at]
    return level[warm:, None]


def independent(rng: np.random.Generator, windows: int) -> Rows:
    return rng.standard_normal((windows, ROWS))


def wandering(rng: np.random.Generator, windows: int) -> Rows:
    return independent(rng, windows) + wander(rng, windows)


def heavy_tailed(rng: np.random.Generator, windows: int) -> Rows:
    return rng.standard_t(3, (windows, ROWS)) / np.sqrt(3.0)


def seasonal(rng: np.random.Generator, windows: int) -> Rows:
    """The hour of the day moves the mean (a wave of .3 sd, and an irregular part) and the spread (a wave of 20 %)."""
    hour = np.arange(windows) % 24
    level = 0.3 * np.sin(2 * np.pi * (hour + rng.integers(24)) / 24) + (0.1 * rng.standard_normal(24))[hour]
    spread = 1.0 + 0.2 * np.sin(2 * np.pi * (hour + rng.integers(24)) / 24)
    return independent(rng, windows) * spread[:, None] + level[:, None]


def seasonal_wandering(rng: np.random.Generator, windows: int) -> Rows:
    return seasonal(rng, windows) + wander(rng, windows)


def heavy_wandering(rng: np.random.Generator, windows: int) -> Rows:
    """Rows and the shocks of the weather both from Student's t3: whole hours jump."""
    return heavy_tailed(rng, windows) + wander(rng, windows, heavy=True)


WORLDS: dict[str, Callable[[np.random.Generator, int], Rows]] = {
    "independent": independent,
    "wandering": wandering,
    "heavy-tailed": heavy_tailed,
    "seasons": seasonal,
    "seasons, wandering": seasonal_wandering,
    "heavy-tailed weather": heavy_wandering,
}
REQUIRED = ("independent", "wandering", "heavy-tailed", "seasons")

CHANGES: dict[str, tuple[int, Callable[[Rows], Rows]]] = {
    "+.25 sd in 1": (1, lambda rows: rows + 0.25),
    "+.25 sd in 3": (3, lambda rows: rows + 0.25),
    "+.5 sd in 1": (1, lambda rows: rows + 0.5),
    "doubled spread": (1, lambda rows: rows * 2.0),
}
SHARE_MOVES = "share +.10"
LABELLED = "label"
POLICIES = ("any p < .05", "any p < .05/30", "any > mean + 3 sd", "half p < .05")


@attrs.frozen
class Run:
    """One seed in one world."""

    false_alarms: dict[str, int]
    delays: dict[str, int]


def run(world: str, seed: int, reference: int) -> Run:
    """Simulate one month, without and with changes."""
    columns = {f"f{at}": _column(world, seed, at, reference) for at in range(FEATURES)}
    calm, moved = _labels(seed, reference)
    alarms, blocks = _fitted({**columns, LABELLED: calm}, reference)
    delays = {}
    for name, (features, change) in CHANGES.items():
        changed = {f"f{at}": _changed(columns[f"f{at}"], change, reference) for at in range(features)}
        delays[name] = _delay(alarms, _replaced(alarms, blocks, changed), set(changed))
    delays[SHARE_MOVES] = _delay(alarms, _replaced(alarms, blocks, {LABELLED: moved}), {LABELLED})
    return Run({"watchkeeper": len(_onsets(alarms, blocks)), **_peers(columns, reference)}, delays)


def _column(world: str, seed: int, at: int, reference: int) -> Column:
    rng = np.random.default_rng([list(WORLDS).index(world), seed, at])
    return WORLDS[world](rng, reference + MONTH).ravel()


def _times(windows: int, first: int = 0) -> NDArray[np.int64]:
    starts = np.arange(first, first + windows) * HOUR_US
    return (starts[:, None] + np.arange(ROWS) * (HOUR_US // ROWS)).ravel()


def _fitted(columns: dict[str, Column], reference: int) -> tuple[DriftAlarms, Blocks]:
    cut = reference * ROWS
    normal = {name: column[:cut] for name, column in columns.items()}
    references = {name: ReferenceColumn.fit(name, column) for name, column in normal.items()}
    alarms = fitted_alarms(references, Table(normal), _times(reference), AlarmTerms(WindowSize.parse("1h"), BUDGET))
    if isinstance(alarms, str):
        raise SystemExit(alarms)
    return alarms, _blocks(alarms, {name: column[cut:] for name, column in columns.items()}, reference, MONTH)


def _blocks(alarms: DriftAlarms, columns: dict[str, Column], first: int, windows: int) -> Blocks:
    times = _times(windows, first)
    return alarms.blocks(Table(columns), times, cut_by_time(times, _duration(alarms)))


def _duration(alarms: DriftAlarms) -> int:
    """How long a block lasts: the window, or a part of it when the reference is short."""
    if alarms.size.duration_us is None:
        raise SystemExit("the reference has times, and its blocks have none")
    return alarms.size.duration_us


def _changed(column: Column, change: Callable[[Rows], Rows], reference: int) -> Column:
    begin = (reference + CHANGE) * ROWS
    return np.asarray(change(column[begin:]))


def _replaced(alarms: DriftAlarms, blocks: Blocks, changed: dict[str, Column]) -> Blocks:
    values = blocks.values.copy()
    first = int(blocks.start_us[0]) // HOUR_US + CHANGE
    cut = cut_by_time(_times(MONTH - CHANGE, first), _duration(alarms))
    for name, column in changed.items():
        legs = [at for at, (found, _) in enumerate(alarms.series) if found == name]
        values[-len(cut) :, legs] = alarms.legs[name].statistics(column, cut.block, len(cut))
    return attrs.evolve(blocks, values=values)


def _onsets(alarms: DriftAlarms, blocks: Blocks) -> list[tuple[int, str]]:
    """When each alarm was noticed, in windows since the month began, and in which column; one a window at most."""
    evidence: Evidence = alarms.advanced(alarms.fresh, blocks)
    every = (*evidence.ended, *evidence.open.values())
    first = int(blocks.start_us[0])
    found: dict[int, str] = {}
    for alarm in every:
        found.setdefault((alarm.noticed_us - first - 1) // HOUR_US, alarm.column)
    return sorted(found.items())


def _delay(alarms: DriftAlarms, blocks: Blocks, columns: set[str]) -> int:
    evidence = alarms.advanced(alarms.fresh, blocks)
    first = int(blocks.start_us[0])
    windows = [
        (alarm.noticed_us - first - 1) // HOUR_US - CHANGE
        for alarm in (*evidence.ended, *evidence.open.values())
        if alarm.column in columns
    ]
    return min((window for window in windows if window >= 0), default=NEVER)


def _labels(seed: int, reference: int) -> tuple[Categories, Categories]:
    """A column without a change, and what follows when one label has .10 more and the next .10 less."""
    rng = np.random.default_rng([99, seed])
    calm = rng.choice(4, size=(reference + MONTH) * ROWS, p=SHARES)
    moved = rng.choice(4, size=(MONTH - CHANGE) * ROWS, p=SHARES + MOVE)
    return Categories(calm.astype(np.int32), LABELS), Categories(moved.astype(np.int32), LABELS)


def _peers(columns: dict[str, Column], reference: int) -> dict[str, int]:
    """Windows in which each default rule alarms: Kolmogorov-Smirnov distances, asymptotic p-values."""
    from scipy.special import kolmogorov

    distance = np.array([_distances(column, reference) for column in columns.values()])
    usual, month = distance[:, :reference], distance[:, reference:]
    rows = reference * ROWS
    p = kolmogorov(np.sqrt(rows * ROWS / (rows + ROWS)) * month)
    edge = usual.mean(axis=1) + 3.0 * usual.std(axis=1, ddof=1)
    fired = (
        (p < 0.05).any(axis=0),
        (p < 0.05 / FEATURES).any(axis=0),
        (month > edge[:, None]).any(axis=0),
        (p < 0.05).mean(axis=0) >= 0.5,
    )
    return dict(zip(POLICIES, (int(found.sum()) for found in fired), strict=True))


def _distances(column: Column, reference: int) -> NDArray[np.float64]:
    assert not isinstance(column, Categories)
    normal = np.sort(column[: reference * ROWS])
    windows = np.sort(column.reshape(-1, ROWS), axis=1)
    below = np.searchsorted(normal, windows.ravel()).reshape(windows.shape) / len(normal)
    steps = np.arange(ROWS) / ROWS
    return np.maximum(np.abs(below - steps).max(axis=1), np.abs(below - steps - 1.0 / ROWS).max(axis=1))


def _report(world: str, runs: Iterable[Run]) -> None:
    every = list(runs)
    print(f"{world}:")
    for policy in every[0].false_alarms:
        counts = np.array([found.false_alarms[policy] for found in every])
        error = counts.std(ddof=1) / np.sqrt(len(counts)) if len(counts) > 1 else float("nan")
        print(f"  false alarms a month, {policy:<20} {counts.mean():7.2f} (standard error {error:.2f})")
    for change in every[0].delays:
        delays = np.array([found.delays[change] for found in every])
        missed = int((delays == NEVER).sum())
        told = f"median {np.median(delays):5.1f}, worst {delays.max():4d}, missed {missed}"
        print(f"  delay in windows, {change:<24} {told}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--reference", type=int, default=REFERENCE, help="windows in the reference")
    parser.add_argument("--worlds", nargs="*", default=list(WORLDS), choices=list(WORLDS))
    chosen: Any = parser.parse_args()
    with Pool(chosen.processes) as pool:
        for world in chosen.worlds:
            _report(world, pool.starmap(run, [(world, seed, chosen.reference) for seed in range(chosen.seeds)], 1))


if __name__ == "__main__":
    main()
