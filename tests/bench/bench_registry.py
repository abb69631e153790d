"""What register, promote and a verified load cost, beside a floor: pickle, SHA-256 and one SQLite row.

Run ``python tests/bench/bench_registry.py``; it prints medians in milliseconds and ratios measured in one run. The
floor does no format, no environment, no audit chain, no stages and no compare-and-swap: a bound, not a product.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from watchkeeper.clock import SystemClock
from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper_plugins.formats.sklearn import build
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage


def models() -> Iterator[tuple[str, Any]]:
    """A small model of 10 kB, and one that is kept as a file of its own."""
    inputs, truth = load_breast_cancer(return_X_y=True)
    yield "scaler + logistic", make_pipeline(StandardScaler(), LogisticRegression()).fit(inputs, truth)
    yield "boosting, 30 trees", GradientBoostingClassifier(n_estimators=30, random_state=0).fit(inputs, truth)


class Floor:
    """Pickle, a digest, and a row in a SQLite file that is synced at each commit."""

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE version (number INTEGER PRIMARY KEY, digest TEXT, data BLOB, stage TEXT)"
        )

    def register(self, model: Any) -> int:
        data = pickle.dumps(model)
        digest = hashlib.sha256(data).hexdigest()
        row = self._connection.execute("INSERT INTO version (digest, data) VALUES (?, ?)", (digest, data))
        return int(row.lastrowid or 0)

    def promote(self, number: int) -> None:
        self._connection.execute("UPDATE version SET stage = 'production' WHERE number = ?", (number,))

    def load(self, number: int) -> Any:
        digest, data = self._connection.execute(
            "SELECT digest, data FROM version WHERE number = ?", (number,)
        ).fetchone()
        if hashlib.sha256(data).hexdigest() != digest:
            raise AssertionError("the floor's own bytes changed")
        return pickle.loads(data)  # noqa: S301 - written by ourselves a moment ago

    def versions(self) -> list[tuple[Any, ...]]:
        return self._connection.execute("SELECT number, digest, stage FROM version ORDER BY number").fetchall()

    def close(self) -> None:
        self._connection.close()


def timed(work: Callable[[], Any], samples: list[float]) -> Any:
    start = time.perf_counter()
    found = work()
    samples.append((time.perf_counter() - start) * 1e3)
    return found


def measure(model: Any, rounds: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Medians in ms of (ours, floor); one round of each in turn, so that both see the same machine."""
    storage = SqliteStorage(SqliteOptions(f"sqlite:///{folder / 'watch'}"))
    registry = Registry(storage, {"sklearn": build(NoOptions())}, SystemClock(), "bench")
    floor = Floor(folder)
    samples: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("register", "promote", "load verified")
    }
    step = _varied(model)
    for at in range(rounds):
        step(at)
        version = timed(lambda: registry.register(model, "bench"), samples["register"][0])
        number = timed(lambda: floor.register(model), samples["register"][1])
        registry.promote(version.ref, Stage.STAGING)
        timed(lambda ref=version.ref: registry.promote(ref, Stage.PRODUCTION), samples["promote"][0])
        timed(lambda key=number: floor.promote(key), samples["promote"][1])
        timed(lambda: registry.load("bench@production"), samples["load verified"][0])
        timed(lambda key=number: floor.load(key), samples["load verified"][1])
    again: tuple[list[float], list[float]] = ([], [])
    for _ in range(5):
        timed(lambda: registry.versions("bench"), again[0])
        timed(floor.versions, again[1])
    floor.close()
    storage.close()
    result = {name: (statistics.median(ours), statistics.median(base)) for name, (ours, base) in samples.items()}
    result[f"list {rounds} versions"] = (statistics.median(again[0]), statistics.median(again[1]))
    return result


def _varied(model: Any) -> Callable[[int], None]:
    """Make the model a little different each time: the same bytes would be stored once."""

    def change(at: int) -> None:
        last = model[-1] if hasattr(model, "steps") else model
        last.set_params(random_state=at)

    return change


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    print(f"{'model':<20} {'work':<18} {'ours ms':>9} {'floor ms':>9} {'ratio':>7}")
    for title, model in models():
        with tempfile.TemporaryDirectory() as folder:
            for work, (ours, floor) in measure(model, rounds, Path(folder)).items():
                print(f"{title:<20} {work:<18} {ours:9.3f} {floor:9.3f} {ours / floor:6.1f}x")


if __name__ == "__main__":
    main()
