"""Durable ingest: chunks against the raw disk and against a row a prediction; 8 writer processes and their shares.

Run: python tests/bench/bench_store_ingest.py [FOLDER]
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from itertools import repeat
from pathlib import Path

import numpy as np

from watchkeeper.contracts.storage import Append, Durability
from watchkeeper.domain.table import Table
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

FEATURES = tuple(f"feature_{number:02}" for number in range(30))
MODELS, COMMITS, ROWS = 50, 300, 1000
NEED_PER_SECOND = 50 * 10_000 / 60
ROUNDS = 9


def append(rng: np.random.Generator, start: int, rows: int) -> Append:
    columns = {
        "version": np.full(rows, 3, dtype=np.int16),
        "request": rng.integers(0, 2**63, rows),
        "prediction": rng.random(rows),
        "label": rng.integers(0, 2, rows).astype(np.int8),
    }
    columns |= {name: rng.standard_normal(rows).astype(np.float32) for name in FEATURES}
    model = f"model_{start // rows % MODELS:02}"
    return Append("predictions", model, np.arange(start, start + rows, dtype=np.int64), Table(columns), FEATURES)


def size_of(one: Append) -> int:
    return one.time.nbytes + sum(column.nbytes for column in one.table.columns.values())


def raw_seconds(folder: Path, appends: list[Append]) -> float:
    data = os.urandom(size_of(appends[0]))
    path = folder / "raw"
    began = time.perf_counter()
    with path.open("wb") as file:
        for _ in appends:
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    took = time.perf_counter() - began
    path.unlink()
    return took


def raw_synced_seconds(folder: Path, appends: list[Append]) -> float:
    """The same bytes, synced once a commit: what no store that keeps its word can beat on this disk."""
    data = os.urandom(size_of(appends[0]))
    path = folder / "raw"
    began = time.perf_counter()
    with path.open("wb", buffering=0) as file:
        for _ in appends:
            file.write(data)
            os.fdatasync(file.fileno())
    took = time.perf_counter() - began
    path.unlink()
    return took


def chunk_seconds(folder: Path, appends: list[Append], durability: Durability) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        store = build(SqliteOptions(f"sqlite:///{inner}"))
        for one in appends[:MODELS]:
            store.commit([one])  # the first commit of a model makes its series
        began = time.perf_counter()
        for one in appends:
            store.commit([one], durability)
        took = time.perf_counter() - began
        store.close()
    return took


def row_seconds(folder: Path, appends: list[Append], *, is_clustered: bool) -> float:
    """The plain layout, synchronous=FULL: a row a prediction, the features as one BLOB.

    Clustered by (model, time), or in the order of arrival with an index on (model, time).
    """
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        connection = sqlite3.connect(Path(inner) / "rows.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        columns = "model INTEGER, time INTEGER, request INTEGER, version INTEGER, prediction REAL, label INTEGER"
        columns += ", features BLOB"
        if is_clustered:
            connection.execute(f"CREATE TABLE row ({columns}, PRIMARY KEY (model, time, request)) WITHOUT ROWID")
        else:
            connection.execute(f"CREATE TABLE row ({columns})")
            connection.execute("CREATE INDEX row_time ON row (model, time)")
        began = time.perf_counter()
        for one in appends:
            table = one.table
            features = np.column_stack([table[name] for name in FEATURES])
            width = features.shape[1] * 4
            data = features.tobytes()
            rows = zip(
                repeat(int(one.key[-2:])),
                one.time.tolist(),
                table["request"].tolist(),
                table["version"].tolist(),
                table["prediction"].tolist(),
                table["label"].tolist(),
                (data[at : at + width] for at in range(0, len(data), width)),
            )
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
        took = time.perf_counter() - began
        connection.close()
    return took


def write_for(folder: str, writer: int, seconds: float, barrier, results) -> None:
    store = build(SqliteOptions(f"sqlite:///{folder}"))
    rng = np.random.default_rng(writer)
    one = append(rng, 0, 100)
    longest, commits, errors = 0.0, 0, 0
    barrier.wait()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            store.commit([one])
            commits += 1
        except Exception as error:  # noqa: BLE001 - counted, and shown
            print(error)
            errors += 1
        longest = max(longest, time.monotonic() - began)
    store.close()
    results.put((writer, commits, longest, errors))


def fairness(folder: Path, writers: int = 8, seconds: float = 4.0) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(writers), spawn.Queue()
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        processes = [
            spawn.Process(target=write_for, args=(inner, writer, seconds, barrier, results))
            for writer in range(writers)
        ]
        for process in processes:
            process.start()
        told = [results.get() for _ in processes]
        for process in processes:
            process.join()
    commits = [each[1] for each in told]
    mean = statistics.mean(commits)
    print(f"{writers} writers of 100-row commits, synced, {seconds:g} s:")
    print(f"  commits: least {min(commits)}, mean {mean:.0f}, most {max(commits)}")
    print(f"  least share of a fair one: {min(commits) / mean:.2f} (at least 0.5)")
    print(f"  longest wait: {max(each[2] for each in told):.3f} s; errors: {sum(each[3] for each in told)}")
    print(f"  all together: {sum(commits) * 100 / seconds:,.0f} rows/s")


def measured(folder: Path, appends: list[Append]) -> dict[str, list[float]]:
    """Seconds of each way to write the appends, all ways in turn, many short rounds."""
    ways = {
        "raw": lambda: raw_seconds(folder, appends),
        "raw, synced": lambda: raw_synced_seconds(folder, appends),
        "chunks, synced": lambda: chunk_seconds(folder, appends, Durability.SYNCED),
        "chunks, flushed": lambda: chunk_seconds(folder, appends, Durability.FLUSHED),
        "rows, clustered": lambda: row_seconds(folder, appends, is_clustered=True),
        "rows, indexed": lambda: row_seconds(folder, appends, is_clustered=False),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            times[name].append(way())
    return times


def report(title: str, times: dict[str, list[float]], count: int, size: int) -> None:
    """The ratios of the medians; and of the best rounds, which on a busy machine say more."""
    print(title)
    for how, pick in (("medians", statistics.median), ("best rounds", min)):
        took = {name: pick(found) for name, found in times.items()}
        synced = took["chunks, synced"]
        print(f" {how} of {ROUNDS}:")
        for name, seconds in took.items():
            print(f"  {name:16} {size / seconds / 1e6:8,.0f} MB/s  {count / seconds:12,.0f} rows/s")
        print(f"  synced chunks / raw sequential write: {took['raw'] / synced:.3f} (at least 0.10 at 1,000 rows)")
        print(f"  synced chunks / raw, synced once a commit: {took['raw, synced'] / synced:.2f}")
        for name in ("rows, clustered", "rows, indexed"):
            print(f"  synced chunks / {name}: {took[name] / synced:.1f} (at least 4 at 1,000 rows)")
        times_need = count / synced / NEED_PER_SECOND
        print(f"  synced chunks / need of {NEED_PER_SECOND:,.0f} rows/s: {times_need:.0f} (at least 10)")


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.gettempdir())
    rng = np.random.default_rng(1)
    for rows in (ROWS, ROWS // 10):
        appends = [append(rng, number * rows, rows) for number in range(COMMITS)]
        size = sum(size_of(one) for one in appends)
        count = rows * len(appends)
        title = f"{len(appends)} commits of {rows} rows x {size // count} bytes, {MODELS} models"
        report(title, measured(folder, appends), count, size)
    fairness(folder)


if __name__ == "__main__":
    main()
