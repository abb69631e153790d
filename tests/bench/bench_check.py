"""One incremental check: 10,000 rows have come since the last one, the reference is fitted; how long is it, and where?

A model with 30 features and the six metrics of classification. First the metrics alone. Then a whole check of rows that
are at hand and whose evidence is counted, as `WatchedModel.check` gets them: metrics, estimates, quality, verdict (the
bar is 5 ms), and with two drift detectors on every feature. Then from the store, as ``watchkeeper run`` does it, with
everything that is read, counted and kept; 60,000 rows lie before the window.
CPU milliseconds, medians, and the best of a check at hand: what else the machine does costs cache.

    python tests/bench/bench_check.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import watchkeeper
from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.domain.spans import WindowSize
from watchkeeper.monitor.alarms.counting import counted_evidence
from watchkeeper.monitor.alarms.drift import DriftAlarms
from watchkeeper.monitor.alarms.performance import risk_alone
from watchkeeper.monitor.evaluating import evaluation_of
from watchkeeper.monitor.measuring import Subject, measured_metrics
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.stored_windows import stored_records

FEATURES, ROWS, REFERENCE = 30, 10_000, 50_000
SPACING_US = 6_000
BEGIN_US = 1_767_571_200_000_000
SIX = '["accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"]'


class Clock:
    """Says when the last row came."""

    def __init__(self) -> None:
        self.time_us = BEGIN_US + (REFERENCE + 1) * SPACING_US

    def now_us(self) -> int:
        """UTC microseconds since 1970."""
        return self.time_us


@contextmanager
def project(drift: str) -> Iterator[tuple[Watchkeeper, Clock]]:
    """A model over a store of its own, fitted."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        matrix, said, came = drawn(rng, REFERENCE)
        columns = {f"f{at}": matrix[:, at] for at in range(FEATURES)}
        times = pa.array(BEGIN_US + SPACING_US * np.arange(REFERENCE), pa.timestamp("us"))
        parquet.write_table(
            pa.table({"ts": times, "p": said, "y": came, **columns}), Path(folder) / "reference.parquet"
        )
        names = ", ".join(f'"{name}"' for name in columns)
        (Path(folder) / "watchkeeper.toml").write_text(
            f'[project]\nname = "bench"\n[models.m]\ntask = "classification"\nreference = "reference.parquet"\n'
            f'window = "{ROWS} rows"\nmetrics = {SIX}\ndrift = {drift}\n'
            f'columns = {{ time = "ts", id = "id", prediction = "p", outcome = "y", features = [{names}] }}\n',
            encoding="utf-8",
        )
        clock = Clock()
        with watchkeeper.open(Path(folder) / "watchkeeper.toml", clock=clock) as watch:
            watch.told_of("m")
            yield watch, clock


def drawn(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (rows, 30), probabilities that are right about them (rows,), outcomes (rows,)."""
    matrix = rng.normal(size=(rows, FEATURES))
    said = 1.0 / (1.0 + np.exp(-matrix[:, 0]))
    return matrix, said, (rng.random(rows) < said).astype(np.float64)


def log_window(watch: Watchkeeper, clock: Clock, rng: np.random.Generator) -> None:
    """10,000 rows and their outcomes, in the store."""
    matrix, said, came = drawn(rng, ROWS)
    times = clock.time_us + SPACING_US * np.arange(ROWS)
    ids = watch.log("m", matrix, said, times_us=times)
    watch.record_outcomes("m", ids, came, times_us=times + 1_000)
    watch.flush()
    clock.time_us = int(times[-1]) + 2_000_000


def last_window(watch: Watchkeeper) -> Records:
    """The rows that a check would look at."""
    systems = watch._systems
    return stored_records(systems.storage, "m", WindowSize.parse(f"{ROWS} rows"), systems.models.watched("m").recorded)


def spent(work: Callable[[], object], rounds: int) -> list[float]:
    """CPU milliseconds of each round, ascending."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(1e3 * (time.process_time() - start))
    return sorted(found)


def measured(drift: str, rounds: int) -> None:
    """Print what a check costs, at hand and from the store."""
    rng = np.random.default_rng(2)
    with project(drift) as (watch, clock):
        for _ in range(6):
            log_window(watch, clock, rng)
        watch.check("m")
        systems = watch._systems
        model = systems.models.watched("m")
        rows = last_window(watch)
        subject = Subject("m", None, rows.window)
        now_us = clock.time_us
        counted = (
            counted_evidence(systems.storage, "m", model.alarms) if isinstance(model.alarms, DriftAlarms) else None
        )
        risk = None if isinstance(model.risk, str) else risk_alone(model.risk, model.judging, rows)
        at_hand = spent(lambda: model.check(rows, now_us, counted, risk), rounds)
        metrics = spent(lambda: measured_metrics(subject, evaluation_of(rows, model.judging), model.metrics), rounds)
        read = spent(lambda: last_window(watch), rounds)
        checks = []
        for _ in range(rounds):
            log_window(watch, clock, rng)
            start = time.process_time()
            watch.check("m")
            checks.append(1e3 * (time.process_time() - start))
        kept = len(watch.check("m").measurements)
    told = (median(metrics), median(at_hand), at_hand[0], median(read), median(checks))
    print(f"{drift:16} " + " ".join(f"{spent_ms:10.2f}" for spent_ms in told) + f" {kept:12}")


def main() -> None:
    """Measure with metrics alone, and with drift."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print("CPU ms, 10,000 rows")
    print(
        f"{'drift':16} {'metrics':>8} {'at hand':>8} {'best':>8} {'reading':>8} {'from store':>14} {'measurements':>14}"
    )
    for drift in ("[]", '["ks", "psi"]'):
        measured(drift, rounds)


if __name__ == "__main__":
    main()
