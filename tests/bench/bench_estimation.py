"""Estimated performance beside NannyML's, on the data sets that its wheel brings: how far off, and how long.

    python tests/bench/bench_estimation.py /tmp/n/bin/python

The argument is an interpreter that has nannyml installed. It runs in a process of its own, is asked where its data
lie, and estimates every chunk of 5,000 rows; we read the same files, and the outcomes that both are held against.
Times are the median of three, each taken after one that loads what is loaded lazily.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, csv, parquet

from watchkeeper.contracts.metric import Metric
from watchkeeper.data.frames import table_of
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.table import Table
from watchkeeper.monitor.estimation.confidence import ConfidenceOutlook
from watchkeeper.monitor.estimation.losses import LossOutlook
from watchkeeper.monitor.estimation.outlook import Outlook
from watchkeeper.monitor.estimation.spread import Spread
from watchkeeper_plugins.metrics import accuracy, f1, mae, rmse, roc_auc

CHUNK = 5_000
CLASSES = ("0", "1")
PEER = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
from pathlib import Path
import nannyml
from nannyml import datasets
sets = json.loads(sys.argv[1])
told = {"folder": str(Path(datasets.__file__).parent / "data")}
def taken(work, times=3):
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter(); work(); seconds.append(time.perf_counter() - start)
    return sorted(seconds)[times // 2]
for name, asked in sets.items():
    reference, analysis, _ = getattr(datasets, asked["loader"])()
    kind = nannyml.DLE if asked["is_regression"] else nannyml.CBPE
    columns = dict(asked["columns"], metrics=asked["metrics"], chunk_size=asked["chunk"])
    if not asked["is_regression"]:
        columns["problem_type"] = "classification_binary"
    fit = taken(lambda: kind(**columns).fit(reference), 1 if asked["is_regression"] else 3)
    fitted = kind(**columns).fit(reference)
    estimate = taken(lambda: fitted.estimate(analysis))
    frame = fitted.estimate(analysis).filter(period="analysis").to_df()
    told[name] = {"fit": fit, "estimate": estimate,
                  "values": {metric: frame[(metric, "value")].tolist() for metric in asked["metrics"]}}
Path(sys.argv[2]).write_text(json.dumps(told))
"""


@attrs.frozen
class Bundled:
    """One of NannyML's data sets: its files, and which columns are what."""

    loader: str
    files: tuple[str, str, str]
    """Reference, analysis, and the analysis's outcomes."""
    prediction: str
    outcome: str
    probability: str | None = None
    features: tuple[str, ...] = ()

    @property
    def metrics(self) -> dict[str, Metric]:
        """What is estimated."""
        modules = (mae, rmse) if self.probability is None else (accuracy, roc_auc, f1)
        return {module.__name__.rpartition(".")[2]: _built(module) for module in modules}

    def asked(self) -> dict[str, Any]:
        """What the peer is told."""
        columns: dict[str, Any] = {"y_pred": self.prediction, "y_true": self.outcome}
        if self.probability is None:
            columns["feature_column_names"] = list(self.features)
        else:
            columns["y_pred_proba"] = self.probability
        return {
            "loader": self.loader,
            "columns": columns,
            "metrics": list(self.metrics),
            "chunk": CHUNK,
            "is_regression": self.probability is None,
        }


SETS = {
    "synthetic_car_loan": Bundled(
        "load_synthetic_car_loan_dataset",
        (
            "synthetic_car_loan_reference.csv",
            "synthetic_car_loan_analysis.csv",
            "synthetic_car_loan_analysis_target.csv",
        ),
        "y_pred",
        "repaid",
        "y_pred_proba",
    ),
    "US census MA employment": Bundled(
        "load_us_census_ma_employment_data",
        ("employment_MA_reference.pq", "employment_MA_analysis.pq", "employment_MA_analysis_target.pq"),
        "prediction",
        "employed",
        "predicted_probability",
    ),
    "synthetic_car_price": Bundled(
        "load_synthetic_car_price_dataset",
        (
            "regression_synthetic_reference.csv",
            "regression_synthetic_analysis.csv",
            "regression_synthetic_analysis_targets.csv",
        ),
        "y_pred",
        "y_true",
        features=("car_age", "km_driven", "price_new", "accident_count", "door_count", "fuel", "transmission"),
    ),
}


def _built(module: Any) -> Metric:
    options = getattr(module, "Options", None) or module.NoOptions
    built: Metric = module.build(options())
    return built


def told_by_peer(python: str) -> dict[str, Any]:
    """What NannyML estimates, how long it takes, and where its data lie."""
    asked = json.dumps({name: one.asked() for name, one in SETS.items()})
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "told.json"
        environment = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}
        subprocess.run([python, "-c", PEER, asked, str(answer)], check=True, capture_output=True, env=environment)
        told: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    return told


def read(path: Path) -> pa.Table:
    return parquet.read_table(path) if path.suffix == ".pq" else csv.read_csv(path)


def evaluation(one: Bundled, rows: pa.Table, outcome: NDArray[Any]) -> Evaluation:
    said = rows[one.prediction].to_numpy()
    if one.probability is None:
        return Evaluation("regression", outcome, said)
    return Evaluation(
        "classification", outcome.astype(int), said.astype(int), rows[one.probability].to_numpy(), CLASSES
    )


def fitted(one: Bundled, reference: Evaluation, features: Table) -> Outlook:
    if one.probability is None:
        return LossOutlook.fit(reference, features, one.metrics)
    return ConfidenceOutlook.fit(reference, one.metrics)


def expected(outlook: Outlook, one: Bundled, now: pa.Table, features: Table, rows: slice) -> Evaluation:
    if isinstance(outlook, ConfidenceOutlook):
        said, scores = now[one.prediction].to_numpy()[rows], now[one.probability].to_numpy()[rows]
        return outlook.of_answers(said.astype(int), scores)
    return outlook.expected(now[one.prediction].to_numpy()[rows], features.rows(rows))


def taken(work: Callable[[], object], times: int = 3) -> float:
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def numbers(metrics: Mapping[str, Metric], rows: Evaluation) -> dict[str, float]:
    found = {name: metric.compute(rows).number for name, metric in metrics.items()}
    return {name: number for name, number in found.items() if number is not None}


def compared(name: str, one: Bundled, folder: Path, peer: dict[str, Any]) -> None:
    """Print what came out of one set."""
    before, now, targets = (read(folder / file) for file in one.files)
    order = compute.index_in(now["id"], value_set=targets["id"].combine_chunks()).to_numpy()
    truth = targets[one.outcome].to_numpy()[order]
    reference, later = evaluation(one, before, before[one.outcome].to_numpy()), evaluation(one, now, truth)
    past, features = (table_of(rows.select(one.features)) if one.features else Table({}) for rows in (before, now))
    outlook = fitted(one, reference, past)
    misses = Spread(outlook, one.metrics, CHUNK).misses(CHUNK)
    chunks = [slice(start, start + CHUNK) for start in range(0, len(later), CHUNK)]

    def told() -> list[dict[str, float]]:
        return [numbers(one.metrics, expected(outlook, one, now, features, rows)) for rows in chunks]

    fit = taken(
        lambda: Spread(fitted(one, reference, past), one.metrics, CHUNK).misses(CHUNK), 1 if one.features else 3
    )
    estimate = taken(told)
    estimates, normal = told(), numbers(one.metrics, reference)
    realised = [numbers(one.metrics, part(later, rows)) for rows in chunks]
    print(f"\n{name}: reference {len(reference):,} rows, {len(chunks)} chunks of {CHUNK:,}")
    print(f"  {'metric':<10}{'ours':>10}{'NannyML':>10}{'ratio':>7}{'reference value':>17}{'inside the interval':>21}")
    for metric in one.metrics:
        true = np.array([found[metric] for found in realised])
        ours = np.array([found[metric] for found in estimates])
        off = [float(np.abs(guess - true).mean()) for guess in (ours, np.array(peer["values"][metric]), normal[metric])]
        limits = [misses[metric].interval(number, (-np.inf, np.inf)) for number in ours]
        inside = np.mean([low <= number <= high for (low, high), number in zip(limits, true, strict=True)])
        print(f"  {metric:<10}{off[0]:>10.5f}{off[1]:>10.5f}{off[0] / off[1]:>7.3f}{off[2]:>17.5f}{inside:>21.0%}")
    print(f"  fit        {fit:8.3f} s, NannyML {peer['fit']:8.3f} s: {peer['fit'] / fit:6.1f} times")
    print(
        f"  estimate   {estimate:8.3f} s, NannyML {peer['estimate']:8.3f} s: {peer['estimate'] / estimate:6.1f} times"
    )


def part(rows: Evaluation, which: slice) -> Evaluation:
    scores = None if rows.scores is None else rows.scores[which]
    return Evaluation(rows.task, rows.truth[which], rows.predicted[which], scores, rows.classes)


def main() -> None:
    """Compare on each set."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("nannyml", help="an interpreter that has nannyml")
    peer = told_by_peer(arguments.parse_args().nannyml)
    print("mean absolute error of the estimate over the chunks; ours includes the interval's fit")
    for name, one in SETS.items():
        compared(name, one, Path(peer["folder"]), peer[name])


if __name__ == "__main__":
    main()
