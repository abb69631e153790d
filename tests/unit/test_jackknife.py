"""The block jackknife: equal to the textbook's standard error of a mean, and honest about dependent rows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from watchkeeper.domain.jackknife import FEWEST_BLOCKS, block_count, interval, jackknife_variance


def mean_of(values):
    return lambda kept: float(values[kept].mean())


def test_of_a_mean_it_is_the_variance_between_the_blocks():
    values = np.random.default_rng(0).normal(size=400)
    blocks = values.reshape(40, 10).mean(axis=1)
    variance, degrees = jackknife_variance(mean_of(values), 400)
    assert degrees == 39
    assert variance == pytest.approx(blocks.var(ddof=1) / 40, rel=1e-9)


def test_its_interval_is_students():
    low, high = interval(1.0, 4.0, 9)
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 9, loc=1.0, scale=2.0))


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(300):
        values = rng.normal(size=200)
        variance, degrees = jackknife_variance(mean_of(values), 200)
        low, high = interval(values.mean(), variance, degrees)
        covered += low <= 0.0 <= high
    assert 0.91 <= covered / 300 <= 0.985


def test_dependent_rows_have_wider_intervals():
    rng = np.random.default_rng(2)
    noise = rng.normal(size=4000)
    wandering = np.empty(4000)
    wandering[0] = noise[0]
    for at in range(1, 4000):
        wandering[at] = 0.8 * wandering[at - 1] + 0.6 * noise[at]
    dependent, _ = jackknife_variance(mean_of(wandering), 4000)
    assert dependent > 4 * wandering.var() / 4000


def test_too_few_rows_have_no_interval():
    assert block_count(5 * FEWEST_BLOCKS - 1) == 0
    assert jackknife_variance(mean_of(np.ones(39)), 39) is None


def test_a_statistic_that_one_block_decides_has_no_interval():
    only_here = np.zeros(100)
    only_here[0] = 1.0
    assert jackknife_variance(lambda kept: None if not only_here[kept].any() else 1.0, 100) is None
