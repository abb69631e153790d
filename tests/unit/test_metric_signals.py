"""Regression, volatility, signal and trading metrics against independent sources."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper_plugins.metrics import (
    bias,
    business_value,
    deflated_sharpe,
    hit_rate,
    icir,
    information_coefficient,
    mape,
    max_drawdown,
    pinball,
    probabilistic_sharpe,
    qlike,
    r2,
    rank_ic,
    sharpe,
    smape,
    turnover,
)
from watchkeeper_plugins.metrics.positions import Moments

EXACT = 1e-12
weighted = pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])


def of(module, **options):
    return module.build(module.Options(**options) if hasattr(module, "Options") else NoOptions())


def pairs(task="regression", rows=211, *, weighted=False):
    rng = np.random.default_rng(rows)
    truth = rng.lognormal(0.0, 1.0, rows)
    weights = rng.random(rows) * 3 if weighted else None
    return Evaluation(task, truth, truth * rng.lognormal(0.0, 0.4, rows), weights=weights)


def returns(rows=300, task="score"):
    rng = np.random.default_rng(rows)
    signal = np.round(rng.normal(size=rows), 1)
    return Evaluation(task, 0.01 * (0.2 * signal + rng.standard_t(5, rows)), signal)


def close(value, expected):
    assert value.number == pytest.approx(expected, abs=EXACT, rel=EXACT), value.reason


@weighted
def test_mape_r2_and_pinball_equal_scikit_learn(weighted):
    rows = pairs(weighted=weighted)
    arrays, weights = (rows.truth, rows.predicted), rows.weights
    close(of(mape).compute(rows), sk.mean_absolute_percentage_error(*arrays, sample_weight=weights))
    close(of(r2).compute(rows), sk.r2_score(*arrays, sample_weight=weights))
    for quantile in (0.05, 0.5, 0.9):
        expected = sk.mean_pinball_loss(*arrays, sample_weight=weights, alpha=quantile)
        close(of(pinball, quantile=quantile).compute(rows), expected)


@weighted
def test_bias_and_smape_equal_their_formulas(weighted):
    rows = pairs(weighted=weighted)
    apart = rows.predicted - rows.truth
    close(of(bias).compute(rows), np.average(apart, weights=rows.weights))
    shares = np.abs(apart) / ((np.abs(rows.predicted) + np.abs(rows.truth)) / 2)
    close(of(smape).compute(rows), np.average(shares, weights=rows.weights))


@weighted
def test_qlike_equals_patton_s_loss_less_its_least_value(weighted):
    """Patton (2011) writes ln h + s/h, which is least, ln s + 1, at h = s."""
    rows = pairs(weighted=weighted)
    loss = np.log(rows.predicted) + rows.truth / rows.predicted - np.log(rows.truth) - 1
    close(of(qlike).compute(rows), np.average(loss, weights=rows.weights))
    roots = Evaluation("regression", np.sqrt(rows.truth), np.sqrt(rows.predicted), weights=rows.weights)
    close(of(qlike, unit="volatility").compute(roots), np.average(loss, weights=rows.weights))


def test_business_value_adds_up_the_user_s_table():
    rng = np.random.default_rng(3)
    truth, predicted, weights = rng.integers(0, 3, 50), rng.integers(0, 3, 50), rng.random(50)
    table = ((1.0, -2.0, 0.5), (-10.0, 5.0, 0.0), (0.0, 0.0, 3.0))
    rows = Evaluation("classification", truth, predicted, classes="abc", weights=weights)
    expected = sum(w * table[t][p] for t, p, w in zip(truth, predicted, weights, strict=True)) / weights.sum()
    close(of(business_value, values=table).compute(rows), expected)


@pytest.mark.parametrize("task", ["score", "regression"])
def test_information_coefficients_equal_scipy(task):
    rows = returns(task=task)
    close(of(information_coefficient).compute(rows), stats.pearsonr(rows.predicted, rows.truth).statistic)
    close(of(rank_ic).compute(rows), stats.spearmanr(rows.predicted, rows.truth).statistic)


def test_a_weighted_information_coefficient_equals_numpy_s_weighted_covariance():
    rows = pairs("score", weighted=True)
    table = np.cov(rows.predicted, rows.truth, aweights=rows.weights)
    close(of(information_coefficient).compute(rows), table[0, 1] / math.sqrt(table[0, 0] * table[1, 1]))


def test_a_weight_in_rank_ic_counts_like_that_many_rows():
    rows = returns(60)
    weights = np.arange(60) % 4
    repeated = [np.repeat(column, weights) for column in (rows.predicted, rows.truth)]
    found = of(rank_ic).compute(Evaluation("score", rows.truth, rows.predicted, weights=weights))
    close(found, stats.spearmanr(*repeated).statistic)


@pytest.mark.parametrize("ranks", [True, False], ids=["ranks", "values"])
def test_icir_equals_scipy_block_by_block(ranks):
    rows = returns(310)
    test = stats.spearmanr if ranks else stats.pearsonr
    blocks = [slice(start, start + 25) for start in range(0, 300, 25)]
    found = [test(rows.predicted[block], rows.truth[block]).statistic for block in blocks]
    close(of(icir, block=25, ranks=ranks).compute(rows), np.mean(found) / np.std(found, ddof=1))


def test_icir_leaves_out_blocks_in_which_the_signal_is_constant():
    rows = returns(80)
    signal = rows.predicted.copy()
    signal[20:40] = 7.0
    kept = np.r_[0:20, 40:80]
    expected = of(icir).compute(Evaluation("score", rows.truth[kept], signal[kept])).number
    close(of(icir).compute(Evaluation("score", rows.truth, signal)), expected)


def test_hit_rate_counts_only_rows_with_a_position_and_a_move():
    rows = returns()
    counted = (rows.predicted != 0) & (rows.truth != 0)
    value = of(hit_rate).compute(rows)
    close(value, np.mean(np.sign(rows.predicted[counted]) == np.sign(rows.truth[counted])))
    assert value.samples == counted.sum()


def test_sharpe_is_mean_over_deviation_a_year():
    rows = returns()
    earned = np.sign(rows.predicted) * rows.truth
    close(of(sharpe).compute(rows), earned.mean() / earned.std(ddof=1) * math.sqrt(252))
    earned = rows.predicted * rows.truth
    found = of(sharpe, position="proportional", periods_per_year=12).compute(rows)
    close(found, earned.mean() / earned.std(ddof=1) * math.sqrt(12))


def test_costs_are_paid_for_every_change_of_position():
    rows = Evaluation("score", [0.01, 0.02, -0.01, 0.0], [1.0, 1.0, -1.0, -1.0])
    earned = np.array([0.01 - 0.001, 0.02, 0.01 - 0.002, 0.0])
    metric = of(sharpe, cost=0.001, periods_per_year=1)
    close(metric.compute(rows), earned.mean() / earned.std(ddof=1))
    assert metric.is_ordered


def test_the_error_of_sharpe_uses_skewness_and_kurtosis_of_scipy():
    rows = returns()
    earned = np.sign(rows.predicted) * rows.truth
    ratio = earned.mean() / earned.std(ddof=1)
    variance = 1 - stats.skew(earned) * ratio + (stats.kurtosis(earned, fisher=False) - 1) / 4 * ratio**2
    low, high = of(sharpe, periods_per_year=1).compute(rows).interval
    assert (high - low) / 2 == pytest.approx(1.959963984540054 * math.sqrt(variance / (len(rows) - 1)), rel=EXACT)


@pytest.mark.parametrize(("skewness", "kurtosis", "expected"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)])
def test_the_probabilistic_sharpe_ratio_of_bailey_and_lopez_de_prado(skewness, kurtosis, expected):
    """Their 2012 paper's example: two years of months with a ratio of 0.458 a month."""
    found = probabilistic_sharpe.surpassed(Moments(0.458, skewness, kurtosis, 24), 24, benchmark=0.0)
    assert found.number == pytest.approx(expected, abs=5e-4)


def test_the_deflated_sharpe_ratio_of_bailey_and_lopez_de_prado():
    """Their 2014 paper's example: 2.5 a year in five years of 250 days, the best of 100 with variance 1/2 a year."""
    best = deflated_sharpe.best_without_skill(100, 0.5 / 250)
    assert best == pytest.approx(0.1132, abs=5e-5)
    found = probabilistic_sharpe.surpassed(Moments(2.5 / math.sqrt(250), -3.0, 10.0, 1250), 1250, benchmark=best)
    assert found.number == pytest.approx(0.9004, abs=5e-5)


def test_a_deflated_sharpe_ratio_of_one_trial_is_the_probabilistic_one():
    rows = returns()
    close(of(deflated_sharpe).compute(rows), of(probabilistic_sharpe).compute(rows).number)


def test_more_trials_deflate_more():
    rows = returns()
    found = [of(deflated_sharpe, trials=trials).compute(rows).number for trials in (1, 2, 10, 1000, 10**12)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_a_given_variance_of_trials_is_of_ratios_a_year():
    rows = returns()
    own = 252 / (len(rows) - 1)
    expected = of(deflated_sharpe, trials=50).compute(rows).number
    close(of(deflated_sharpe, trials=50, trials_variance=own).compute(rows), expected)


def test_max_drawdown_is_the_worst_of_all_pairs():
    rows = returns(120)
    wealth = np.cumprod(np.append(1.0, 1.0 + np.sign(rows.predicted) * rows.truth))
    worst = max(1 - later / earlier for earlier, later in itertools.combinations(wealth, 2))
    value = of(max_drawdown).compute(rows)
    close(value, worst)
    assert value.interval[0] <= worst <= value.interval[1]


def test_resampled_paths_fall_as_deep_as_when_they_are_walked():
    growth = np.random.default_rng(6).normal(0.0, 0.02, 50)
    starts = np.random.default_rng(7).integers(50, size=(20, 12))
    found = max_drawdown._falls(max_drawdown._Blocks.of(growth, 4), starts)
    for fall, chosen in zip(found, starts, strict=True):
        path = np.append(0.0, np.cumsum(np.concatenate([np.r_[growth, growth][at : at + 4] for at in chosen])))
        walked = min(later - earlier for earlier, later in itertools.combinations(path, 2))
        assert fall == pytest.approx(walked, abs=1e-12)


def test_losing_everything_is_a_drawdown_of_one():
    close(of(max_drawdown).compute(Evaluation("score", [0.1, -1.0, 0.5], [1.0, 1.0, 1.0])), 1.0)


def test_a_path_that_only_rises_has_no_drawdown():
    close(of(max_drawdown, resamples=0).compute(Evaluation("score", [0.1, 0.2], [1.0, 1.0])), 0.0)


def test_turnover_is_the_mean_change_of_position():
    rows = returns()
    close(of(turnover).compute(rows), np.abs(np.diff(np.sign(rows.predicted))).mean())
    close(of(turnover, position="proportional").compute(rows), np.abs(np.diff(rows.predicted)).mean())


def test_the_error_of_turnover_is_newey_and_west_s():
    rows = returns(200)
    changes = np.abs(np.diff(np.sign(rows.predicted)))
    apart, lags = changes - changes.mean(), 4
    total = sum(
        (1 - abs(one - other) / (lags + 1)) * apart[one] * apart[other]
        for one in range(199)
        for other in range(max(one - lags, 0), min(one + lags + 1, 199))
    )
    low, high = of(turnover).compute(rows).interval
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, 198) * math.sqrt(total) / 199, rel=1e-9)


def test_smape_counts_a_row_that_is_exactly_right_at_zero_as_right():
    close(of(smape).compute(Evaluation("regression", [0.0, 1.0], [0.0, 3.0])), 0.5)
