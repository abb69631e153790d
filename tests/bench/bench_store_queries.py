"""Queries at 1M (and, when asked, 10M) records of 50 models: chunks against plain rows, and finding among documents.

Run: python tests/bench/bench_store_queries.py [MILLIONS] [FOLDER]
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from watchkeeper.contracts.storage import Append, Durability, Namespace, Put, Storage
from watchkeeper.domain.table import Table
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

FEATURES = tuple(f"feature_{number:02}" for number in range(30))
MODELS, ROWS_AN_HOUR, FLUSH = 50, 10_000, 200
HOUR_US = 3_600_000_000
DOCUMENTS = 100_000
ROUNDS = 15
ALERTS = Namespace("alerts", index=("state", "severity", "changed", "model"))


class _Clock:
    def __init__(self) -> None:
        self.now = 1_221_436_800_000_000

    def now_us(self) -> int:
        return self.now


def model_name(model: int) -> str:
    return f"model_{model:02}"


def append(model: int, time_us: np.ndarray, rng: np.random.Generator) -> Append:
    rows = len(time_us)
    request = np.array([f"{model:02}-{each:x}" for each in time_us.tolist()], dtype=object)
    columns = {
        "request": request,
        "prediction": rng.random(rows),
        "label": rng.integers(0, 2, rows).astype(np.int8),
    }
    columns |= {name: rng.standard_normal(rows).astype(np.float32) for name in FEATURES}
    return Append("predictions", model_name(model), time_us, Table(columns), FEATURES)


def hours_of(records: int) -> int:
    return max(1, records // (MODELS * ROWS_AN_HOUR))


def fill(store: Storage, rows_file: sqlite3.Connection | None, records: int) -> int:
    """Hour by hour, flushes of 200 rows (as they come from a flusher); returns the end of the last hour."""
    rng = np.random.default_rng(2)
    start = 1_221_436_800_000_000
    seconds = 0.0
    for hour in range(hours_of(records)):
        for model in range(MODELS):
            begin = start + hour * HOUR_US
            time_us = begin + np.sort(rng.integers(0, HOUR_US, ROWS_AN_HOUR))
            for at in range(0, ROWS_AN_HOUR, FLUSH):
                one = append(model, time_us[at : at + FLUSH], rng)
                began = time.perf_counter()
                store.commit([one], Durability.FLUSHED)
                seconds += time.perf_counter() - began
                if rows_file is not None:
                    add_rows(rows_file, model, one)
    print(f"  {records:,} records written in flushes of {FLUSH}: {records / seconds:,.0f} rows/s")
    return start + hours_of(records) * HOUR_US


def add_rows(connection: sqlite3.Connection, model: int, one: Append) -> None:
    table = one.table
    features = np.column_stack([table[name] for name in FEATURES]).tobytes()
    blobs = (features[at : at + 120] for at in range(0, len(features), 120))
    rows = zip(
        [model] * len(one.time),
        one.time.tolist(),
        table["request"].tolist(),
        table["prediction"].tolist(),
        table["label"].tolist(),
        blobs,
        strict=True,
    )
    connection.execute("BEGIN")
    connection.executemany("INSERT OR IGNORE INTO row VALUES (?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")


def milliseconds(question: Callable[[], object]) -> float:
    question()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        question()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e3


def window(store: Storage, model: int, end: int, columns: list[str] | None) -> int:
    rows = 0
    for batch in store.scan("predictions", model_name(model), end - HOUR_US, end, columns):
        rows += len(batch.time)
        for name in batch.table:
            batch.table[name]
    return rows


def hourly(store: Storage, model: int) -> int:
    """Accuracy and mean score of each hour, from the raw rows of one model."""
    counts: dict[int, np.ndarray] = {}
    for batch in store.scan("predictions", model_name(model), columns=["prediction", "label"]):
        hours = (batch.time // HOUR_US).astype(np.int64)
        first = int(hours[0])
        right = (batch.table["prediction"] > 0.5) == batch.table["label"]
        weights = np.vstack(
            [
                np.bincount(hours - first),
                np.bincount(hours - first, right),
                np.bincount(hours - first, batch.table["prediction"]),
            ]
        )
        for at in range(weights.shape[1]):
            counts[first + at] = counts.get(first + at, 0) + weights[:, at]
    return len(counts)


def joined(store: Storage, model: int, end: int, outcomes: dict[str, int]) -> float:
    """Accuracy of the last hour over outcomes that came later, joined by request."""
    right = rows = 0
    for batch in store.scan("predictions", model_name(model), end - HOUR_US, end, ["request", "prediction"]):
        truth = np.array([outcomes.get(request, -1) for request in batch.table["request"].tolist()])
        known = truth >= 0
        right += int(np.sum((batch.table["prediction"][known] > 0.5) == truth[known]))
        rows += int(np.sum(known))
    return right / rows


def rows_window(connection: sqlite3.Connection, model: int, end: int) -> int:
    found = connection.execute(
        "SELECT time, prediction, label, features FROM row WHERE model = ? AND time >= ? AND time < ?",
        (model, end - HOUR_US, end),
    ).fetchall()
    np.frombuffer(b"".join(row[3] for row in found), dtype=np.float32).reshape(len(found), 30)
    return len(found)


def rows_hourly(connection: sqlite3.Connection, model: int) -> int:
    question = "SELECT time / ?, count(*), avg((prediction > 0.5) = label) FROM row WHERE model = ? GROUP BY 1"
    return len(connection.execute(question, (HOUR_US, model)).fetchall())


def finds(store: Storage) -> None:
    rng = np.random.default_rng(3)
    states = ["firing", "pending", "acknowledged", "resolved"]
    for start in range(0, DOCUMENTS, 2000):
        puts = [
            Put(
                ALERTS,
                f"{number:06}",
                {"summary": "accuracy fell below 0.8", "checks": 3},
                {
                    "state": states[min(int(rng.exponential(3.0)), 3) - 4],
                    "severity": int(rng.integers(3)),
                    "changed": int(rng.integers(10**9)),
                    "model": model_name(int(rng.integers(MODELS))),
                },
            )
            for number in range(start, start + 2000)
        ]
        store.commit(puts)
    first = time.perf_counter()
    store.find(ALERTS, {"state": "firing"}, ["-severity", "-changed"], limit=50)
    first = time.perf_counter() - first
    page = store.find(ALERTS, {"state": "firing"}, ["-severity", "-changed"], limit=50)
    for name, question in {
        "50 firing, worst and newest first": lambda: store.find(
            ALERTS, {"state": "firing"}, ["-severity", "-changed"], limit=50
        ),
        "the next 50": lambda: store.find(ALERTS, {"state": "firing"}, ["-severity", "-changed"], page[-1], 50),
        "50 of one model, newest first": lambda: store.find(ALERTS, {"model": "model_07"}, ["-changed"], limit=50),
        "one by its key": lambda: store.get(ALERTS, "012345"),
    }.items():
        print(f"  {name:36} {milliseconds(question):8.3f} ms")
    print(f"  (the first question of a shape makes its index: {first * 1e3:.0f} ms, once in the life of a store)")


def measure(store: Storage, rows_file: sqlite3.Connection | None, end: int) -> None:
    outcomes = {}
    for batch in store.scan("predictions", model_name(7), end - HOUR_US, end, ["request"]):
        outcomes |= dict.fromkeys(batch.table["request"].tolist(), 1)
    questions: dict[str, Callable[[], object]] = {
        "last hour with 30 features": lambda: window(store, 7, end, None),
        "last hour, narrow": lambda: window(store, 7, end, ["prediction", "label"]),
        "hourly metrics of one model": lambda: hourly(store, 7),
        "10k outcomes joined": lambda: joined(store, 7, end, outcomes),
        "span and keys": lambda: (store.span("predictions", model_name(7)), store.keys("predictions")),
    }
    if rows_file is not None:
        questions["plain rows: last hour with features"] = lambda: rows_window(rows_file, 7, end)
        questions["plain rows: hourly metrics"] = lambda: rows_hourly(rows_file, 7)
    for name, question in questions.items():
        print(f"  {name:36} {milliseconds(question):8.2f} ms")


def main() -> None:
    records = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 1_000_000
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=folder) as inner:
        clock = _Clock()
        store = SqliteStorage(SqliteOptions(f"sqlite:///{inner}/watch", scan_seconds=1e-6), clock)
        rows_file = None
        if records <= 1_000_000:
            rows_file = sqlite3.connect(f"{inner}/rows.db", isolation_level=None)
            rows_file.execute("PRAGMA journal_mode = WAL")
            rows_file.execute("PRAGMA synchronous = NORMAL")
            columns = "model INTEGER, time INTEGER, request TEXT, prediction REAL, label INTEGER, features BLOB"
            rows_file.execute(f"CREATE TABLE row ({columns}, PRIMARY KEY (model, time, request)) WITHOUT ROWID")
        end = fill(store, rows_file, records)
        print(f"{records:,} records of {MODELS} models, before compaction (chunks of {FLUSH}):")
        measure(store, rows_file, end)
        began = time.perf_counter()
        clock.now += 86_400_000_000
        while not store.maintain(10.0).is_finished:
            pass
        took = time.perf_counter() - began
        print(f"after compaction ({took:.1f} s, {records / took:,.0f} rows/s):")
        measure(store, None, end)
        clock.now += 1_000_000
        while not store.maintain(10.0).is_finished:
            pass
        size = sum(path.stat().st_size for path in Path(f"{inner}/watch/telemetry").glob("*.db*"))
        raw = 8 + 8 + 1 + 120 + 17
        print(f"  bytes a record: {size / records:.0f}, raw {raw}: {size / records / raw:.2f}")
        print(f"find among {DOCUMENTS:,} documents:")
        finds(store)
        store.close()
        if rows_file is not None:
            rows_file.close()


if __name__ == "__main__":
    main()
