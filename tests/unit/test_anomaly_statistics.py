"""The statistics of anomalies against independent ones: scipy's, numpy's, scikit-learn's, and what theory says."""

import numpy as np
import pytest
from scipy import signal, stats

from watchkeeper.alerting.anomalies.detector import AnomalyDetector, needed
from watchkeeper.alerting.anomalies.features import Scale, exponential_mean, rolling_mean, summary_features
from watchkeeper.alerting.anomalies.legs import forest, shape, wider_spread
from watchkeeper.alerting.anomalies.methods import Leg, Method
from watchkeeper.alerting.anomalies.seasons import profile_of
from watchkeeper.alerting.anomalies.tails import Tail, pareto_of
from watchkeeper.domain.errors import UsageError

HOUR_US = 3_600_000_000


def drawn(seed, *size):
    return np.random.default_rng(seed).normal(size=size)


def hours(count):
    return np.arange(count, dtype=np.int64) * HOUR_US


def test_the_exponential_mean_is_the_recursive_filter_of_scipy():
    values = drawn(1, 200, 3)
    assert exponential_mean(values, 0.3) == pytest.approx(signal.lfilter([0.3], [1.0, -0.7], values, axis=0))


def test_the_rolling_mean_is_the_mean_of_the_last_rows():
    values = drawn(2, 50, 2)
    expected = np.array([values[max(row - 7, 0) : row + 1].mean(axis=0) for row in range(50)])
    assert rolling_mean(values, 8) == pytest.approx(expected)


def test_the_spread_is_scipys_median_absolute_deviation():
    values = stats.t(3).rvs((500, 2), random_state=3)
    scale = Scale.of(values)
    assert scale.middle == pytest.approx(np.median(values, axis=0))
    assert scale.spread == pytest.approx(stats.median_abs_deviation(values, axis=0, scale="normal"), rel=1e-4)


def test_a_series_that_mostly_stands_still_has_its_standard_deviation_as_spread():
    values = np.array([0.0] * 9 + [1.0])[:, None]
    assert Scale.of(values).spread == pytest.approx(values.std(axis=0))


def test_the_features_look_back_only():
    values = drawn(4, 100, 4)
    changed = values.copy()
    changed[60:] += 5
    assert (summary_features(values)[:60] == summary_features(changed)[:60]).all()


def test_the_features_are_what_they_are_called():
    values = drawn(5, 40, 2)
    last = summary_features(values)[-1]
    assert last[0] == pytest.approx(np.abs(values[-1]).max())
    assert last[1] == pytest.approx((values[-1] ** 2).mean())
    assert last[2] == pytest.approx(np.abs(values[-1] - values[-2]).max())
    assert last[3] == pytest.approx(np.abs(values[-8:].mean(axis=0)).max())
    assert last[4] == pytest.approx(np.log(values[-12:].std(axis=0)).max())


def test_the_forest_is_scikit_learns_on_the_features_of_clean_rows():
    from sklearn.ensemble import IsolationForest

    values = drawn(6, 300, 2)
    is_clean = np.arange(300) < 200
    features = summary_features(values)
    reference = IsolationForest(n_estimators=100, max_samples=200, random_state=20_240_601).fit(features[is_clean])
    assert forest(values, is_clean)(values) == pytest.approx(-reference.score_samples(features))


def test_one_spike_is_no_new_spread():
    values = np.zeros((30, 1))
    values[10] = 100.0
    assert wider_spread(values).max() <= 16 * 0.15


def test_the_shape_is_told_by_the_nearest_neighbours_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    values, is_clean = drawn(19, 300, 2), np.arange(300) < 250
    windows = np.lib.stride_tricks.sliding_window_view(values, 12, axis=0)  # the rows 11 to 299
    before, last = windows[:, :, :-1], windows[:, :, -1]
    mean = before.mean(axis=2)
    before, last = (before - mean[:, :, None]).reshape(len(windows), -1), last - mean
    # the last 12 rows are left out, and here the last 50 are not clean: 239 stretches end in a clean row
    known = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(before[:239])
    expected = np.median(last[:239][known.kneighbors(before[260:], return_distance=False)], axis=1)
    found = shape(values, is_clean)(values)[271:]
    assert found == pytest.approx(np.abs(last[260:] - expected).max(axis=1))


def test_an_odd_course_of_ordinary_numbers_is_found_by_its_shape_alone():
    phase = np.cumsum(np.full(700, 2 * np.pi / 37))
    values = (np.sin(phase) + 0.05 * drawn(20, 700))[:, None]
    values[650:656] = -values[650:656]  # upside down for six checks, all of them within what is usual
    times = hours(700)
    called = {}
    for method in (Method.SHAPE, Method.Z):
        detector = AnomalyDetector.fit(times[:500], values[:500], 0.01, method)
        called[method] = [one.is_anomaly for one in detector.judge_each(times[436:], values[436:], 200)]
    assert any(called[Method.SHAPE][150:156])
    assert sum(called[Method.SHAPE][:150]) <= 5
    assert not any(called[Method.Z])


@pytest.mark.parametrize("heaviness", [0.0, 0.2, 0.4])
def test_the_tail_of_scipys_generalized_pareto_is_found_again(heaviness):
    excesses = np.sort(stats.genpareto(heaviness, scale=2.0).rvs(20_000, random_state=7))
    found, scale = pareto_of(excesses)
    assert found == pytest.approx(heaviness, abs=0.05)
    assert scale == pytest.approx(2.0, rel=0.1)


def test_a_light_tail_is_taken_for_an_exponential_one():
    excesses = np.sort(np.random.default_rng(8).uniform(size=5_000))
    assert pareto_of(excesses) == (0.0, pytest.approx(0.5, rel=0.05))


def test_within_the_history_the_p_value_is_a_rank():
    tail = Tail.of(np.arange(100.0))
    assert [tail.p_value(score) for score in (-1.0, 50.0, 99.0)] == pytest.approx([1.0, 51 / 101, 2 / 101])


def test_beyond_the_history_the_p_value_follows_the_pareto_tail_of_scipy():
    tail = Tail.of(stats.genpareto(0.2).rvs(500, random_state=9))
    highest = tail.scores[-1]
    follows = stats.genpareto(tail.shape, loc=tail.begins, scale=tail.scale)
    for score in (highest * 1.01, highest * 2, highest * 10):
        assert tail.p_value(score) == pytest.approx(follows.sf(score) / follows.sf(highest) / 501)


def test_anomalies_that_were_left_out_do_not_let_the_limit_creep_down():
    scores = np.sort(drawn(10, 1_000))
    whole, trimmed = Tail.of(scores), Tail.of(scores[:-10], left_out=10)
    assert trimmed.p_value(scores[-11]) == pytest.approx(whole.p_value(scores[-11]))


def test_scores_that_stand_still_say_nothing_of_what_lies_beyond():
    assert Tail.of(np.ones(100)).p_value(5.0) == pytest.approx(1 / 101)


def test_a_daily_wave_is_taken_out_and_noise_is_not():
    times = hours(24 * 20)
    wave = np.sin(2 * np.pi * np.arange(480) / 24)
    values = np.column_stack([3 * wave + 0.1 * drawn(11, 480), drawn(12, 480)])
    profile = profile_of(times, values)
    left = profile.without(times, values)
    assert left[:, 0].std() < 0.15
    assert np.ptp(profile.usual[:, 1]) == 0.0
    assert left[:, 1] == pytest.approx(values[:, 1] - np.median(values[:, 1]))


def test_three_days_are_too_few_for_a_daily_profile():
    assert len(profile_of(hours(72), drawn(13, 72, 1)).usual) == 1


def test_the_tail_of_few_observations_is_that_of_the_predictive_distribution():
    # the scale of an exponential tail under Jeffreys' prior: the next excess is Lomax, of shape 1 / count
    excesses = np.sort(np.random.default_rng(9).exponential(size=10))
    shape, scale = pareto_of(excesses, 1 / 10)
    assert stats.genpareto(shape, scale=scale).sf(3.0) == pytest.approx((1 + 3.0 / excesses.sum()) ** -10, rel=1e-6)


def test_high_scores_in_a_row_count_as_one_observation_of_the_tail():
    scores = np.random.default_rng(10).exponential(size=200)
    apart, together = scores.copy(), np.sort(scores)
    assert Tail.of(together).shape == 1.0
    assert Tail.of(apart).shape < 0.2


@pytest.mark.parametrize("method", [Method.Z, Method.EWMA, Method.SPREAD], ids=str)
def test_the_shortest_history_keeps_the_budget_of_false_alarms(method):
    rate, checks = 1 / 720, 150
    clean, alarms, series = needed(rate, method), 0, 150
    for seed in range(series):
        steps = np.random.default_rng([seed, 11]).standard_t(4, size=clean + checks + 50)
        values = signal.lfilter([1.0], [1.0, -0.6], steps)[50:, None]
        detector = AnomalyDetector.fit(hours(clean), values[:clean], rate, method)
        found = detector.judge_each(hours(clean + checks)[clean - 64 :], values[clean - 64 :], checks)
        called = np.array([one.is_anomaly for one in found])
        alarms += sum(not called[max(at - 12, 0) : at].any() for at in np.flatnonzero(called))
    expected = series * checks * rate
    assert alarms <= expected + 2 * np.sqrt(expected)  # 1.4 to 2.2 times as many before tails knew how short they are


@pytest.mark.parametrize(
    ("rate", "method", "expected"),
    [
        (0.01, Method.ALL, 100),
        (1 / 720, Method.ALL, 120),
        (1 / 43_200, Method.ALL, 7_200),
        (1 / 43_200, Method.Z, 1_440),
    ],
)
def test_a_smaller_rate_needs_a_longer_history(rate, method, expected):
    assert needed(rate, method) == expected


def test_too_short_a_history_is_refused():
    with pytest.raises(UsageError, match=r"99 clean checks; a rate of 0\.01 needs 100"):
        AnomalyDetector.fit(hours(99), drawn(14, 99, 1), 0.01)


@pytest.mark.parametrize("method", list(Method))
def test_clean_checks_are_called_anomalies_about_as_often_as_asked(method):
    rate, called = 0.02, []
    for seed in range(3):
        values = drawn([15, seed], 1_000, 2)
        detector = AnomalyDetector.fit(hours(500), values[:500], rate, method)
        called += [found.is_anomaly for found in detector.judge_each(hours(1_000)[436:], values[436:], 500)]
    assert np.mean(called) < 2.5 * rate


@pytest.mark.parametrize(
    ("change", "legs"),
    [
        (lambda rows: rows.__setitem__((-1, 1), 9.0), {Leg.Z, Leg.FOREST}),
        (lambda rows: rows.__iadd__(np.array([0.0, 2.5])), {Leg.EWMA, Leg.SPREAD}),
    ],
    ids=["a spike", "a shift"],
)
def test_what_is_unusual_is_found_and_told_apart(change, legs):
    values = drawn(16, 530, 2)
    change(values[500:])
    detector = AnomalyDetector.fit(hours(500), values[:500], 1 / 720)
    found = detector.judge(hours(530)[460:], values[460:])
    assert found.is_anomaly
    assert found.leg in legs
    assert found.column == 1
    assert found.evidence == pytest.approx(np.log(found.p_value) / np.log(1 / 720))


def test_what_was_expected_is_told_in_the_series_own_units():
    times = hours(24 * 20)
    values = (10 + 3 * np.sin(2 * np.pi * np.arange(480) / 24) + 0.1 * drawn(17, 480))[:, None]
    detector = AnomalyDetector.fit(times, values, 0.01, Method.Z)
    assert detector.usual(times)[:, 0] == pytest.approx(values[:, 0], abs=0.6)


def test_nothing_is_written_into_what_was_given():
    values = drawn(18, 200, 1)
    values.setflags(write=False)
    times = hours(200)
    times.setflags(write=False)
    AnomalyDetector.fit(times, values, 0.05).judge(times, values)
