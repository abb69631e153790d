"""What one log() costs its caller, beside a model's own prediction and beside a thread that never rests.

python tests/bench/bench_log.py
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from watchkeeper.clock import SystemClock
from watchkeeper.monitor.recorder import Recorder
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

FEATURES = tuple(f"f{at}" for at in range(30))
MODELS = tuple(f"model{at}" for at in range(50))
NEED = 8_333
"""Rows a second: 50 models, each with 10,000 predictions a minute."""


@contextmanager
def recorder_over_sqlite(*, has_journal: bool) -> Iterator[Recorder]:
    with tempfile.TemporaryDirectory() as folder:
        storage = build(SqliteOptions(f"sqlite:///{folder}/watch"))
        recorder = Recorder(storage, SystemClock(), journal=Path(folder) / "journal" if has_journal else None)
        for model in MODELS:
            recorder.declare(model, FEATURES)
        recorder.start()
        yield recorder
        recorder.stop()
        storage.close()


@contextmanager
def spinning_thread(*, is_wanted: bool) -> Iterator[None]:
    """A thread that computes in pure Python and never gives up the interpreter by itself."""
    if not is_wanted:
        yield
        return
    is_done = threading.Event()

    def spin() -> None:
        count = 0
        while not is_done.is_set():
            for _ in range(1000):
                count += 1

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    yield
    is_done.set()
    thread.join()


def costs(call: Callable[[int], object], calls: int) -> list[float]:
    """Microseconds of each call, sorted, without what the clock itself costs."""
    found = []
    for at in range(calls):
        before = time.perf_counter_ns()
        call(at)
        found.append(time.perf_counter_ns() - before)
    idle = statistics.median(-time.perf_counter_ns() + time.perf_counter_ns() for _ in range(10_001))
    return sorted(max(cost - idle, 0) / 1000 for cost in found)


def costs_at_need(call: Callable[[int], object], seconds: float) -> list[float]:
    """The same at `NEED` calls a second, from a thread that sleeps in between, as one that serves requests does."""
    found: list[float] = []
    begin = time.perf_counter()
    while (now := time.perf_counter() - begin) < seconds:
        for at in range(len(found), int(now * NEED)):
            before = time.perf_counter_ns()
            call(at)
            found.append((time.perf_counter_ns() - before) / 1000)
        time.sleep(0.002)
    return sorted(found)


def told(costs_us: list[float]) -> str:
    at = len(costs_us)
    return f"p50 {costs_us[at // 2]:6.2f} us   p99 {costs_us[at * 99 // 100]:7.2f} us   max {costs_us[-1]:9.1f} us"


def main() -> None:
    random = np.random.default_rng(7)
    rows = random.normal(size=(1000, len(FEATURES)))
    model = LogisticRegression().fit(rows, rows[:, 0] > 0)
    forms: dict[str, Callable[[Recorder], Callable[[int], object]]] = {
        "array row": lambda recorder: lambda at: recorder.log(MODELS[at % 50], rows[at % 1000], 0.5),
        "(1, d) and (1,)": lambda recorder: lambda at: recorder.log(MODELS[at % 50], rows[at % 1000 :][:1], ONE),
        "list": lambda recorder: lambda at: recorder.log(MODELS[at % 50], LIST, 0.5),
        "mapping": lambda recorder: lambda at: recorder.log(MODELS[at % 50], MAPPING, 0.5),
    }
    predict = costs(lambda at: model.predict_proba(rows[at % 1000 : at % 1000 + 1]), 5_000)
    print(f"{'sklearn, one row':38} {told(predict)}")
    for has_journal in (False, True):
        for name, form in forms.items():
            with recorder_over_sqlite(has_journal=has_journal) as recorder:
                found = costs(form(recorder), 50_000)
            share = statistics.median(found) / statistics.median(predict)
            print(f"{'log, ' + name + ', journal' * has_journal:38} {told(found)}   {share:6.2%} of a prediction")
    for has_journal in (False, True):
        for is_spinning in (False, True):
            with recorder_over_sqlite(has_journal=has_journal) as recorder, spinning_thread(is_wanted=is_spinning):
                found = costs_at_need(forms["array row"](recorder), 5.0)
                lag = recorder.stats().longest_lag_seconds
            label = "at need" + " beside a spinning thread" * is_spinning + ", journal" * has_journal
            print(f"{label:38} {told(found)}   flush lag at most {lag:.2f} s")


ONE = np.array([0.5])
LIST = [0.5] * len(FEATURES)
MAPPING = dict.fromkeys(FEATURES, 0.5)

if __name__ == "__main__":
    main()
