"""A folder of Parquet files checked by profile, against only reading it: threads, processes, Dask; counts equal.

Run: python tests/bench/bench_scale.py [FILES] [ROWS_PER_FILE] [FOLDER]      (the full size: 20 500000)
"""

from __future__ import annotations

import importlib.util
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from watchkeeper.domain.cells import NumberCells, ordered_numbers
from watchkeeper.domain.model import Task
from watchkeeper.monitor.evaluating import Judging, PredictionForm
from watchkeeper.monitor.scale.folder import planned_folder, profiled_folder
from watchkeeper.monitor.scale.questions import Question
from watchkeeper.plugins import Plugins

FEATURES = tuple(f"feature_{number:02}" for number in range(30))
ROUNDS = 3


def write(folder: Path, files: int, rows: int) -> None:
    for number in range(files):
        rng = np.random.default_rng(number)
        table = {name: rng.normal(0.1, 1.0, rows).astype(np.float32) for name in FEATURES}
        for name in FEATURES[:3]:
            table[name][rng.random(rows) < 0.01] = np.nan
        probability = rng.random(rows).astype(np.float32)
        table |= {"p": probability, "y": (rng.random(rows) < probability).astype(np.int8)}
        pq.write_table(pa.table(table), folder / f"part-{number:03}.parquet", row_group_size=131_072)


def question() -> Question:
    rng = np.random.default_rng(1)
    cells = {name: NumberCells.of(ordered_numbers(rng.normal(size=100_000).astype(np.float32))) for name in FEATURES}
    cells["prediction"] = NumberCells.of(ordered_numbers(rng.random(100_000)))
    return Question(cells, "p", Judging(Task.CLASSIFICATION, PredictionForm.PROBABILITY, ("0", "1")), outcome="y")


def only_read(folder: Path) -> int:
    """Every value decoded to numpy by one thread, and forgotten."""
    rows = 0
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1 << 17, use_threads=False):
                rows += sum(len(column.to_numpy(zero_copy_only=False)) for column in batch.columns) // len(
                    batch.columns
                )
    return rows


def numpy_sorted(folder: Path) -> int:
    """Read and sort every column, batch by batch: what any exact summary of quantiles needs at the least."""
    rows = 0
    for path in sorted(folder.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1 << 17, use_threads=False):
                rows += sum(len(np.sort(column.to_numpy(zero_copy_only=False))) for column in batch.columns)
    return rows


def seconds(work: Callable[[], object]) -> tuple[float, float, object]:
    """Medians of wall and of this process's CPU time, which alone tells on a busy machine."""
    wall, cpu, found = [], [], None
    for _ in range(ROUNDS):
        began = time.perf_counter(), time.process_time()
        found = work()
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    return statistics.median(wall), statistics.median(cpu), found


def ways() -> dict[str, Callable[[], Executor]]:
    plugins = Plugins()
    found: dict[str, Callable[[], Executor]] = {
        "1 thread": lambda: ThreadPoolExecutor(1),
        "2 threads": lambda: ThreadPoolExecutor(2),
        "2 processes (executor local)": plugins.build("executor", "local", {"workers": 2}).open,
    }
    if importlib.util.find_spec("distributed"):
        found["2 workers (executor dask)"] = plugins.build("executor", "dask", {"workers": 2}).open
    return found


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    rows = int(sys.argv[2]) if len(sys.argv) > 2 else 200_000
    with tempfile.TemporaryDirectory(dir=sys.argv[3] if len(sys.argv) > 3 else None) as inner:
        folder = Path(inner)
        write(folder, files, rows)
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{files} files x {rows:,} rows x {len(FEATURES)} float32 + prediction + outcome, {size / 1e6:,.0f} MB")
        reading, reading_cpu, _ = seconds(lambda: only_read(folder))
        print(f"  {'only reading, 1 thread':34} {reading:7.2f} s, CPU {reading_cpu:.2f}")
        sorting, cpu, _ = seconds(lambda: numpy_sorted(folder))
        told = f"{sorting / reading:5.2f} x reading, CPU {cpu:.2f}: {cpu / reading_cpu:.2f} x"
        print(f"  {'reading and sorting, 1 thread':34} {sorting:7.2f} s, {told}")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        asked, plan, first = question(), planned_folder(folder), None
        for name, open_pool in ways().items():
            took, cpu, found = seconds(lambda pool=open_pool: profiled_folder(plan, asked, pool))
            first = first or found
            assert found.profiles == first.profiles
            assert np.array_equal(found.evaluation.confusion, first.evaluation.confusion)
            rate = files * rows * (len(FEATURES) + 1) / took / 1e6
            told = f"  {name:34} {took:7.2f} s, {took / reading:5.2f} x reading, {rate:6.0f} M values/s"
            if name.endswith(("thread", "threads")):
                told += f", CPU {cpu:.2f}: {cpu / reading_cpu:.2f} x"
            if name == "1 thread":
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                told += f", {grown / 1024:.0f} MB more memory at the most (a float64 table: {size_of(files, rows)} MB)"
            print(told)
        print("  counts, sums, confusion and sample equal to the bit in all of them")


def size_of(files: int, rows: int) -> str:
    return f"{files * rows * (len(FEATURES) + 2) * 8 / 1e6:,.0f}"


if __name__ == "__main__":
    main()
