"""Every metric that is promised is there, with an interval and with weights; confusion matrices are scikit-learn's."""

from __future__ import annotations

import importlib

import attrs
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix as theirs

from watchkeeper.contracts.plugin import Kind, NoOptions
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.window import Window
from watchkeeper.monitor.measuring import Subject, measured_cells, measured_metrics
from watchkeeper_plugins.metrics import confusion_matrix

CLASSIFICATION = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "specificity",
    "mcc",
    "kappa",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "calibration_error_debiased",
    "confusion_matrix",
    "business_value",
)
REGRESSION = ("mae", "rmse", "mape", "smape", "r2", "bias", "pinball", "qlike")
TRADING = (
    "information_coefficient",
    "rank_ic",
    "icir",
    "hit_rate",
    "sharpe",
    "probabilistic_sharpe",
    "deflated_sharpe",
    "max_drawdown",
    "turnover",
)
OPTIONS = {"business_value": {"values": ((1.0, -1.0), (-5.0, 10.0))}}
MANY_OPTIONS = {"business_value": {"values": ((1.0, -1.0, 0.0), (-5.0, 10.0, 0.0), (0.0, 0.0, 2.0))}}


def built(name, options):
    module = importlib.import_module(f"watchkeeper_plugins.metrics.{name}")
    (plugin,) = module.watchkeeper_metrics()
    assert (plugin.kind, plugin.name) == (Kind.METRIC, name)
    return plugin.build(plugin.options(**options.get(name, {})))


def classified(classes, weights=None):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, classes, 300)
    table = rng.dirichlet(np.ones(classes), 300) + 0.7 * np.eye(classes)[truth]
    table /= table.sum(axis=1, keepdims=True)
    scores = table[:, 1] if classes == 2 else table
    return Evaluation("classification", truth, table.argmax(axis=1), scores, tuple("abc"[:classes]), weights)


def returns():
    rng = np.random.default_rng(2)
    truth = rng.normal(0.0, 0.01, 300)
    return Evaluation("score", truth, truth + rng.normal(0.0, 0.02, 300))


def sizes(weights=None):
    rng = np.random.default_rng(3)
    truth = rng.lognormal(0.0, 0.5, 300)
    return Evaluation("regression", truth, truth * rng.lognormal(0.0, 0.3, 300), weights=weights)


def assert_has_number_and_interval(value):
    assert value.number is not None, value.reason
    assert value.interval is not None
    low, high = value.interval
    assert low <= high
    assert np.isfinite([low, high]).all()


@pytest.mark.parametrize("classes", [2, 3], ids=["binary", "three classes"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", CLASSIFICATION)
def test_a_metric_of_classification_has_a_number_and_an_interval(name, weighted, classes):
    weights = np.random.default_rng(4).uniform(0.5, 2.0, 300) if weighted else None
    metric = built(name, OPTIONS if classes == 2 else MANY_OPTIONS)
    assert_has_number_and_interval(metric.compute(classified(classes, weights)))


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", REGRESSION)
def test_a_metric_of_regression_has_a_number_and_an_interval(name, weighted):
    weights = np.random.default_rng(4).uniform(0.5, 2.0, 300) if weighted else None
    assert_has_number_and_interval(built(name, OPTIONS).compute(sizes(weights)))


@pytest.mark.parametrize("name", TRADING)
def test_a_metric_of_signals_has_a_number_and_an_interval(name):
    metric = built(name, OPTIONS)
    value = metric.compute(returns())
    if name == "max_drawdown":
        assert 0.0 <= value.number <= 1.0
    assert_has_number_and_interval(value)


@pytest.mark.parametrize("classes", [2, 3], ids=["binary", "three classes"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_the_cells_of_the_confusion_matrix_equal_scikit_learn_s(classes, weighted):
    weights = np.random.default_rng(4).uniform(0.5, 2.0, 300) if weighted else None
    rows = classified(classes, weights)
    expected = theirs(rows.truth, rows.predicted, normalize="true", sample_weight=weights)
    cells = confusion_matrix.build(NoOptions()).cells(rows)
    found = np.array([cell.number for _, cell in cells]).reshape(classes, classes)
    assert np.abs(found - expected).max() < 1e-12
    assert [labels["truth"] + labels["predicted"] for labels, _ in cells][:2] == ["aa", "ab"]
    for _, cell in cells:
        assert cell.interval[0] <= cell.number <= cell.interval[1]


def test_a_class_without_true_rows_has_undefined_cells_that_say_so():
    rows = Evaluation("classification", [0, 0], [0, 1], classes=("no", "yes"))
    cells = dict(enumerate(confusion_matrix.build(NoOptions()).cells(rows)))
    assert cells[1][1].number == 0.5
    assert cells[2][1].reason == "no row is truly yes"


def test_a_table_of_very_many_classes_has_only_its_share_of_errors():
    classes = tuple(f"c{at}" for at in range(13))
    rows = Evaluation("classification", np.arange(13), np.zeros(13, dtype=int), classes=classes)
    metric = confusion_matrix.build(NoOptions())
    assert metric.compute(rows).number == pytest.approx(12 / 13)
    assert metric.cells(rows) == []


def test_the_cells_are_measured_under_the_metric_s_name_after_its_number():
    metrics = {"confusion_matrix": confusion_matrix.build(NoOptions())}
    subject = Subject("momentum", None, Window(0, 1, 300))
    whole, _ = measured_metrics(subject, classified(2), metrics)
    cells = measured_cells(subject, classified(2), metrics)
    assert [type(found) for found in (*whole, *cells)] == [Measurement] * 5
    assert whole[0].labels == {}
    assert cells[2].labels == {"truth": "b", "predicted": "a"}


def test_a_table_that_fails_leaves_the_others_theirs():
    @attrs.frozen
    class Broken(confusion_matrix.ConfusionMatrix):
        def cells(self, evaluation):
            raise ZeroDivisionError("by zero")

    metrics = {"broken": Broken(), "whole": confusion_matrix.build(NoOptions())}
    found = measured_cells(Subject("momentum", None, Window(0, 1, 300)), classified(2), metrics)
    assert {one.name for one in found} == {"whole"}
