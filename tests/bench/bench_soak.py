"""Fifty models at 10,000 predictions a minute each, checked every ten seconds: is a row lost, and how late is a check?

Two processes over one store, as in production: one answers requests and logs each prediction by itself, its outcome two
seconds later; the other does what ``watchkeeper run`` does, round after round. Afterwards the rows in the store are
counted against the calls. A check's latency is one model's whole cycle: read the window, measure, count evidence, keep
what was measured, evaluate the rules.

    python tests/bench/bench_soak.py [--minutes 5] [--models 50] [--rate 10000] [--every 10s] [--features 30]
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import resource
import tempfile
import threading
import time
from collections import deque
from contextlib import closing
from itertools import islice
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
from pyarrow import parquet

import watchkeeper
from watchkeeper.app.rounds import rounds
from watchkeeper.app.watchkeeper import Watchkeeper
from watchkeeper.contracts.storage import Namespace, Put
from watchkeeper.domain.spans import Duration
from watchkeeper.domain.table import Categories
from watchkeeper.monitor import learned

REFERENCE_ROWS, REFERENCE_MINUTES = 12_000, 60
OUTCOME_DELAY = 2.0
WARM_SECONDS = 75.0
TICK = 0.005
ARRAYS = 60_007
MIB = 1024.0
KINDS = [kind for kind in vars(learned).values() if isinstance(kind, Namespace)]


@attrs.frozen
class Load:
    """What is logged and checked."""

    folder: Path
    models: int
    rate: int
    """Predictions a minute of each model."""
    features: int
    minutes: float
    every: str

    @property
    def names(self) -> list[str]:
        """The models' names."""
        return [f"model{at:02d}" for at in range(self.models)]

    @property
    def a_second(self) -> float:
        """Predictions a second of all models."""
        return self.models * self.rate / 60.0


def prepare(load: Load) -> None:
    """Write a reference and the configuration of all models."""
    rng = np.random.default_rng(1)
    rows, probability = drawn(rng, REFERENCE_ROWS, load.features)
    begin_us = time.time_ns() // 1000 - (REFERENCE_MINUTES + 60) * 60_000_000
    times = begin_us + np.arange(REFERENCE_ROWS) * (REFERENCE_MINUTES * 60_000_000 // REFERENCE_ROWS)
    columns = {f"f{at}": rows[:, at] for at in range(load.features)}
    outcome = (rng.random(REFERENCE_ROWS) < probability).astype(float)
    table = pa.table({"time": pa.array(times, pa.timestamp("us")), "p": probability, "y": outcome, **columns})
    parquet.write_table(table, load.folder / "reference.parquet")
    names = ", ".join(f'"{name}"' for name in columns)
    told = ['[project]\nname = "soak"\n']
    told += [
        f'[models.{model}]\ntask = "classification"\nreference = "reference.parquet"\nwindow = "1m"\n'
        f'columns = {{ time = "time", id = "id", prediction = "p", outcome = "y", features = [{names}] }}\n'
        for model in load.names
    ]
    (load.folder / "watchkeeper.toml").write_text("\n".join(told), encoding="utf-8")


def drawn(rng: np.random.Generator, rows: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows, features) and the probabilities (rows,) of a model that is right about them."""
    matrix = rng.normal(size=(rows, features))
    return matrix, 1.0 / (1.0 + np.exp(-matrix[:, 0]))


def fitted(load: Load) -> Watchkeeper:
    """The project with every model fitted, as a process is some time after it was started."""
    watch = watchkeeper.open(load.folder / "watchkeeper.toml")
    for model in load.names:
        watch.told_of(model)
    return watch


def log_all(load: Load, ready: Barrier, is_over: Event, answers: Any) -> None:
    """Log at the rate until the time is over."""
    rng = np.random.default_rng(os.getpid())
    rows, probability = drawn(rng, ARRAYS, load.features)
    turned_out = (rng.random(ARRAYS) < probability).astype(float).tolist()
    said = probability.tolist()
    waiting: deque[tuple[float, str, str, float]] = deque()
    names = load.names
    with fitted(load) as watch:
        systems = watch._systems
        ready.wait()
        begin, used = time.perf_counter(), time.process_time()
        lags, logged, outcomes, late = [], 0, 0, 0.0
        while (now := time.perf_counter() - begin) < load.minutes * 60.0:
            due = int(now * load.a_second)
            late = max(late, (due - logged) / load.a_second)
            for at in range(logged, due):
                model, row = names[at % len(names)], at % ARRAYS
                name = watch.log(model, rows[row], said[row])
                waiting.append((now + OUTCOME_DELAY, model, name, turned_out[row]))
            logged = due
            outcomes += told_outcomes(watch, waiting, now)
            lags.append(systems.recorder.stats().flush_lag_seconds)
            time.sleep(TICK)
        outcomes += told_outcomes(watch, waiting, float("inf"))
        watch.flush()
        stats = systems.recorder.stats()
        used = time.process_time() - used
    is_over.set()
    answers.put(
        {
            "who": "logger",
            "logged": logged,
            "outcomes": outcomes,
            "cpu": used,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB,
            "lag": float(np.quantile(lags, 0.5)),
            "longest": stats.longest_lag_seconds,
            "late": late,
            "refused": stats.refused,
            "blocked": stats.blocked_calls,
            "failures": stats.failures,
        }
    )


def told_outcomes(watch: Watchkeeper, waiting: deque[tuple[float, str, str, float]], now: float) -> int:
    """Record the outcomes that are due, model by model; how many."""
    due = sum(1 for _ in iter_due(waiting, now))
    by_model: dict[str, tuple[list[str], list[float]]] = {}
    for _, model, name, outcome in islice(waiting, due):
        ids, values = by_model.setdefault(model, ([], []))
        ids.append(name)
        values.append(outcome)
    for model, (ids, values) in by_model.items():
        watch.record_outcomes(model, ids, np.array(values))
    for _ in range(due):
        waiting.popleft()
    return due


def iter_due(waiting: deque[tuple[float, str, str, float]], now: float) -> Any:
    """Those at the front whose time has come."""
    for entry in waiting:
        if entry[0] > now:
            return
        yield entry


def check_all(load: Load, ready: Barrier, is_over: Event, answers: Any) -> None:
    """Do what ``watchkeeper run --every`` does until the logging is over; time each model's cycle."""
    taken: list[tuple[float, float]] = []
    began: list[float] = []
    seen: dict[str, int] = {}
    with fitted(load) as watch:
        check = watch.check

        def timed(model: str, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                result = check(model, **options)
            except Exception as error:
                seen[f"{type(error).__name__}: {error}"] = seen.get(f"{type(error).__name__}: {error}", 0) + 1
                raise
            finally:
                taken.append((start - begin, time.perf_counter() - start))
            seen[result.status.value] = seen.get(result.status.value, 0) + 1
            return result

        watch.check = timed  # type: ignore[assignment, method-assign]  # the clock is put around what a round calls
        ready.wait()
        begin = time.perf_counter()
        time.sleep(min(Duration.parse(load.every).us / 1e6, load.minutes * 20.0))
        used = time.process_time()
        with closing(rounds(watch, Duration.parse(load.every), stop=stopped(is_over))) as each:
            began.append(time.perf_counter())
            began.extend(time.perf_counter() for _ in each)
        used = time.process_time() - used
    answers.put(
        {
            "who": "checker",
            "taken": taken,
            "rounds": len(began) - 1,
            "between": float(np.median(np.diff(began)[1:])) if len(began) > 2 else float("nan"),
            "seen": seen,
            "cpu": used,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MIB,
        }
    )


def share_what_is_learned(load: Load) -> None:
    """Fit one model; the others have the same reference, and find in the store what it taught."""
    with watchkeeper.open(load.folder / "watchkeeper.toml") as watch:
        watch.told_of(load.names[0])
        storage = watch._systems.storage
        for kind in KINDS:
            found = storage.get(kind, load.names[0])
            if found is not None:
                storage.commit([Put(kind, model, found.value) for model in load.names[1:]])


def stopped(is_over: Event) -> threading.Event:
    """An event of this process that is set when the other process says that it is over."""
    own = threading.Event()

    def wait() -> None:
        is_over.wait()
        own.set()

    threading.Thread(target=wait, daemon=True).start()
    return own


def counted(load: Load) -> tuple[int, int, int, int]:
    """Predictions in the store and their distinct ids, outcomes and theirs."""
    found = []
    with watchkeeper.open(load.folder / "watchkeeper.toml") as watch:
        storage = watch._systems.storage
        for stream in ("predictions", "outcomes"):
            rows, names = 0, 0
            for model in load.names:
                seen: set[str] = set()
                for batch in storage.scan(stream, model, None, None, ["id"]):
                    ids = batch.table["id"]
                    seen.update((ids.texts() if isinstance(ids, Categories) else ids).tolist())
                    rows += len(batch.time)
                names += len(seen)
            found += [rows, names]
    return found[0], found[1], found[2], found[3]


def report(load: Load, logger: dict[str, Any], checker: dict[str, Any]) -> bool:
    """Print what happened; whether nothing was lost."""
    predictions, names, outcomes, outcome_names = counted(load)
    began, taken = np.array(checker["taken"]).T
    warm = taken[began > min(WARM_SECONDS, load.minutes * 30.0)]
    is_whole = bool(predictions == names == logger["logged"] and outcomes == outcome_names == logger["outcomes"])
    minutes = load.minutes
    print(f"{load.models} models, {load.features} features, {load.a_second:,.0f} predictions a second, {minutes:g} min")
    print(
        f"logged {logger['logged']:,} predictions, {logger['outcomes']:,} outcomes; in the store {predictions:,} with"
    )
    print(f"{names:,} ids, {outcomes:,} with {outcome_names:,} ids: {'nothing lost' if is_whole else 'NOT EQUAL'}")
    print(
        f"flush lag p50 {logger['lag']:.3f} s, at most {logger['longest']:.2f} s; the logger was at most "
        f"{logger['late']:.2f} s behind its clock; {logger['refused']} refused, {logger['blocked']} calls blocked, "
        f"{logger['failures']} failures"
    )
    print(
        f"{len(taken)} checks in {checker['rounds']} rounds, a round every {checker['between']:.1f} s: latency "
        f"p50 {np.quantile(taken, 0.5):.3f} s, p99 {np.quantile(taken, 0.99):.3f} s, max {taken.max():.3f} s; "
        f"{checker['seen']}"
    )
    print(
        f"{len(warm)} of them when windows were full: p50 {np.quantile(warm, 0.5):.3f} s, "
        f"p99 {np.quantile(warm, 0.99):.3f} s, max {warm.max():.3f} s"
    )
    print(
        f"CPU seconds a minute: logging {logger['cpu'] / minutes:.1f}, checking {checker['cpu'] / minutes:.1f} "
        f"of {60 * (os.cpu_count() or 1)}; memory {logger['memory']:.0f} and {checker['memory']:.0f} MiB at most"
    )
    return is_whole


def main() -> None:
    """Run the load and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--rate", type=int, default=10_000, help="predictions a minute of each model")
    parser.add_argument("--features", type=int, default=30)
    parser.add_argument("--every", default="10s")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        load = Load(Path(folder), chosen.models, chosen.rate, chosen.features, chosen.minutes, chosen.every)
        prepare(load)
        share_what_is_learned(load)
        start = time.perf_counter()
        fitted(load).close()
        print(f"{load.models} models started in {time.perf_counter() - start:.1f} s, their references learned before")
        context = mp.get_context("spawn")
        ready, is_over, answers = context.Barrier(2), context.Event(), context.Queue()
        workers = [context.Process(target=work, args=(load, ready, is_over, answers)) for work in (log_all, check_all)]
        for worker in workers:
            worker.start()
        told = {answer["who"]: answer for answer in (answers.get(), answers.get())}
        for worker in workers:
            worker.join()
        if not report(load, told["logger"], told["checker"]):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
