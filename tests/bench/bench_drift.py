"""How fast drift is computed: ratios to a plain scipy loop and to physical limits, measured in one run.

python tests/bench/bench_drift.py            # the drift report and the profile path
python tests/bench/bench_drift.py --quick    # a tenth of the rows
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from watchkeeper.contracts.drift import DriftDetector
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.profile import Profile, merge, profile
from watchkeeper.domain.records import packed
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Categories, Column

USUAL = ("ks", "psi", "jensen_shannon", "wasserstein", "chi2")
FURTHER = ("hellinger", "cramer_von_mises", "energy")
LABELS = tuple("abcdefghij")
ALLOWED_MEGABYTES = 60
"""What a fitted reference and a check of 100,000 rows may take beside the input."""
Found = dict[tuple[str, str], float]


def detectors(names: tuple[str, ...]) -> dict[str, DriftDetector]:
    """The built-in detectors of these names with default options."""
    found = {}
    for name in names:
        (plugin,) = import_module(f"watchkeeper_plugins.drift.{name}").watchkeeper_drift()
        found[name] = plugin.build(plugin.options())
    return found


def made(rows: int, numbers: int, categories: int, seed: int) -> dict[str, Column]:
    """Columns of rows: normal numbers and labels, a little different for each seed."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Column] = {f"x{at}": rng.normal(0.01 * seed, 1.0, rows) for at in range(numbers)}
    for at in range(categories):
        columns[f"c{at}"] = Categories(rng.integers(0, len(LABELS), rows).astype(np.int32), LABELS)
    return columns


def checked(
    references: Mapping[str, ReferenceColumn], current: Mapping[str, Column], using: Mapping[str, DriftDetector]
) -> Found:
    """Every statistic of every column."""
    found: Found = {}
    for name, column in current.items():
        comparison = Comparison(references[name], column)
        for title, detector in using.items():
            if references[name].kind in detector.columns:
                number = detector.compare(comparison).statistic.number
                assert number is not None, (name, title)
                found[title, name] = number
    return found


def by_scipy(reference: Mapping[str, Column], current: Mapping[str, Column]) -> Found:
    """The same five statistics in a plain loop over scipy's functions."""
    found: Found = {}
    for name, now in current.items():
        before = reference[name]
        if isinstance(before, Categories) and isinstance(now, Categories):
            counts = np.array([np.bincount(side.codes, minlength=len(LABELS)) for side in (before, now)])
        elif isinstance(before, np.ndarray) and isinstance(now, np.ndarray):
            edges = np.quantile(before, np.arange(1, 10) / 10, method="inverted_cdf")
            counts = np.array(
                [np.bincount(np.searchsorted(edges, side, "left"), minlength=10) for side in (before, now)]
            )
            found["ks", name] = stats.ks_2samp(before, now, method="asymp").statistic
            found["wasserstein", name] = stats.wasserstein_distance(before, now)
        p, q = (side / side.sum() for side in counts)
        found["psi", name] = float(stats.entropy(p, q) + stats.entropy(q, p))
        found["jensen_shannon", name] = jensenshannon(p, q, base=2)
        found["chi2", name] = stats.chi2_contingency(counts, correction=False).statistic
    return found


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The median of some runs."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def extra_megabytes(work: Callable[[], object]) -> float:
    """How much more memory numpy and Python held at most."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def report(rows: int) -> None:
    """A drift report of 50 numeric and 10 categorical columns."""
    reference, current = made(rows, 50, 10, 0), made(rows, 50, 10, 1)
    numbers = [column for column in current.values() if isinstance(column, np.ndarray)]
    usual, further = detectors(USUAL), detectors(FURTHER)

    def fit() -> dict[str, ReferenceColumn]:
        return {name: ReferenceColumn.fit(name, column) for name, column in reference.items()}

    references = fit()
    ours, theirs = checked(references, current, usual), by_scipy(reference, current)
    worst = max(abs(ours[key] - theirs[key]) / max(abs(theirs[key]), 1.0) for key in theirs)
    check = seconds(lambda: checked(references, current, usual), 7)
    scipy_loop = seconds(lambda: by_scipy(reference, current), 3)
    reading = seconds(lambda: [column.sum() for column in numbers], 7)
    sorting = seconds(lambda: [np.sort(column) for column in numbers], 7)
    print(f"{rows:,} x {rows:,} rows, 50 numeric + 10 categorical columns, {len(ours)} statistics")
    print(f"  check, fitted reference      {check:8.3f} s")
    print(f"  fit                          {seconds(fit, 3):8.3f} s")
    print(f"  plain scipy loop             {scipy_loop:8.3f} s   {scipy_loop / check:6.1f} x the check")
    print(f"  np.sort of the numbers       {sorting:8.3f} s   the check is {check / sorting:.1f} x")
    print(f"  reading the numbers (sum)    {reading:8.3f} s   the check is {check / reading:.0f} x")
    print(f"  largest difference to scipy  {worst:8.1e}")
    memory, fitting = extra_megabytes(lambda: checked(references, current, usual)), extra_megabytes(fit)
    is_held = "held" if memory + fitting < ALLOWED_MEGABYTES else "NOT HELD"
    print(
        f"  memory: fit {fitting:.0f} MB, check {memory:.1f} MB above the input; {ALLOWED_MEGABYTES} in all: {is_held}"
    )
    sizes = [len(packed(column.binned().to_record())) for column in references.values()]
    print(f"  a binned reference column: {max(sizes):,} bytes at most")
    for name, detector in (usual | further).items():
        alone = seconds(lambda only={name: detector}: checked(references, current, only), 3)
        print(f"    {name:18} alone, its sort included {alone:8.3f} s")


def profiles(rows: int) -> None:
    """Many rows on the profile path, against a reference of 100,000."""
    references = {name: ReferenceColumn.fit(name, column) for name, column in made(100_000, 50, 0, 0).items()}
    columns = made(rows, 50, 0, 1)
    usual = detectors(("ks", "jensen_shannon", "wasserstein"))

    def profiled(name: str) -> Profile:
        cells = references[name].cells
        assert cells is not None
        return profile(columns[name], cells)

    def check(threads: int) -> Found:
        if threads == 1:
            counted = [profiled(name) for name in columns]
        else:
            with ThreadPoolExecutor(threads) as pool:
                counted = list(pool.map(profiled, columns))
        return checked(references, dict(zip(columns, counted, strict=True)), usual)  # type: ignore[arg-type]

    numbers: list[NDArray[np.float64]] = [column for column in columns.values() if isinstance(column, np.ndarray)]
    one, two = seconds(lambda: check(1), 5), seconds(lambda: check(2), 5)
    sorting = seconds(lambda: [np.sort(column) for column in numbers], 3)
    reading = seconds(lambda: [column.sum() for column in numbers], 3)
    print(f"{rows:,} rows x 50 columns on the profile path: profile, KS, Jensen-Shannon, Wasserstein")
    print(f"  one thread                   {one:8.3f} s   {rows * 50 / one / 1e6:.0f} million values a second")
    print(f"  two threads                  {two:8.3f} s")
    print(f"  np.sort of whole columns     {sorting:8.3f} s   one thread is {one / sorting:.2f} x")
    print(f"  reading (sum)                {reading:8.3f} s   one thread is {one / reading:.0f} x")
    _bounds(references, columns, check(1))
    parts = np.array_split(numbers[0], 20)
    cells = references["x0"].cells
    assert cells is not None
    counted = [profile(part, cells) for part in parts]
    merging = seconds(lambda: [merge(counted[0], part) for part in counted[1:]], 9)
    print(
        f"  merging 20 profiles          {merging * 1e6:8.0f} µs   {len(packed(counted[0].to_record())):,} bytes each"
    )


def _bounds(references: Mapping[str, ReferenceColumn], columns: Mapping[str, Column], found: Found) -> None:
    names = list(columns)[:5]
    exact = checked(references, {name: columns[name] for name in names}, detectors(("ks", "wasserstein")))
    for title in ("ks", "wasserstein"):
        off = max(exact[title, name] - found[title, name] for name in names)
        print(f"  {title} below the exact value by  {off:8.1e} at most")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    factor = 10 if parser.parse_args().quick else 1
    report(100_000 // factor)
    profiles(1_000_000 // factor)


if __name__ == "__main__":
    main()
