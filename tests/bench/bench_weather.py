"""False alarms in a month, and the delay of a true one, where the levels of all columns wander for hours or days.

Hourly windows, each column standard normal around a level of its own: an AR(1) of rho and sd. The reference comes from
the same weather; nothing else changes, or after ten days the mean of one column by .5 sd. Run it with
``python tests/bench/bench_weather.py --rho .95 --sd .1 [--reference 200] [--features 30] [--rows 500] [--months 20]``.
"""

from __future__ import annotations

import argparse
from multiprocessing import Pool

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Table
from watchkeeper.monitor.alarms.blocks import cut_by_time
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.alarms.fitting import AlarmTerms, fitted_alarms

MONTH, CHANGE, MOVED_BY = 720, 240, 0.5
HOUR_US = 3_600_000_000
BUDGET = FalseAlarmBudget.parse("1 per 30d")
TERMS = AlarmTerms(WindowSize.parse("1h"), BUDGET)


@attrs.frozen
class Weather:
    """A setting."""

    rho: float
    sd: float
    reference: int
    features: int
    rows: int


def levels(rng: np.random.Generator, weather: Weather, windows: int) -> NDArray[np.float64]:
    """(windows,): a stationary AR(1)."""
    shocks = rng.standard_normal(windows) * weather.sd * np.sqrt(1.0 - weather.rho**2)
    level = np.empty(windows)
    level[0] = rng.standard_normal() * weather.sd
    for at in range(1, windows):
        level[at] = weather.rho * level[at - 1] + shocks[at]
    return level


def month(weather: Weather, seed: int) -> tuple[int, int | None]:
    """Alarms of a month in which nothing changes, and after how many windows a change was noticed, None if not."""
    rng = np.random.default_rng([seed, weather.features, int(1000 * weather.rho)])
    windows = weather.reference + MONTH
    columns = {
        f"f{at}": (rng.standard_normal((windows, weather.rows)) + levels(rng, weather, windows)[:, None]).ravel()
        for at in range(weather.features)
    }
    cut = weather.reference * weather.rows
    times = (np.arange(windows)[:, None] * HOUR_US + np.arange(weather.rows) * (HOUR_US // weather.rows)).ravel()
    normal = {name: column[:cut] for name, column in columns.items()}
    references = {name: ReferenceColumn.fit(name, column) for name, column in normal.items()}
    alarms = fitted_alarms(references, Table(normal), times[:cut], TERMS)
    if isinstance(alarms, str):
        raise SystemExit(alarms)
    live = {name: column[cut:] for name, column in columns.items()}
    calm = noticed(alarms, live, times[cut:])
    live["f0"] = live["f0"] + np.where(times[cut:] >= times[cut] + CHANGE * HOUR_US, MOVED_BY, 0.0)
    begin = int(times[cut]) + CHANGE * HOUR_US
    late = [when for when, column in noticed(alarms, live, times[cut:]) if column == "f0" and when > begin]
    return len({when for when, _ in calm}), (min(late) - begin - 1) // HOUR_US if late else None


def noticed(
    alarms: DriftAlarms, live: dict[str, NDArray[np.float64]], times: NDArray[np.int64]
) -> list[tuple[int, str]]:
    """When each alarm was noticed, and in which column."""
    duration = alarms.size.duration_us
    assert duration is not None
    evidence = alarms.advanced(alarms.fresh, alarms.blocks(Table(live), times, cut_by_time(times, duration)))
    return [(alarm.noticed_us, alarm.column) for alarm in (*evidence.ended, *evidence.open.values())]


def main() -> None:
    """Simulate the months and print what they were like."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rho", type=float, required=True)
    parser.add_argument("--sd", type=float, required=True, help="of the level, beside rows of 1")
    parser.add_argument("--reference", type=int, default=200, help="windows in the reference")
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--rows", type=int, default=500, help="in a window")
    parser.add_argument("--months", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    weather = Weather(chosen.rho, chosen.sd, chosen.reference, chosen.features, chosen.rows)
    with Pool(chosen.processes) as pool:
        months = pool.starmap(month, [(weather, seed) for seed in range(chosen.months)], 1)
    counts = np.array([count for count, _ in months])
    error = counts.std(ddof=1) / np.sqrt(len(counts)) if len(counts) > 1 else float("nan")
    delays = np.array([np.inf if delay is None else delay for _, delay in months])
    print(f"{weather}: {counts.mean():.2f} alarms a month (standard error {error:.2f})")
    told = f"{np.median(delays):g} windows (median of {len(delays)}), {int(np.isinf(delays).sum())} missed"
    print(f"a change by .5 sd is noticed after {told}")


if __name__ == "__main__":
    main()
