"""How far estimates may be off, and what is said when that is not known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.estimation.confidence import ConfidenceOutlook
from watchkeeper.monitor.estimation.estimator import UNKNOWN_ROWS, Estimator
from watchkeeper.monitor.estimation.spread import Misses, Spread
from watchkeeper.monitor.estimation.telling import estimates_told
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.measuring import Subject
from watchkeeper.monitor.records import Records
from watchkeeper_plugins.metrics import accuracy, mae, max_drawdown, roc_auc

WINDOW = Window(0, 100, 100)
SUBJECT = Subject("momentum", "1.0.0", WINDOW)
METRICS = {"accuracy": accuracy.build(accuracy.NoOptions()), "roc_auc": roc_auc.build(roc_auc.NoOptions())}


def reference(rows=2000, *, seed=0, order=None):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=rows)
    chance = 1.0 / (1.0 + np.exp(-2.0 * signal))
    truth = (rng.random(rows) < chance).astype(np.float64)
    table = Table({"x": signal, "prediction": chance, "time": np.arange(rows, dtype=np.int64)})
    return (table, truth) if order is None else (table.rows(order), truth[order])


def estimator(table=None, truth=None, *, metrics=None, usual_rows=100, task=Task.CLASSIFICATION):
    if table is None:
        table, truth = reference()
    judging = judging_of(task, table["prediction"], truth, 0.5)
    return Estimator(judging, table, truth, METRICS if metrics is None else metrics, usual_rows=usual_rows)


def records(rows=100, *, seed=9, prediction=None):
    table, _ = reference(rows, seed=seed)
    said = table["prediction"] if prediction is None else prediction
    return Records(WINDOW, said, None, np.zeros(len(said), dtype=np.bool_), Table({"x": table["x"]}))


def estimates(found):
    return {one.name: one for one in found}


def test_every_metric_is_estimated_with_an_interval_and_the_references_value():
    found = estimates(estimator().estimated(SUBJECT, records()))
    assert list(found) == ["estimated_accuracy", "estimated_roc_auc"]
    estimate = found["estimated_accuracy"]
    assert estimate.value.samples == 100
    low, high = estimate.value.interval
    assert low < estimate.value.number < high
    assert estimate.details["reference"] == pytest.approx(0.79, abs=0.03)
    assert (estimate.details["windows"], estimate.details["window_rows"]) == (20.0, 100.0)


def test_the_interval_is_students_around_the_estimate():
    assert Misses(100, 12, 0.02).interval(0.8, (0.0, 1.0)) == pytest.approx(
        (0.8 - stats.t.ppf(0.975, 12) * 0.02, 0.8 + stats.t.ppf(0.975, 12) * 0.02), rel=1e-9
    )


def test_the_interval_ends_where_the_metric_ends():
    assert Misses(100, 12, 0.2).interval(0.99, (0.0, 1.0))[1] == 1.0
    assert Misses(100, 12, 0.2).interval(0.01, (-math.inf, math.inf))[0] < 0.0


def test_the_typical_miss_is_that_of_the_references_own_windows():
    table, truth = reference()
    said = table["prediction"]
    outlook = ConfidenceOutlook.fit(
        Evaluation("classification", truth.astype(np.int64), (said >= 0.5).astype(np.int64), said, ("0", "1")), METRICS
    )
    misses = Spread(outlook, METRICS, 100).misses(100)["accuracy"]
    by_hand = []
    for start in range(0, 2000, 100):
        rows = slice(start, start + 100)
        expected = np.where(said[rows] >= 0.5, said[rows], 1.0 - said[rows]).mean()
        by_hand.append(expected - (truth[rows] == (said[rows] >= 0.5)).mean())
    assert outlook.calibration.curves is None
    assert misses.typical == pytest.approx(np.sqrt(np.mean(np.square(by_hand))), rel=1e-9)


def test_realised_values_lie_in_their_intervals_as_often_as_these_say():
    told, inside = estimator(usual_rows=200), 0
    for seed in range(100, 300):
        table, truth = reference(200, seed=seed)
        value = estimates(told.estimated(SUBJECT, records(prediction=table["prediction"])))["estimated_accuracy"].value
        realised = ((table["prediction"] >= 0.5) == truth).mean()
        inside += value.interval[0] <= realised <= value.interval[1]
    assert 176 <= inside <= 200


def test_a_window_larger_than_an_eighth_of_the_reference_gets_the_wider_interval_of_an_eighth():
    details = estimates(estimator(usual_rows=1000).estimated(SUBJECT, records(1000)))["estimated_accuracy"].details
    assert details["window_rows"] == 250.0


def test_of_a_huge_window_rows_spread_evenly_are_estimated(monkeypatch):
    monkeypatch.setattr("watchkeeper.monitor.estimation.estimator.MOST_ROWS", 300)
    told, whole = estimator(), records(1000)
    some = estimates(told.estimated(SUBJECT, whole))["estimated_accuracy"].value
    chances = whole.prediction[::4]
    assert some.samples == 250
    assert some.number == pytest.approx(np.maximum(chances, 1.0 - chances).mean())


def test_windows_of_time_share_sizes_rounded_down():
    told = estimator(usual_rows=UNKNOWN_ROWS)
    sizes = [
        estimates(told.estimated(SUBJECT, records(rows)))["estimated_accuracy"].details["window_rows"]
        for rows in (101, 104, 110, 1)
    ]
    assert sizes[0] == sizes[1]
    assert all(size <= rows for size, rows in zip(sizes, (101, 104, 110, 1), strict=True))
    assert sizes[2] > 100.0


def test_rows_in_another_order_teach_the_same_when_their_times_are_known():
    order = np.random.default_rng(5).permutation(2000)
    plain, mixed = (
        estimates(estimator(*reference(order=rows)).estimated(SUBJECT, records()))["estimated_accuracy"].value
        for rows in (None, order)
    )
    assert plain == mixed


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: estimator(reference()[0], None), "the reference has no outcomes"),
        (
            lambda: estimator(*reference(100)),
            "100 rows of the reference have a prediction and an outcome, at least 160",
        ),
        (
            lambda: estimator(reference()[0].rows(slice(300)), Categories.of(["up", "down", None] * 100)),
            None,
        ),
    ],
    ids=["no outcomes", "too few rows", "some outcomes missing"],
)
def test_what_cannot_be_estimated_says_why(made, reason):
    value = estimates(made().estimated(SUBJECT, records()))["estimated_accuracy"].value
    if reason is None:
        assert value.number is not None
    else:
        assert value.number is None
        assert reason in value.reason


def test_labels_without_probabilities_cannot_be_estimated():
    table, truth = reference()
    labels = Table({"prediction": (table["prediction"] >= 0.5).astype(np.int64)})
    value = estimates(estimator(labels, truth).estimated(SUBJECT, records()))["estimated_accuracy"].value
    assert "probabilities are needed" in value.reason


def test_a_metric_defined_in_few_of_the_references_windows_is_not_estimated():
    truth = np.zeros(2000)
    truth[::400] = 1.0
    table, _ = reference()
    value = estimates(estimator(table, truth).estimated(SUBJECT, records()))["estimated_roc_auc"].value
    assert value.reason == (
        "how far an estimate may be off is not known: roc_auc is defined in 5 of the reference's windows of 100 rows, "
        "at least 8 are needed"
    )


def test_a_window_of_another_kind_or_without_rows_is_undefined():
    told = estimator()
    text = estimates(told.estimated(SUBJECT, records(prediction=Categories.of(["yes"] * 100))))
    assert "found text" in text["estimated_accuracy"].value.reason
    empty = estimates(told.estimated(SUBJECT, records(prediction=np.full(5, np.nan))))
    assert empty["estimated_accuracy"].value.number is None


def test_a_refused_metric_and_one_that_raises_leave_the_others():
    class Raising:
        tasks = frozenset({Task.CLASSIFICATION})
        higher_is_better = True

        def compute(self, evaluation):
            raise RuntimeError("boom")

    class Path(Raising):
        is_ordered = True

    found = estimates(
        estimator(metrics={**METRICS, "raising": Raising(), "path": Path()}).estimated(SUBJECT, records())
    )
    assert found["estimated_accuracy"].value.number is not None
    assert found["estimated_raising"].value.reason == "metric.raising failed: RuntimeError: boom"
    assert found["estimated_path"].value.reason.startswith("path cannot be estimated: it follows rows through time")


def test_a_metric_for_another_task_says_so():
    found = estimates(estimator(metrics={"mae": mae.build(mae.NoOptions())}).estimated(SUBJECT, records()))
    assert found["estimated_mae"].value.reason == "mae is for regression, the model's task is classification"


def test_outcomes_that_cannot_be_judged_teach_nothing():
    table, _ = reference()
    told = estimator(table, Categories.of(["up", "down"] * 1000), task=Task.REGRESSION, metrics={})
    assert told.estimated(SUBJECT, records()) == []
    told = estimator(
        table, Categories.of(["up", "down"] * 1000), task=Task.REGRESSION, metrics={"mae": mae.build(mae.NoOptions())}
    )
    reason = estimates(told.estimated(SUBJECT, records()))["estimated_mae"].value.reason
    assert reason.startswith("nothing can be learned from the reference: the outcome must be a number")


def test_numbers_are_estimated_by_their_losses():
    table, _ = reference()
    rng = np.random.default_rng(3)
    truth = table["prediction"] + rng.normal(0.0, 0.1 + 0.4 * (table["x"] > 1.0))
    metrics = {
        "mae": mae.build(mae.NoOptions()),
        "max_drawdown": max_drawdown.build(max_drawdown.Options()),
    }
    told = estimator(table, truth, task=Task.REGRESSION, metrics=metrics)
    found = estimates(told.estimated(SUBJECT, records()))
    assert found["estimated_mae"].value.number == pytest.approx(found["estimated_mae"].details["reference"], rel=0.3)
    assert found["estimated_max_drawdown"].value.reason.startswith("max_drawdown cannot be estimated")
    assert "errors depend on the features" in told.assumption


def test_estimates_are_told_with_interval_reference_and_assumption():
    told = SUBJECT.measurement
    found = [
        told("estimated_accuracy", Value.of(0.91234, interval=(0.89, 0.93)), details={"reference": 0.94}),
        told("estimated_f1", Value.of(0.5)),
        told("estimated_x", Value.undefined("why")),
    ]
    assert estimates_told(found, "nothing changes") == (
        "estimated accuracy 0.9123 (0.89 to 0.93; reference 0.94), f1 0.5, if nothing changes"
    )
    assert estimates_told(found[2:], "nothing changes") == "no estimate: why"
    assert estimates_told([], "nothing changes") == ""
    many = [told(f"estimated_m{at}", Value.of(1.0)) for at in range(7)]
    assert "m4 1 and 2 more, if" in estimates_told(many, "nothing changes")
