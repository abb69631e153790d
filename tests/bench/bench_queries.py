"""What a dashboard and a check ask the store, at 1M (or, when asked, 10M) records of 50 models; rows in SQL beside it.

Run: python tests/bench/bench_queries.py [MILLIONS] [FOLDER]

Each line: the median of wall time, the median of this process's CPU time (on a busy machine the one that tells), and
the same question to the plain layout: a row a prediction in SQLite, clustered by (model, time), features as a BLOB.
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

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.cells import NumberCells, ordered_numbers
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Finding, Status, Verdict
from watchkeeper.domain.window import Window
from watchkeeper.monitor.history import keep_measurements, kept_measurements
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.monitor.records import PREDICTIONS
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.rollups.hours import told_hours
from watchkeeper.monitor.rollups.reading import window_profiles
from watchkeeper.monitor.rollups.tidying import merge_hours
from watchkeeper.monitor.standing import keep_standing, standings
from watchkeeper.monitor.stored_windows import records_between
from watchkeeper.monitor.time_order import sorted_rows
from watchkeeper_plugins.storage.sqlite import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

FEATURES = tuple(f"feature_{number:02}" for number in range(30))
MODELS, ROWS_AN_HOUR, FLUSH = 50, 10_000, 200
HOUR_US = 3_600_000_000
START_US = 490_000 * HOUR_US
CHECKED_HOURS = 48
ROUNDS = 15
ASKED = "model_07"
RNG = np.random.default_rng(1)
CELLS = {name: NumberCells.of(ordered_numbers(RNG.normal(size=100_000))) for name in FEATURES}
CELLS |= {"prediction": NumberCells.of(ordered_numbers(RNG.random(100_000)))}
METRICS = (
    "samples",
    "labelled",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "log_loss",
    "brier",
    "drift_share",
)
OF_A_FEATURE = ("ks", "psi", "missing_share", "infinite_share", "out_of_range_share", "constant", "quality_score")


class Clock:
    def __init__(self) -> None:
        self.time_us = START_US

    def now_us(self) -> int:
        return self.time_us


def model_name(model: int) -> str:
    return f"model_{model:02}"


def fill(store: Storage, plain: sqlite3.Connection | None, clock: Clock, hours: int) -> None:
    """Hour by hour in flushes of 200 rows of each model, every outcome a minute later."""
    recorder = Recorder(store, clock, flush_seconds=3600.0, rollups=True)
    for model in range(MODELS):
        recorder.declare(model_name(model), FEATURES, cells=CELLS)
    step_us = HOUR_US * FLUSH // ROWS_AN_HOUR
    seconds = 0.0
    for begin_us in range(START_US, START_US + hours * HOUR_US, step_us):
        came = []
        for model in range(MODELS):
            times = begin_us + np.sort(RNG.integers(0, step_us, FLUSH))
            came.append((model, times, RNG.normal(size=(FLUSH, len(FEATURES))), RNG.random(FLUSH)))
        clock.time_us = begin_us + step_us
        began = time.perf_counter()
        ids = [recorder.log(model_name(model), *rows, times_us=times) for model, times, *rows in came]
        for (model, times, _, said), names in zip(came, ids, strict=True):
            truth = (np.random.default_rng(model).random(FLUSH) < said).astype(np.float64)
            recorder.record_outcomes(model_name(model), names, truth, times_us=times + 60_000_000)
        recorder.flush()
        seconds += time.perf_counter() - began
        if plain is not None:
            add_plain(plain, came, ids)
    recorder.stop()
    records = hours * MODELS * ROWS_AN_HOUR
    print(f"{records:,} records with their outcomes logged: {records / seconds:,.0f} rows/s")


def add_plain(plain: sqlite3.Connection, came: list, ids: list) -> None:
    plain.execute("BEGIN")
    for (model, times, features, said), names in zip(came, ids, strict=True):
        blobs = [row.tobytes() for row in features]
        rows = zip([model] * FLUSH, times.tolist(), names, said.tolist(), blobs, strict=True)
        plain.executemany("INSERT INTO prediction VALUES (?, ?, ?, ?, ?)", rows)
        truth = (np.random.default_rng(model).random(FLUSH) < said).astype(float).tolist()
        plain.executemany("INSERT INTO outcome VALUES (?, ?, ?)", zip([model] * FLUSH, names, truth, strict=True))
    plain.execute("COMMIT")


def plain_layout(path: Path) -> sqlite3.Connection:
    plain = sqlite3.connect(path, isolation_level=None)
    plain.execute("PRAGMA journal_mode = WAL")
    plain.execute("PRAGMA synchronous = NORMAL")
    columns = "model INTEGER, time INTEGER, id TEXT, prediction REAL, features BLOB, PRIMARY KEY (model, time, id)"
    plain.execute(f"CREATE TABLE prediction ({columns}) WITHOUT ROWID")
    plain.execute("CREATE TABLE outcome (model INTEGER, id TEXT, outcome REAL, PRIMARY KEY (model, id)) WITHOUT ROWID")
    return plain


def keep_history(store: Storage, end_us: int) -> None:
    """Two days of hourly checks of one model, and the last check of every model."""
    for hour in range(CHECKED_HOURS):
        window = Window(end_us - (hour + 1) * HOUR_US, end_us - hour * HOUR_US, ROWS_AN_HOUR)
        found = [measurement(name, window) for name in METRICS]
        found += [measurement(name, window, feature=feature) for feature in CELLS for name in OF_A_FEATURE]
        keep_measurements(store, ASKED, found, window.end_us)
    window = Window(end_us - HOUR_US, end_us, ROWS_AN_HOUR)
    verdict = Verdict(Status.OK, (Finding(Status.OK, "samples", "10000 rows in the window"),))
    for model in range(MODELS):
        found = tuple(measurement(name, window) for name in METRICS)
        keep_standing(store, CheckResult(model_name(model), "1.0.0", window, verdict, found), METRICS, end_us)


def measurement(name: str, window: Window, **labels: str) -> Measurement:
    value = Value.of(0.7, samples=window.rows, interval=(0.69, 0.71))
    return Measurement(name, value, ASKED, "1.0.0", window, labels, {"p_value": 0.5, "threshold": 0.1})


def window_read(store: Storage, end_us: int) -> int:
    rows, table = sorted_rows(store.scan(PREDICTIONS, ASKED, end_us - HOUR_US, end_us, ["id", "prediction", *FEATURES]))
    return len(rows) * len(table.names)


def hourly_from_rows(store: Storage, since_us: int, end_us: int) -> list[float]:
    """Accuracy of each hour, its outcomes joined by id."""
    records = records_between(store, ASKED, since_us, end_us)
    hours = records.time // HOUR_US
    right = []
    for hour in np.unique(hours).tolist():
        rows = records.rows((hours == hour) & records.has_outcome)
        said = (rows.prediction >= 0.5).astype(np.int64)
        found = Evaluation("classification", rows.outcome.astype(np.int64), said, rows.prediction, ("0", "1"))
        right.append(float(np.trace(found.confusion)) / len(found))
    return right


def joined(store: Storage, end_us: int) -> int:
    return int(records_between(store, ASKED, end_us - HOUR_US, end_us).has_outcome.sum())


def overview_of_rollups(store: Storage, end_us: int) -> list[int]:
    """Rows of the last hour of every model, and whether all are profiled."""
    since_us = end_us - HOUR_US
    found = [told_hours(store, model_name(model), since_us, end_us) for model in range(MODELS)]
    return [sum(one.rows for hour in hours.values() for one in hour.counted) for hours in found]


def plain_window(plain: sqlite3.Connection, end_us: int) -> int:
    question = "SELECT time, id, prediction, features FROM prediction WHERE model = 7 AND time >= ? AND time < ?"
    rows = plain.execute(question, (end_us - HOUR_US, end_us)).fetchall()
    return np.frombuffer(b"".join(row[3] for row in rows)).reshape(len(rows), len(FEATURES)).size


def plain_hourly(plain: sqlite3.Connection, since_us: int) -> int:
    question = (
        "SELECT time / ?, count(*), avg((prediction >= 0.5) = outcome) FROM prediction JOIN outcome USING (model, id)"
        " WHERE model = 7 AND time >= ? GROUP BY 1"
    )
    return len(plain.execute(question, (HOUR_US, since_us)).fetchall())


def plain_join(plain: sqlite3.Connection, end_us: int) -> int:
    question = (
        "SELECT time, id, prediction, outcome FROM prediction LEFT JOIN outcome USING (model, id)"
        " WHERE model = 7 AND time >= ? AND time < ?"
    )
    return len(plain.execute(question, (end_us - HOUR_US, end_us)).fetchall())


def plain_overview(plain: sqlite3.Connection, end_us: int) -> int:
    question = (
        "SELECT model, count(*), avg((prediction >= 0.5) = outcome) FROM prediction JOIN outcome USING (model, id)"
        " WHERE time >= ? AND time < ? GROUP BY 1"
    )
    return len(plain.execute(question, (end_us - HOUR_US, end_us)).fetchall())


def milliseconds(question: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Medians of wall and CPU time."""
    question()
    wall, cpu = [], []
    for _ in range(rounds):
        began = time.perf_counter(), time.process_time()
        question()
        wall.append(time.perf_counter() - began[0])
        cpu.append(time.process_time() - began[1])
    return statistics.median(wall) * 1e3, statistics.median(cpu) * 1e3


def tell(name: str, question: Callable[[], object], plain: Callable[[], object] | None, bar: float | None) -> None:
    wall, cpu = milliseconds(question)
    told = f"  {name:44} {wall:8.2f} ms, CPU {cpu:7.2f}"
    if plain is not None:
        other, other_cpu = milliseconds(plain, 3)
        told += f"; plain rows {other:8.2f}, CPU {other_cpu:8.2f}: {other_cpu / cpu:6.1f}x"
    print(told + ("" if bar is None else f"  (at most {bar:g})"))


def measure(store: Storage, plain: sqlite3.Connection | None, hours: int) -> None:
    end_us = START_US + hours * HOUR_US
    since_us = end_us - min(hours, 2) * HOUR_US

    def rows(question: Callable[..., object], *arguments: int) -> Callable[[], object] | None:
        return None if plain is None else lambda: question(plain, *arguments)

    tell("last hour of one model, 30 features", lambda: window_read(store, end_us), rows(plain_window, end_us), 5)
    tell("10k outcomes joined", lambda: joined(store, end_us), rows(plain_join, end_us), 10)
    history = lambda: kept_measurements(store, ASKED, "accuracy", end_us - CHECKED_HOURS * HOUR_US)  # noqa: E731
    tell(f"hourly metrics of one model: {CHECKED_HOURS} kept", history, None, 5)
    told = f"the same from rows: {min(hours, 2)} h computed"
    tell(told, lambda: hourly_from_rows(store, since_us, end_us), rows(plain_hourly, since_us), None)
    tell("all models: a document each", lambda: standings(store), rows(plain_overview, end_us), 10)
    tell("all models: rows of an hour, from roll-ups", lambda: overview_of_rollups(store, end_us), None, None)
    merged = lambda: window_profiles(store, ASKED, START_US, end_us, CELLS)  # noqa: E731
    tell(f"profile of {hours} h x 31 columns, from roll-ups", merged, None, None)
    without = lambda: window_profiles(_WithoutRollups(store), ASKED, START_US, end_us, CELLS)  # noqa: E731
    wall, cpu = milliseconds(without, 3)
    print(f"  {'the same from rows':44} {wall:8.2f} ms, CPU {cpu:7.2f}")


class _WithoutRollups:
    def __init__(self, store: Storage) -> None:
        self.store = store

    def scan(self, stream: str, *arguments: object) -> object:
        return self.store.scan(stream, *arguments) if stream == PREDICTIONS else iter(())


def stored_bytes(folder: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in (folder / "telemetry").glob("*.db"):
        connection = sqlite3.connect(path)
        question = (
            "SELECT stream, sum(narrow_bytes + wide_bytes) FROM chunk JOIN series ON series.id = chunk.series"
            " WHERE retired_us IS NULL GROUP BY stream"
        )
        for stream, size in connection.execute(question):
            found[stream] = found.get(stream, 0) + size
        connection.close()
    return found


def main() -> None:
    records = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 1_000_000
    hours = max(1, records // (MODELS * ROWS_AN_HOUR))
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as inner:
        clock = Clock()
        store = SqliteStorage(SqliteOptions(f"sqlite:///{inner}/watch", scan_seconds=1e-6), clock)
        plain = plain_layout(Path(inner) / "plain.db") if records <= 1_000_000 else None
        fill(store, plain, clock, hours)
        keep_history(store, START_US + hours * HOUR_US)
        print(f"as it was flushed, {FLUSH} rows of each model at a time:")
        measure(store, plain, hours)
        clock.time_us += 5 * HOUR_US
        merged = sum(merge_hours(store, model_name(model), CELLS, clock.time_us) for model in range(MODELS))
        clock.time_us += 24 * HOUR_US
        for _ in range(2):
            while not store.maintain(10.0).is_finished:
                pass
            clock.time_us += HOUR_US
        print(f"after tidying ({merged} hours merged, small chunks compacted):")
        measure(store, plain, hours)
        sizes = stored_bytes(Path(inner) / "watch")
        told = ", ".join(f"{stream} {size / records:.1f}" for stream, size in sorted(sizes.items()))
        print(f"bytes a record: {told}")
        store.close()
        if plain is not None:
            plain.close()


if __name__ == "__main__":
    main()
