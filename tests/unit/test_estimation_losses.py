"""Direct loss estimation: the moments are kept, metrics are asked what they need, and known errors are found again."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.table import Categories, Table
from watchkeeper.domain.value import Value
from watchkeeper.monitor.estimation.boosting import LearnedMean, Sign
from watchkeeper.monitor.estimation.dependence import dependence_of
from watchkeeper.monitor.estimation.encoding import Encoding
from watchkeeper.monitor.estimation.losses import LossOutlook
from watchkeeper.monitor.estimation.moments import Moment, Moments, Shape, expected_evaluation
from watchkeeper_plugins.metrics import (
    bias,
    hit_rate,
    information_coefficient,
    mae,
    mape,
    max_drawdown,
    pinball,
    qlike,
    r2,
    rank_ic,
    rmse,
    sharpe,
    smape,
)


def built(module):
    options = getattr(module, "Options", None) or module.NoOptions
    return module.build(options())


def moments(rows=50, *, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.uniform(0.5, 2.0, rows)
    return Moments(size * rng.uniform(-0.9, 0.9, rows), size, np.square(size) * rng.uniform(1.0, 3.0, rows))


@pytest.mark.parametrize("shape", [Shape(), Shape(low=0.5), Shape(low=0.5, lean=0.05)], ids=str)
def test_expected_rows_have_the_moments(shape):
    known, predicted = moments(), np.arange(50.0)
    rows = expected_evaluation(Task.REGRESSION, predicted, known, shape)
    weights = rows.weights.reshape(4, 50)
    errors = rows.residuals.reshape(4, 50)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose((weights * np.abs(errors)).sum(axis=0), known.size, rtol=1e-9)
    np.testing.assert_allclose((weights * np.square(errors)).sum(axis=0), known.square, rtol=1e-9)
    kept = (weights >= 0).all(axis=0)
    np.testing.assert_allclose((weights * errors).sum(axis=0)[kept], known.mean[kept], rtol=1e-7, atol=1e-9)


def test_rows_without_any_error_are_right():
    nothing = Moments(np.zeros(3), np.zeros(3), np.zeros(3))
    rows = expected_evaluation(Task.REGRESSION, np.array([1.0, 2.0, 3.0]), nothing)
    assert rows.total_weight == 3.0
    assert built(rmse).compute(rows).number == 0.0


def test_guesses_that_contradict_each_other_are_made_to_agree():
    found = Moments.of(np.array([5.0, -5.0]), np.array([1.0, 2.0]), np.array([0.5, 9.0]))
    np.testing.assert_array_equal(found.mean, [1.0, -2.0])
    np.testing.assert_array_equal(found.square, [1.0, 9.0])


def test_what_is_not_known_is_as_in_a_normal_distribution():
    of_size = Moments.of(None, np.array([2.0]), None)
    assert of_size.square == pytest.approx(4.0 * np.pi / 2.0)
    assert Moments.of(None, None, np.array([4.0])).size == pytest.approx(2.0 * np.sqrt(2.0 / np.pi))
    np.testing.assert_array_equal(Moments.of(np.array([-3.0]), None, None).size, [3.0])


@pytest.mark.parametrize(
    ("module", "needed"),
    [
        (mae, {Moment.SIZE}),
        (rmse, {Moment.SQUARE}),
        (bias, {Moment.MEAN}),
        (r2, {Moment.MEAN, Moment.SQUARE}),
        (information_coefficient, {Moment.MEAN, Moment.SQUARE}),
    ],
    ids=lambda found: getattr(found, "__name__", "").rpartition(".")[2],
)
def test_a_metric_is_asked_which_moments_it_depends_on(module, needed):
    found = dependence_of("metric", built(module), Task.REGRESSION)
    assert found.refusal is None
    assert found.moments == needed


def test_a_lopsided_pinball_needs_mean_and_size():
    lopsided = pinball.build(pinball.Options(quantile=0.9))
    assert dependence_of("pinball", lopsided, Task.REGRESSION).moments == {Moment.MEAN, Moment.SIZE}


@pytest.mark.parametrize("module", [mape, smape, qlike, hit_rate, rank_ic], ids=lambda found: found.__name__[28:])
def test_metrics_of_more_than_moments_are_refused(module):
    found = dependence_of("metric", built(module), Task.REGRESSION)
    assert found.refusal == "it depends on more of the errors than their mean, mean size and mean square"


@pytest.mark.parametrize("module", [max_drawdown, sharpe], ids=lambda found: found.__name__[28:])
def test_metrics_of_paths_are_refused(module):
    assert dependence_of("metric", built(module), Task.REGRESSION).refusal is not None


def test_a_metric_that_does_not_look_at_errors_or_raises_is_refused():
    class Constant:
        def compute(self, evaluation):
            return Value.of(1.0, samples=len(evaluation))

    class Raising:
        def compute(self, evaluation):
            raise RuntimeError("boom")

    constant = dependence_of("constant", Constant(), Task.REGRESSION)
    assert constant.refusal == "it does not depend on how large errors are"
    assert dependence_of("raising", Raising(), Task.REGRESSION).refusal == "it failed: RuntimeError: boom"


def regression(rows, *, seed=0, share=0.3, slope=2.0):
    """Errors are `slope` times as large where ``x`` is high or the category is "loud"."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random(rows) < share, rng.uniform(0.5, 1.0, rows), rng.uniform(0.0, 0.5, rows))
    loud = rng.random(rows) < share
    predicted = rng.normal(10.0, 3.0, rows)
    deviation = np.where(x > 0.5, slope, 1.0) * np.where(loud, slope, 1.0)
    truth = predicted - rng.normal(0.2, deviation, rows)
    features = Table({"x": x, "kind": Categories.of(np.where(loud, "loud", "quiet").tolist())})
    return Evaluation("regression", truth, predicted), features


METRICS = {"mae": built(mae), "rmse": built(rmse), "bias": built(bias), "r2": built(r2), "mape": built(mape)}


def test_more_of_the_rows_with_large_errors_raise_the_estimate_as_they_raise_the_error():
    outlook = LossOutlook.fit(*regression(12_000), METRICS)
    later, features = regression(12_000, seed=1, share=0.8)
    expected = outlook.expected(later.predicted, features)
    for name in ("mae", "rmse", "r2"):
        realised = METRICS[name].compute(later).number
        normal = METRICS[name].compute(outlook.realised).number
        estimate = METRICS[name].compute(expected).number
        assert abs(estimate - realised) < 0.15 * abs(normal - realised), name
    assert METRICS["bias"].compute(expected).number == pytest.approx(0.2, abs=0.12)
    assert "mape" in outlook.refusals


def test_only_what_metrics_need_is_learned():
    assert set(LossOutlook.fit(*regression(600), {"mae": built(mae)}).learned) == {Moment.SIZE}
    assert not LossOutlook.fit(*regression(600), {"mape": built(mape)}).learned


def test_the_same_rows_teach_the_same():
    matrix = np.random.default_rng(0).normal(size=(800, 3))
    target, plain = np.abs(matrix[:, 0]) + 0.1, np.zeros(3, dtype=np.bool_)
    first, again = (LearnedMean.of(matrix, target, plain, Sign.SIZE) for _ in range(2))
    np.testing.assert_array_equal(first.crossfitted, again.crossfitted)
    np.testing.assert_array_equal(first(matrix), again(matrix))


def test_crossfitted_answers_come_from_models_that_did_not_see_the_row():
    rng = np.random.default_rng(0)
    matrix, target = rng.normal(size=(900, 3)), rng.exponential(size=900)
    learned = LearnedMean.of(matrix, target, np.zeros(3, dtype=np.bool_), Sign.SIZE)
    assert abs(np.corrcoef(learned.crossfitted, target)[0, 1]) < 0.1
    assert learned.crossfitted.mean() == pytest.approx(target.mean(), rel=0.1)


@pytest.mark.parametrize("columns", [0, 2], ids=["no feature", "features"])
def test_errors_that_are_all_equal_are_their_own_mean(columns):
    learned = LearnedMean.of(np.ones((300, columns)), np.full(300, 0.25), np.zeros(columns, dtype=np.bool_), Sign.SIZE)
    np.testing.assert_allclose(learned(np.zeros((4, columns))), 0.25)
    np.testing.assert_allclose(learned.crossfitted, 0.25)
    assert len(learned(np.empty((0, columns)))) == 0


def test_a_perfect_model_is_estimated_to_be_perfect():
    predicted = np.linspace(0.0, 1.0, 400)
    outlook = LossOutlook.fit(Evaluation("regression", predicted, predicted), Table({}), {"mae": built(mae)})
    assert built(mae).compute(outlook.expected(predicted, Table({}))).number == 0.0


def test_columns_in_which_the_reference_does_not_differ_are_left_out():
    features = Table(
        {
            "same": np.ones(4),
            "gone": np.full(4, np.nan),
            "some": np.array([1.0, np.nan, 1.0, 1.0]),
            "one": Categories.of(["a"] * 4),
            "two": Categories.of(["a", "b", "b", None]),
            "text": np.array(["a", "b", "c", "d"], dtype=object),
        }
    )
    assert list(Encoding.of(np.arange(4.0), features).labels) == ["some", "two", "prediction"]


def test_what_the_reference_never_had_is_missing_for_the_trees():
    reference = Table({"kind": Categories.of(["a", "b", "b"]), "x": np.array([0.0, 1.0, 2.0])})
    encoding = Encoding.of(np.arange(3.0), reference)
    now = Table({"kind": Categories.of(["b", "zebra", None]), "x": np.array([np.inf, 1.0, np.nan])})
    expected = [[0.0, np.nan, 0.0], [np.nan, 1.0, 1.0], [np.nan, np.nan, 2.0]]
    np.testing.assert_array_equal(encoding.matrix(np.arange(3.0), now), expected)
    swapped = Table({"kind": np.arange(3.0), "x": Categories.of(["a", "b", "c"])})
    assert np.isnan(encoding.matrix(np.arange(3.0), swapped)[:, :2]).all()
    assert np.isnan(encoding.matrix(np.arange(3.0), Table({}))[:, :2]).all()


def test_rare_labels_share_a_code_beyond_what_trees_take():
    texts = [f"label{at:03}" for at in range(400)]
    labels = Encoding.of(np.arange(400.0), Table({"many": Categories.of(texts)})).labels["many"]
    assert max(labels.values()) == 250


def test_errors_too_large_for_squares_are_told():
    with pytest.raises(DataError, match="too large for float64 to hold their squares"):
        LossOutlook.fit(Evaluation("regression", np.zeros(200), np.full(200, 1e200)), Table({}), METRICS)


def test_rows_without_a_finite_prediction_are_left_out_and_text_is_told():
    outlook = LossOutlook.fit(*regression(600), {"mae": built(mae)})
    expected = outlook.expected(np.array([10.0, np.nan, 11.0]), Table({"x": np.ones(3)}))
    assert expected.total_weight == pytest.approx(2.0)
    with pytest.raises(DataError, match="must be numbers as in the reference, found text"):
        outlook.expected(Categories.of(["up", "down"]), Table({}))
