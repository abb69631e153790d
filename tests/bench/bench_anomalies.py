"""Anomalies: balanced accuracy where they are known, against sklearn's defaults; false alarms; a real series.

Run ``python tests/bench/bench_anomalies.py``; ``--quick`` takes 3 seeds. The real series, of the UCR archive, comes
with the wheel of ``aeon``; without it that part is left out.
"""

import csv
import importlib.util
import sys
import time
from pathlib import Path

import numpy as np

from watchkeeper.alerting.anomalies.detector import LOOKS_BACK, AnomalyDetector, needed
from watchkeeper.alerting.anomalies.methods import Method

CHECKS = 2_000
CLEAN = 1_000
METRICS = 10
HOUR_US = 3_600_000_000
SHARE = 0.06
SIZES = {
    "stated": {"spike": (5.0, 8.0), "shift": (2.5, 4.0), "variance": (3.5, 5.0)},
    "weak": {"spike": (3.5, 6.0), "shift": (1.5, 2.5), "variance": (2.5, 3.5)},
}
KINDS = {"spikes": ("spike",), "shifts": ("shift",), "variance": ("variance",), "mixed": ("spike", "shift", "variance")}
RATE = 0.01
"""False alarms in each check: 7 in 30 days of hourly checks."""
BUDGET = 1 / 720
"""1 per 30d of hourly checks."""
TIMES = np.arange(CHECKS) * HOUR_US
SHORT_CHECKS = 150
CLEAN_SERIES = {
    "normal, 1 metric": lambda rng, checks: noise(rng, checks, 1),
    "normal, 10 metrics": lambda rng, checks: noise(rng, checks, METRICS),
    "Student t, 4 degrees, 1 metric": lambda rng, checks: rng.standard_t(4, size=(checks, 1)),
    "strongly persistent (0.95), 1 metric": lambda rng, checks: noise(rng, checks, 1, 0.95),
}


def generated(seed, kinds, size="stated", metrics=METRICS):
    """(n, k) daily waves and AR(1) noise of standard deviation 1, and (n,) which rows have an anomaly.

    The first half is clean; then 6 % of the rows are anomalous: single spikes, or 10 to 29 rows of a shifted level or
    wider noise, in 1 to 4 of the metrics.
    """
    rng = np.random.default_rng(seed)
    is_anomaly = np.zeros(CHECKS, bool)
    widened, added = np.ones((CHECKS, metrics)), np.zeros((CHECKS, metrics))
    while is_anomaly.sum() < SHARE * (CHECKS - CLEAN):
        kind = kinds[rng.integers(len(kinds))]
        length = 1 if kind == "spike" else int(rng.integers(10, 30))
        begin = int(rng.integers(CLEAN, CHECKS - length))
        if is_anomaly[begin : begin + length].any():
            continue
        chosen = rng.choice(metrics, size=int(rng.integers(1, min(metrics, 4) + 1)), replace=False)
        strength = rng.uniform(*SIZES[size][kind], size=len(chosen))
        rows = np.ix_(range(begin, begin + length), chosen)
        if kind == "variance":
            widened[rows] = strength
        else:
            added[rows] += strength * rng.choice([-1, 1], size=len(chosen))
        is_anomaly[begin : begin + length] = True
    season = np.sin(2 * np.pi * (np.arange(CHECKS)[:, None] / 24 + rng.random(metrics))) * rng.uniform(
        0.5, 1.5, metrics
    )
    return noise(rng, CHECKS, metrics) * widened + added + season, is_anomaly


def noise(rng, checks, metrics, persistence=0.6):
    steps = rng.normal(size=(checks, metrics)) * np.sqrt(1 - persistence**2)
    values = np.empty_like(steps)
    before = rng.normal(size=metrics)
    for row, step in enumerate(steps):
        before = persistence * before + step
        values[row] = before
    return values


def balanced_accuracy(truth, told):
    return 0.5 * (told[truth].mean() + (~told[~truth]).mean())


def p_values(values, rate, method=Method.ALL, times=TIMES, clean=CLEAN):
    detector = AnomalyDetector.fit(times[:clean], values[:clean], rate, method)
    begin = max(clean - LOOKS_BACK, 0)
    return np.array(
        [found.p_value for found in detector.judge_each(times[begin:], values[begin:], len(values) - clean)]
    )


def defaults(values):
    from sklearn.ensemble import IsolationForest

    return IsolationForest(random_state=0).fit_predict(values)[CLEAN:] == -1


def compared(seeds, size, metrics, methods=(Method.ALL,)):
    """By kind of anomaly, for each way of looking: the balanced accuracy of each seed."""
    table = {}
    for kind, kinds in KINDS.items():
        for seed in seeds:
            values, truth = generated(seed, kinds, size, metrics)
            told = {"sklearn IsolationForest(), raw columns": defaults(values)}
            told |= {
                f"method {method.value!r}, 1 % of checks": p_values(values, RATE, method) < RATE for method in methods
            }
            told["method 'all', 1 per 30d"] = p_values(values, BUDGET) < BUDGET
            for name, found in told.items():
                score = balanced_accuracy(truth[CLEAN:], found)
                table.setdefault(name, {}).setdefault(kind, []).append(score)
    return table


def show(title, table):
    print(f"\n{title}: balanced accuracy of checks, mean (worst seed)")
    print(f"{'':40}" + "".join(f"{kind:>16}" for kind in KINDS))
    for name, by_kind in table.items():
        cells = (f"{np.mean(found):.3f} ({min(found):.2f})" for found in by_kind.values())
        print(f"{name:40}" + "".join(f"{cell:>16}" for cell in cells))


def bench_false_alarms(seeds):
    """Clean series: how many checks are called anomalies, and how many alarms that makes, in multiples of the budget.

    An alarm ends when no check was called an anomaly for 12 checks: by then no score remembers it.
    """
    print("\nfalse alarms on clean series, method 'all', times what was asked for: checks, alarms")
    for name, draw in CLEAN_SERIES.items():
        told = []
        for rate in (RATE, BUDGET):
            called = [p_values(draw(np.random.default_rng([seed, 7]), CHECKS), rate) < rate for seed in seeds]
            expected = rate * (CHECKS - CLEAN)
            told.append(f"{np.mean(called) / rate:5.2f}, {np.mean(alarms_of(called)) / expected:4.2f} at {rate:.4f}")
        print(f"  {name:38} {'   '.join(told)}")


def bench_shortest(seeds):
    """Clean series again, judged by the shortest history that is accepted, for the 150 checks after it."""
    print("\nfalse alarms with the shortest history, times what was asked for: alarms (standard error)")
    for method in (Method.ALL, Method.Z, Method.EWMA, Method.SPREAD, Method.SHAPE):
        fewer = seeds[: len(seeds) // 8] if method is Method.ALL else seeds
        for name, draw in CLEAN_SERIES.items():
            told = []
            for rate in (RATE, BUDGET):
                clean = needed(rate, method)
                checks = clean + SHORT_CHECKS
                called = []
                for seed in fewer:
                    values = draw(np.random.default_rng([seed, 8]), checks)
                    called.append(p_values(values, rate, method, TIMES[:checks], clean) < rate)
                alarms = np.array(alarms_of(called)) / (rate * SHORT_CHECKS)
                error = alarms.std() / np.sqrt(len(alarms))
                told.append(f"{alarms.mean():.2f} ({error:.2f}) at {rate:.4f} from {clean} checks")
            print(f"  {method.value!r:9} {name:38} {'   '.join(told)}")


def alarms_of(called):
    """How many alarms the checks that were called anomalies make, for each series."""
    return [sum(not before.any() for before in starts(one)) for one in called]


def starts(called):
    """For each check that was called an anomaly, the 12 before it."""
    return [called[max(at - 12, 0) : at] for at in np.flatnonzero(called)]


def bench_real():
    found = importlib.util.find_spec("aeon")
    if found is None or not found.submodule_search_locations:
        print("\nthe real series is left out: pip install --no-deps aeon")
        return
    folder = Path(found.submodule_search_locations[0]) / "datasets" / "data" / "KDD-TSAD_135"
    clean = len(read(next(folder.glob("*_TRAIN.csv")))[0])
    values, truth = read(next(folder.glob("*_TEST.csv")))  # begins with the rows of the other
    times, truth = np.arange(len(values)) * 60_000_000, truth[clean:]
    print(f"\n135_UCR_Anomaly_InternalBleeding16 (aeon): {clean} clean, {len(truth)} judged, {truth.sum()} anomalous")
    for method in Method:
        surprise = p_values(values[:, None], RATE, method, times, clean)
        told = surprise < RATE
        hit = abs(int(np.argmin(surprise)) - int(np.flatnonzero(truth).mean())) <= truth.sum() // 2 + 100
        print(
            f"  method {method.value!r:9} balanced accuracy {balanced_accuracy(truth, told):.3f}, area under ROC "
            f"{area(truth, -surprise):.3f}, called {told.mean():.2%} of checks, most surprising "
            f"{'at' if hit else 'far from'} the anomaly"
        )


def read(path):
    with path.open(encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([float(row[1]) for row in rows]), np.array([float(row[-1]) > 0 for row in rows])


def area(truth, scores):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(truth, scores)


def bench_cost():
    print("\nprocessor time")
    values, _ = generated(0, KINDS["mixed"])
    p_values(values, RATE, Method.FOREST)  # imports sklearn
    for method in Method:
        began = time.process_time()
        detector = AnomalyDetector.fit(TIMES[:CLEAN], values[:CLEAN], RATE, method)
        fitted = time.process_time() - began
        began = time.process_time()
        for end in range(CLEAN, CLEAN + 20):
            rows = slice(end - LOOKS_BACK, end + 1)
            detector.judge(TIMES[rows], values[rows])
        judged = (time.process_time() - began) / 20
        print(f"  method {method.value!r:9} fit on 1,000 x 10: {fitted * 1e3:6.0f} ms; a check: {judged * 1e3:6.2f} ms")


def main():
    seeds = range(100, 103) if "--quick" in sys.argv else range(100, 112)
    show("10 metrics together, stated size", compared(seeds, "stated", METRICS, tuple(Method)))
    show("one metric alone, stated size", compared(seeds, "stated", 1))
    show("10 metrics together, weak anomalies", compared(seeds, "weak", METRICS))
    bench_false_alarms(range(200, 200 + 2 * len(seeds)))
    bench_shortest(range(400, 400 + 40 * len(seeds)))
    bench_real()
    bench_cost()


if __name__ == "__main__":
    main()
