"""Six classification metrics in one fused pass, against six scikit-learn calls in the same run.

Prints medians in milliseconds and the ratio at 10k, 100k and 1M rows, binary and unweighted (the goal is 20 times, and
less than 100 ms at 1M), then weighted and ten classes at 100k, and what every metric of each task costs together in a
window of 10,000 rows (the goal is 5 ms).
"""

from __future__ import annotations

import importlib
import pkgutil
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn import metrics as sk

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper_plugins import metrics
from watchkeeper_plugins.metrics import accuracy, f1, log_loss, precision, recall, roc_auc

SIX: list[Metric] = [
    accuracy.build(NoOptions()),
    precision.build(precision.Options()),
    recall.build(recall.Options()),
    f1.build(f1.Options()),
    roc_auc.build(NoOptions()),
    log_loss.build(NoOptions()),
]


def median_ms(work: Callable[[], object], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def ours(*arrays: np.ndarray, weights: np.ndarray | None = None) -> list[float | None]:
    truth, predicted, scores = arrays
    classes = tuple(str(code) for code in range(2 if scores.ndim == 1 else scores.shape[1]))
    rows = Evaluation("classification", truth, predicted, scores, classes, weights)
    return [metric.compute(rows).number for metric in SIX]


def theirs(*arrays: np.ndarray, weights: np.ndarray | None = None) -> list[float]:
    truth, predicted, scores = arrays
    kind = {"average": "binary"} if scores.ndim == 1 else {"average": "macro"}
    several = {} if scores.ndim == 1 else {"multi_class": "ovr"}
    return [
        sk.accuracy_score(truth, predicted, sample_weight=weights),
        sk.precision_score(truth, predicted, sample_weight=weights, **kind),
        sk.recall_score(truth, predicted, sample_weight=weights, **kind),
        sk.f1_score(truth, predicted, sample_weight=weights, **kind),
        sk.roc_auc_score(truth, scores, sample_weight=weights, **several),
        sk.log_loss(truth, scores, sample_weight=weights),
    ]


def report(title: str, arrays: tuple[np.ndarray, ...], weights: np.ndarray | None = None) -> None:
    found, expected = ours(*arrays, weights=weights), theirs(*arrays, weights=weights)
    gap = max(abs(mine - other) for mine, other in zip(found, expected, strict=True))
    repeats = 7 if len(arrays[0]) > 200_000 else 31
    mine = median_ms(lambda: ours(*arrays, weights=weights), repeats)
    other = median_ms(lambda: theirs(*arrays, weights=weights), max(repeats // 3, 3))
    print(f"{title:28s} {other:10.2f} {mine:10.2f} {other / mine:8.1f}x   {gap:.1e}")


def every_metric(task: str) -> list[Metric]:
    found = []
    for module in pkgutil.iter_modules(metrics.__path__):
        hook = getattr(importlib.import_module(f"{metrics.__name__}.{module.name}"), "watchkeeper_metrics", None)
        built = [plugin.build(plugin.options()) for plugin in hook()] if hook else []
        found += [metric for metric in built if task in metric.tasks]
    return found


def all_of_them(found: list[Metric], task: str, columns: tuple) -> None:
    rows = Evaluation(task, *columns)
    for metric in found:
        metric.compute(rows)


def window_of_10k() -> None:
    rng = np.random.default_rng(8)
    scores, moves = rng.random(10_000), rng.normal(0.0, 0.01, 10_000)
    truth = (rng.random(10_000) < scores).astype(np.int64)
    windows = {
        "classification": (truth, (scores > 0.5).astype(np.int64), scores, ("no", "yes")),
        "regression": (np.exp(moves), np.exp(moves + rng.normal(0.0, 0.01, 10_000))),
        "score": (moves, moves + rng.normal(0.0, 0.1, 10_000)),
    }
    print(f"\n{'10,000 rows, every metric':28s} {'metrics':>10s} {'ms':>10s}   the slowest")
    for task, columns in windows.items():
        found = every_metric(task)
        warm = Evaluation(task, *columns)
        each = {type(metric).__name__: median_ms(partial(metric.compute, warm), 5) for metric in found}
        slowest = max(each, key=each.__getitem__)
        together = median_ms(partial(all_of_them, found, task, columns), 11)
        print(f"{task:28s} {len(found):10d} {together:10.2f}   {slowest} {each[slowest]:.2f}")


def main() -> None:
    rng = np.random.default_rng(7)
    print(f"{'rows':28s} {'sklearn ms':>10s} {'ours ms':>10s} {'ratio':>9s}   largest difference")
    for rows in (10_000, 100_000, 1_000_000):
        scores = rng.random(rows)
        truth = (rng.random(rows) < scores).astype(np.int64)
        report(f"{rows:,}", (truth, (scores > 0.5).astype(np.int64), scores))
    scores = rng.random(100_000)
    truth = (rng.random(100_000) < scores).astype(np.int64)
    report("100,000 weighted", (truth, (scores > 0.5).astype(np.int64), scores), rng.random(100_000))
    table = rng.dirichlet(np.ones(10), 100_000)
    truth = (table.cumsum(axis=1) > rng.random((100_000, 1))).argmax(axis=1)
    report("100,000 of 10 classes", (truth, table.argmax(axis=1), table))
    window_of_10k()


if __name__ == "__main__":
    main()
