"""Parts of the drift alarms: blocks, legs, seasons, weather, whitening."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import WindowSize
from watchkeeper.domain.table import Categories
from watchkeeper.monitor.alarms.blocks import block_size, cut_by_rows, cut_by_time, cut_evenly
from watchkeeper.monitor.alarms.legs import NumberLegs, legs_of
from watchkeeper.monitor.alarms.seasons import DAY_US, HOUR_US, Seasons
from watchkeeper.monitor.alarms.weather import Weather
from watchkeeper.monitor.alarms.whitening import Whitening


def test_a_block_is_the_window_when_the_reference_holds_enough_of_them():
    at = np.arange(0, 200 * HOUR_US, HOUR_US // 50)
    assert block_size(WindowSize.parse("1h"), len(at), at).duration_us == HOUR_US
    assert block_size(WindowSize.parse("500 rows"), 100_000, None).rows == 500


def test_a_block_is_an_even_part_of_the_window_otherwise():
    at = np.arange(0, 200 * HOUR_US, HOUR_US // 50)
    assert block_size(WindowSize.parse("1d"), len(at), at).duration_us == DAY_US // 13
    assert block_size(WindowSize.parse("60 rows"), 1008, None).rows == 10


def test_a_block_of_few_rows_is_several_windows():
    at = np.arange(0, 400 * HOUR_US, HOUR_US // 2)
    assert block_size(WindowSize.parse("1h"), len(at), at).duration_us == 4 * HOUR_US


def test_too_few_blocks_are_a_reason():
    at = np.arange(0, 100 * HOUR_US, HOUR_US // 2)
    assert block_size(WindowSize.parse("1h"), 240, at) == (
        "the reference holds 25 blocks of 4 hours, at least 30 are needed to learn what is usual"
    )


def test_rows_of_one_time_stay_in_one_block_and_the_rest_waits():
    cut = cut_by_rows(np.array([1, 2, 2, 2, 5, 6, 7]), 2)
    assert cut.block.tolist() == [0, 0, 0, 0, 1, 1]
    assert cut.start_us.tolist() == [1, 3]
    assert cut.end_us.tolist() == [3, 7]
    assert len(cut_by_rows(np.array([1]), 2)) == 0


def test_hours_without_rows_are_no_blocks():
    cut = cut_by_time(np.array([0, 1, 10, 31]), 10)
    assert cut.block.tolist() == [0, 0, 1, 2]
    assert cut.start_us.tolist() == [0, 10, 30]


def test_rows_without_times_are_cut_evenly():
    assert np.bincount(cut_evenly(10, 4).block).tolist() == [5, 5]
    assert np.bincount(cut_evenly(3, 10).block).tolist() == [3]


def statistics(column, rows=100):
    legs = legs_of(ReferenceColumn.fit("x", column))
    return legs, legs.statistics(column, np.arange(len(column)) // rows, len(column) // rows)


def test_every_leg_of_independent_rows_has_the_same_sampling_noise():
    rng = np.random.default_rng(4)
    for column in (rng.normal(size=200_000), rng.lognormal(size=200_000), rng.standard_t(3, size=200_000)):
        legs, found = statistics(column)
        spread = dict(zip(legs.names, found.std(axis=0) * np.sqrt(100), strict=True))
        assert spread["mean"] == pytest.approx(1.0, abs=0.06)
        assert spread["spread"] == pytest.approx(1.0, abs=0.08)
        assert spread["middle"] == pytest.approx(1.0, abs=0.06)
    legs, found = statistics(Categories(rng.choice(3, size=200_000).astype(np.int32), ("a", "b", "c")))
    assert (found.std(axis=0) * np.sqrt(100))[:3] == pytest.approx(np.ones(3), abs=0.06)


def test_a_shift_by_a_sd_of_normal_rows_is_a_sd_of_the_mean():
    rng = np.random.default_rng(4)
    column = rng.normal(size=100_000)
    legs = legs_of(ReferenceColumn.fit("x", column))
    (moved,) = legs.statistics(0.25 + column[:50_000], np.zeros(50_000, dtype=np.int64), 1)
    assert moved[0] == pytest.approx(0.25, abs=0.02)


def test_a_column_of_two_values_has_no_spread_of_its_own():
    legs = legs_of(ReferenceColumn.fit("x", np.arange(1000.0) % 2))
    assert isinstance(legs, NumberLegs)
    assert "spread" not in legs.names
    assert sum(legs.weights) == pytest.approx(1.0)


def test_rare_labels_are_one_leg_together():
    codes = np.minimum(np.random.default_rng(1).geometric(0.2, size=5000) - 1, 19).astype(np.int32)
    legs = legs_of(ReferenceColumn.fit("x", Categories(codes, tuple(f"l{at:02}" for at in range(20)))))
    assert legs.names[-3:] == ("other labels", "unseen", "missing")
    assert len(legs.names) == 11
    assert sum(legs.weights) == pytest.approx(1.0)


def test_text_and_empty_columns_have_no_legs():
    assert legs_of(ReferenceColumn.fit("x", np.array(["a", None], dtype=object))) is None
    assert legs_of(ReferenceColumn.fit("x", np.full(10, np.nan))) is None


def test_a_season_of_the_hour_is_found_and_noise_is_not():
    rng = np.random.default_rng(5)
    start = np.arange(240) * HOUR_US
    wave = np.sin(2 * np.pi * (np.arange(240) % 24) / 24)
    noise = rng.normal(scale=0.2, size=(240, 41))
    found = Seasons.fit(start, noise + np.column_stack((wave, np.zeros((240, 40)))), HOUR_US)
    np.testing.assert_allclose(found.at(start)[:24, 0], wave[:24], atol=0.25)
    assert np.count_nonzero(found.hours[:, 1:].any(axis=0)) <= 6
    assert not found.weekdays.any()


def test_a_season_of_the_weekday_is_found_in_enough_weeks():
    rng = np.random.default_rng(5)
    days = np.arange(70)
    weekend = ((days + 3) % 7 >= 5).astype(float)
    found = Seasons.fit(days * DAY_US, (weekend + rng.normal(scale=0.1, size=70))[:, None], DAY_US)
    assert found.weekdays[5:, 0].min() > 0.5 > found.weekdays[:5, 0].max()
    assert not Seasons.fit(days[:20] * DAY_US, weekend[:20, None], DAY_US).weekdays.any()


def test_an_autoregression_is_recovered():
    rng = np.random.default_rng(6)
    level = np.zeros(5000)
    for at in range(1, 5000):
        level[at] = 0.7 * level[at - 1] + 0.1 * rng.standard_normal()
    found = Whitening.fit(np.zeros(1), level[:, None], np.zeros(1), 500.0)
    assert found.rho[0] == pytest.approx(0.7, abs=0.03)
    assert found.sigma[0] == pytest.approx(0.1, rel=0.03)
    assert found.error[0] == pytest.approx(0.1 / 0.3 / np.sqrt(5000), rel=0.6)


def test_a_block_of_fewer_rows_has_a_larger_noise():
    calm, noise, unit = np.zeros(1), np.array([0.01]), np.array([0.1])
    found = Whitening(
        mean=calm,
        rho=calm,
        uncertain=calm,
        noise=noise,
        wandering=calm,
        sigma=unit,
        error=calm,
        witnesses=np.full(1, 100.0),
        rows=100.0,
    )
    usual, small = (found.residual(np.array([0.3]), np.array([np.nan]), np.array([rows])) for rows in (100.0, 25.0))
    assert usual[0] == pytest.approx(3.0)
    assert small[0] == pytest.approx(1.5)


def test_a_series_that_never_moves_has_no_memory_and_a_unit():
    found = Whitening.fit(np.zeros(1), np.full((100, 1), 1e-17), np.zeros(1), 100.0)
    assert found.lasting[0] > 0.9
    assert found.sigma[0] == pytest.approx(0.05)


def wandering(blocks: int, series: int, *, rho: float, level: float, noise: float) -> np.ndarray:
    """(blocks, series): levels that are an AR(1) of that sd, beside noise."""
    rng = np.random.default_rng(11)
    found = np.empty((blocks, series))
    found[0] = level * rng.standard_normal(series)
    for at in range(1, blocks):
        found[at] = rho * found[at - 1] + level * np.sqrt(1.0 - rho * rho) * rng.standard_normal(series)
    return np.asarray(found + noise * rng.standard_normal((blocks, series)))


def test_a_level_that_wanders_for_long_beside_noise_is_told_by_the_series_together():
    values = wandering(200, 30, rho=0.95, level=0.05, noise=0.05)
    found = Weather.fit(values - values.mean(axis=0), np.zeros(30, dtype=np.int64), 400.0)
    assert np.median(found.rho) == pytest.approx(0.95, abs=0.03)
    truth = 0.05**2 * 1.95 / 0.05 + 0.05**2
    assert np.median(found.long_run) == pytest.approx(truth, rel=0.4)
    assert np.median(found.noise) == pytest.approx(0.05**2, rel=0.2)


def test_what_is_left_after_whitening_has_no_memory():
    values = wandering(2000, 20, rho=0.9, level=0.1, noise=0.05)
    found = Whitening.fit(np.zeros(20), values - values.mean(axis=0), np.zeros(20), 400.0)
    left = found.residuals(values - values.mean(axis=0))
    assert left.std() == pytest.approx(1.0, abs=0.02)
    for lag in range(1, 10):
        assert abs(float((left[lag:] * left[:-lag]).mean())) < 0.02
    batches = left[:1980].reshape(-1, 20, 20).sum(axis=1) / np.sqrt(20)
    assert batches.std() == pytest.approx(1.0, abs=0.08)


def test_a_change_lasts_in_the_residuals_as_the_filter_says():
    values = wandering(2000, 3, rho=0.9, level=0.1, noise=0.05)
    found = Whitening.fit(np.zeros(3), values - values.mean(axis=0), np.zeros(3), 400.0)
    step = np.concatenate((np.zeros((50, 3)), np.ones((100, 3))))
    left = found.residuals(step) * found.sigma
    np.testing.assert_allclose(left[49], 1.0)
    np.testing.assert_allclose(left[-1], found.lasting, rtol=1e-6)


def test_a_series_alone_is_thought_to_have_the_weather_it_shows():
    values = wandering(300, 30, rho=0.9, level=0.1, noise=0.05)
    values[:, 1:] = wandering(300, 29, rho=0.0, level=0.05, noise=0.0)
    found = Weather.fit(values - values.mean(axis=0), np.zeros(30, dtype=np.int64), 400.0)
    assert found.long_run[0] > 5.0 * np.median(found.long_run[1:])
    assert found.witnesses[0] < 60.0 < found.witnesses[1:].min()
