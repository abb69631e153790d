"""What a metric cannot compute is undefined with a reason that a person can act on, never 0 and never NaN."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper_plugins.metrics import (
    accuracy,
    average_precision,
    balanced_accuracy,
    brier,
    business_value,
    calibration_error,
    calibration_error_debiased,
    deflated_sharpe,
    f1,
    hit_rate,
    icir,
    information_coefficient,
    kappa,
    log_loss,
    mae,
    mape,
    max_drawdown,
    mcc,
    pinball,
    precision,
    qlike,
    r2,
    rank_ic,
    recall,
    rmse,
    roc_auc,
    sharpe,
    specificity,
    turnover,
)


def of(module, **options):
    return module.build(module.Options(**options) if hasattr(module, "Options") else NoOptions())


def two(truth, predicted, scores=None):
    return Evaluation("classification", truth, predicted, scores, ("no", "yes"))


def score(truth, predicted, weights=None):
    return Evaluation("score", truth, predicted, weights=weights)


def number(truth, predicted):
    return Evaluation("regression", truth, predicted)


SPLIT = two([0, 1], [0, 1])
THREE = Evaluation("classification", [0, 1, 2], [0, 1, 2], classes=("a", "b", "c"))
CASES = {
    "no rows": (of(accuracy), two([], []), "no rows with both a prediction and an outcome"),
    "another task": (of(accuracy), number([1.0], [1.0]), "needs a classification model, this is a regression model"),
    "a signal's task": (of(rank_ic), SPLIT, "needs a regression or score model, this is a classification model"),
    "no weight": (of(mae), Evaluation("regression", [1.0], [2.0], weights=[0.0]), "all row weights are 0"),
    "nothing predicted": (of(precision), two([0, 1], [0, 0]), "no row was predicted as 'yes'"),
    "no positives": (of(recall), two([0, 0], [0, 1]), "no row is truly 'yes'"),
    "f1 without positives": (of(f1), two([0, 0], [0, 1]), "no row is truly 'yes'"),
    "a class never predicted": (
        of(precision, average="macro"),
        Evaluation("classification", [0, 1, 2], [0, 1, 1], classes=("a", "b", "c")),
        "no row was predicted as 'c'",
    ),
    "binary of three": (of(recall, average="binary"), THREE, "average 'binary' needs two classes, found 3: set"),
    "specificity of all": (of(specificity), two([1, 1], [1, 0]), "all rows are truly 'yes'"),
    "balance of one": (of(balanced_accuracy), two([1, 1], [1, 0]), "all rows are truly 'yes', and a balance needs two"),
    "mcc of one": (of(mcc), two([1, 1], [1, 0]), "all rows are truly 'yes'"),
    "kappa of one predicted": (of(kappa), two([0, 1], [1, 1]), "all rows are predicted as 'yes'"),
    "no scores": (of(roc_auc), SPLIT, "the model gives no scores"),
    "no probabilities": (of(log_loss), SPLIT, "the model gives no scores"),
    "one class in truth": (of(roc_auc), two([0, 0], [0, 1], [0.2, 0.7]), "no row is truly 'yes'"),
    "one class at all": (
        of(average_precision),
        Evaluation("classification", [0], [0], [0.5], ("only",)),
        "there is one class only, and an order needs two",
    ),
    "certain probability": (
        of(brier),
        Evaluation("classification", [0], [0], [1.0], ("only",)),
        "there is one class only, so every probability is 1",
    ),
    "scores above 1": (of(brier), two([0, 1], [0, 1], [-2.0, 3.5]), "not probabilities: they go from -2 to 3.5"),
    "rows off 1": (
        of(calibration_error),
        two([0, 1], [0, 1], [[0.5, 0.5], [0.5, 0.9]]),
        "not probabilities: row 1 adds up to 1.4, expected 1",
    ),
    "no two rows in a bin": (
        of(calibration_error_debiased),
        two([0, 1], [0, 1], [0.2, 0.8]),
        "no two rows are in the same bin: one row alone does not tell error from chance",
    ),
    "table of another size": (of(business_value, values=((1, 0), (0, 1))), THREE, "is for 2 classes, the model has 3"),
    "a truth of zero": (of(mape), number([0.0, 1.0], [1.0, 1.0]), "the truth is 0 in 1 of 2 rows"),
    "a variance of zero": (of(qlike), number([1.0, 0.0], [1.0, 1.0]), "the truth is not above 0 in 1 of 2 rows"),
    "a forecast below zero": (of(qlike), number([1.0], [-1.0]), "the prediction is not above 0 in 1 of 1 rows"),
    "constant truth": (of(r2), number([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]), "the truth is constant"),
    "one row of r2": (of(r2), number([1.0], [1.0]), "one row has no variance to explain"),
    "beyond float64": (of(rmse), number([-1.7e308], [1.7e308]), "too large, or too far apart, for float64"),
    "far residuals": (of(pinball), number([-1.7e308], [1.7e308]), "too large, or too far apart, for float64"),
    "constant signal": (of(information_coefficient), score([1.0, 2.0, 3.0], [5.0, 5.0, 5.0]), "is constant"),
    "constant ranks": (of(rank_ic), score([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]), "is constant"),
    "two points": (of(rank_ic), score([1.0, 2.0], [1.0, 2.0]), "a correlation needs 3 rows, found 2"),
    "one block": (of(icir), score(np.arange(25.0), np.arange(25.0)), "found 1 blocks of 20 rows with a coefficient"),
    "equal blocks": (of(icir), score(np.arange(40.0), np.arange(40.0)), "every block has the same coefficient"),
    "no positions": (of(hit_rate), score([1.0, 0.0], [0.0, 1.0]), "every row has a signal or an outcome of 0"),
    "no risk": (of(sharpe), score([0.1, 0.1], [1.0, 1.0]), "every row earned the same"),
    "one return": (of(sharpe), score([0.1], [1.0]), "one row has no spread"),
    "endless returns": (
        of(sharpe, position="proportional"),
        score([1e300, 1.0], [1e300, 1.0]),
        "returns are too large for float64",
    ),
    "ruin": (of(max_drawdown), score([-1.5], [1.0]), "a row earned -1.5: nobody can lose more than everything, -1"),
    "a weighted path": (of(max_drawdown), score([0.1], [1.0], [2.0]), "max_drawdown follows rows through time"),
    "one position": (of(turnover), score([0.1], [1.0]), "one row has no change of position"),
}


@pytest.mark.parametrize(("metric", "rows", "reason"), CASES.values(), ids=CASES.keys())
def test_what_cannot_be_computed_says_why(metric, rows, reason):
    value = metric.compute(rows)
    assert value.number is None
    assert reason in value.reason


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        (f1, {"average": "makro"}, "'makro' is not a valid Average"),
        (calibration_error, {"bins": 0}, "bins"),
        (calibration_error_debiased, {"bins": 1001}, "bins"),
        (pinball, {"quantile": 1.0}, "quantile"),
        (qlike, {"unit": "percent"}, "'percent' is not a valid Unit"),
        (sharpe, {"cost": -1.0}, "cost"),
        (icir, {"block": 2}, "block"),
        (deflated_sharpe, {"trials": 0}, "trials"),
        (business_value, {"values": ((1, 0), (1,))}, "as many columns as rows: found 2 rows of 2, 1 columns"),
        (business_value, {"values": ((float("nan"),),)}, "values must be finite numbers"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(module, options, message):
    with pytest.raises(ValueError, match=message):
        module.Options(**options)
