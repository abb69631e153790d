"""Register, promote, list and load beside MLflow with SQLite and local files, in one run: medians and ratios.

Run ``python tests/bench/bench_registry_mlflow.py``; it needs mlflow-skinny, sqlalchemy and alembic. Ours does more in
each line: register captures the environment, is durable and audited; promote is a compare-and-swap with guards and an
audit entry, MLflow's alias is a last write that wins; our loads are verified, MLflow's are not.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from watchkeeper.clock import SystemClock
from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.model import Stage
from watchkeeper.registry import Registry
from watchkeeper_plugins.formats.sklearn import build
from watchkeeper_plugins.storage.sqlite_store.options import SqliteOptions
from watchkeeper_plugins.storage.sqlite_store.store import SqliteStorage

INPUTS, TRUTH = load_breast_cancer(return_X_y=True)


def small(seed: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(random_state=seed, C=1 + seed / 1000)).fit(INPUTS, TRUTH)


def large(megabytes: int) -> LinearRegression:
    model = LinearRegression()
    model.coef_ = np.random.default_rng(0).normal(size=(1, megabytes * 2**20 // 8))
    model.intercept_, model.n_features_in_ = 0.0, model.coef_.shape[1]
    return model


def timed(work: Callable[[], Any], samples: list[float]) -> Any:
    start = time.perf_counter()
    found = work()
    samples.append((time.perf_counter() - start) * 1e3)
    return found


class Theirs:
    """MLflow as its guide shows it, with requirements given so that it does not infer them."""

    def __init__(self, folder: Path) -> None:
        import mlflow

        self.mlflow = mlflow
        address = f"sqlite:///{folder / 'mlflow.db'}"
        mlflow.set_tracking_uri(address)
        mlflow.set_registry_uri(address)
        place = (folder / "artifacts").as_uri()
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("bench", artifact_location=place))
        self.client = mlflow.MlflowClient()

    def register(self, model: Any, name: str) -> int:
        with self.mlflow.start_run():
            info = self.mlflow.sklearn.log_model(
                model, name="model", registered_model_name=name, pip_requirements=["scikit-learn"]
            )
        return int(info.registered_model_version)

    def promote(self, name: str, version: int) -> None:
        self.client.set_registered_model_alias(name, "champion", str(version))

    def load(self, name: str) -> Any:
        return self.mlflow.sklearn.load_model(f"models:/{name}@champion")

    def fill(self, name: str, count: int) -> None:
        for _ in range(count):
            self.client.create_model_version(name, "/nowhere")

    def listed(self, name: str) -> int:
        return len(self.client.search_model_versions(f"name='{name}'", max_results=10_000))


def bytes_under(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def report(work: str, ours: list[float], theirs: list[float]) -> None:
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"{work:<46} {mine:9.3f} {other:9.3f} {other / mine:7.1f}x")


def bench_small(registry: Registry, theirs: Theirs, rounds: int) -> None:
    names = ("register, small", "promote to production / set alias", "load small, warm (ours verified)")
    samples: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in names}
    for at in range(rounds):
        model = small(at)
        version = timed(lambda model=model: registry.register(model, "small"), samples[names[0]][0])
        number = timed(lambda model=model: theirs.register(model, "small"), samples[names[0]][1])
        registry.promote(version.ref, Stage.STAGING)
        timed(lambda ref=version.ref: registry.promote(ref, Stage.PRODUCTION), samples[names[1]][0])
        timed(lambda number=number: theirs.promote("small", number), samples[names[1]][1])
        for _ in range(3):
            timed(lambda: registry.load("small@production"), samples[names[2]][0])
            timed(lambda: theirs.load("small"), samples[names[2]][1])
    for name in names:
        report(name, *samples[name])


def bench_lists(registry: Registry, theirs: Theirs, count: int) -> None:
    model = small(0)
    theirs.client.create_registered_model("many")
    theirs.fill("many", count)
    for _ in range(count):
        registry.register(model, "many", metrics={"auc": 0.61})
    lines: list[float] = []
    versions: list[float] = []
    other: list[float] = []
    for _ in range(9):
        assert len(timed(lambda: registry.lines("many"), lines)) == count
        assert len(timed(lambda: registry.versions("many"), versions)) == count
        assert timed(lambda: theirs.listed("many"), other) == count
    report(f"list {count} versions (lines)", lines, other)
    report(f"list {count} versions (whole records, sealed)", versions, other)


def bench_large(registry: Registry, theirs: Theirs, folder: Path, megabytes: int) -> None:
    model = large(megabytes)
    before = bytes_under(folder / "watch"), bytes_under(folder / "artifacts")
    ours: tuple[list[float], list[float]] = ([], [])
    other: tuple[list[float], list[float]] = ([], [])
    for _ in range(3):
        version = timed(lambda: registry.register(model, "large"), ours[0])
        number = timed(lambda: theirs.register(model, "large"), other[0])
    registry.promote(version.ref, Stage.STAGING)
    registry.promote(version.ref, Stage.PRODUCTION)
    theirs.promote("large", number)
    for _ in range(5):
        timed(lambda: registry.load("large@production"), ours[1])
        timed(lambda: theirs.load("large"), other[1])
    report(f"register {megabytes} MiB", ours[0], other[0])
    report(f"load {megabytes} MiB (ours verified)", ours[1], other[1])
    size = megabytes * 2**20
    after = bytes_under(folder / "watch"), bytes_under(folder / "artifacts")
    mine, their = ((now - then) / size for now, then in zip(after, before, strict=True))
    print(f"three identical versions take {mine:.2f}x the bytes of one, MLflow's {their:.2f}x")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--versions", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=500)
    asked = parser.parse_args()
    try:
        import mlflow
    except ImportError:
        print("mlflow is not installed; pip install mlflow-skinny sqlalchemy alembic")
        return
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    print(f"MLflow {mlflow.__version__}\n{'work':<46} {'ours ms':>9} {'MLflow ms':>9} {'faster':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        storage = SqliteStorage(SqliteOptions(f"sqlite:///{folder / 'watch'}"))
        registry = Registry(storage, {"sklearn": build(NoOptions())}, SystemClock(), "bench")
        theirs = Theirs(folder)
        bench_small(registry, theirs, asked.rounds)
        bench_lists(registry, theirs, asked.versions)
        if asked.megabytes:
            bench_large(registry, theirs, folder, asked.megabytes)
        storage.close()


if __name__ == "__main__":
    main()
