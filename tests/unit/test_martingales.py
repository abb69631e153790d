"""Shiryaev-Roberts sums: what they cost when nothing changes, and what they win when something does."""

from __future__ import annotations

import numpy as np
import pytest

from watchkeeper.domain.martingales import SIDES, STEPS, ChangeBets, tempered


def bets(series: int, *, lasting: float = 1.0, tolerance: float = 0.0) -> ChangeBets:
    calm = np.random.default_rng(0).normal(size=(500, series))
    return ChangeBets.calibrated(
        calm,
        np.zeros(series, dtype=np.int64),
        lasting=np.full(series, lasting),
        tolerance=np.full(series, tolerance),
        ceiling=np.full(series, 1e12),
    )


def test_a_bet_costs_nothing_on_average_without_a_change():
    """Its likelihood ratio averages at most 1: exactly 1 for normal residuals, by Monte Carlo for the small steps."""
    z = np.random.default_rng(1).normal(size=400_000)
    for step in STEPS[:2]:
        ratio = np.exp(step * tempered(z) - 0.5 * step * step)
        assert ratio.mean() == pytest.approx(1.0, abs=0.03)


def test_the_recursion_is_the_sum_over_all_times_at_which_a_change_could_have_begun():
    calm = bets(1, lasting=0.4, tolerance=0.3)
    residuals = np.random.default_rng(2).normal(size=6)
    shares = np.linspace(0.1, 0.2, 6)
    sums = calm.nothing
    for residual, share in zip(residuals, shares, strict=True):
        sums = calm.advanced(sums, np.array([residual]), share)
    expected = np.zeros((2, len(STEPS)))
    for side, sign in enumerate(SIDES.ravel()):
        for at, step in enumerate(STEPS):
            for begin in range(6):
                log = np.log(shares[begin])
                for now in range(begin, 6):
                    factor, which = (1.0, 0) if now == begin else (0.4, 1)
                    bet = factor * step
                    log += bet * (sign * residuals[now] - factor * 0.3) - 0.5 * bet * bet
                    log -= calm.discount[which, side, at, 0]
                expected[side, at] += np.exp(log)
    np.testing.assert_allclose(sums[..., 0], expected, rtol=1e-10)


@pytest.mark.parametrize("tolerance", [0.0, 0.5], ids=["no change", "a change within the tolerance"])
def test_evidence_grows_no_faster_than_the_shares_while_nothing_changes(tolerance):
    """E[S] <= sum of shares; heavy-tailed as S is, its median over many series is far below it."""
    series, blocks = 4000, 100
    rng = np.random.default_rng(3)
    calm = bets(series, tolerance=tolerance)
    sums = calm.nothing
    for _ in range(blocks):
        sums = calm.advanced(sums, rng.normal(loc=tolerance, size=series), 1.0 / blocks)
    assert float(np.median(sums[0].mean(axis=0))) < 1.0
    assert float((sums.mean(axis=1)[0] >= 1.0).mean()) < 0.15


def test_a_change_is_found_in_its_direction():
    found = bets(2)
    sums = found.nothing
    for _ in range(10):
        sums = found.advanced(sums, np.array([2.0, -2.0]), 0.001)
    level = sums.mean(axis=1)
    assert level[0, 0] > 1.0 > level[1, 0]
    assert level[1, 1] > 1.0 > level[0, 1]


def test_a_block_that_says_nothing_changes_nothing():
    found = bets(2)
    sums = found.advanced(found.nothing, np.array([1.0, 1.0]), 0.1)
    after = found.advanced(sums, np.array([np.nan, 1.0]), 0.1)
    np.testing.assert_array_equal(after[..., 0], sums[..., 0])
    assert (after[..., 1] != sums[..., 1]).all()


def test_heavy_tails_make_large_steps_dear():
    heavy = np.random.default_rng(4).standard_t(2, size=(2000, 3))
    dear = ChangeBets.calibrated(
        heavy,
        np.zeros(3, dtype=np.int64),
        lasting=np.ones(3),
        tolerance=np.zeros(3),
        ceiling=np.full(3, 1e12),
    )
    assert dear.discount[0, 0, -1].min() > 2.0
    assert bets(3).discount[0, 0, 0].max() < 0.2


def test_no_block_is_proof_alone_unless_it_is_wild():
    found = bets(1)
    once = found.advanced(found.nothing, np.array([6.0]), 1.0 / 720 / 30)
    wild = found.advanced(found.nothing, np.array([60.0]), 1.0 / 720 / 30)
    assert once.mean(axis=1).max() < 1e6
    assert np.isfinite(wild).all()
    assert (
        wild.max() < found.advanced(found.advanced(found.nothing, np.array([60.0]), 1.0), np.array([60.0]), 1.0).max()
    )


def dependent(rng: np.random.Generator, blocks: int, series: int, rho: float) -> np.ndarray:
    """(blocks, series) of unit variance; what a whitening that reaches too short leaves."""
    residuals = rng.normal(size=(blocks, series))
    for at in range(1, blocks):
        residuals[at] = rho * residuals[at - 1] + np.sqrt(1 - rho**2) * residuals[at]
    return residuals


@pytest.mark.parametrize(("rho", "least", "most"), [(0.0, 0.0, 0.02), (0.3, 0.02, 0.3), (0.5, 0.3, 1.2)])
def test_courses_of_bets_are_dear_where_residuals_depend_on_one_another(rho, least, most):
    priced = ChangeBets.calibrated(
        dependent(np.random.default_rng(5), 600, 20, rho),
        np.zeros(20, dtype=np.int64),
        lasting=np.ones(20),
        tolerance=np.zeros(20),
        ceiling=np.full(20, 1e12),
    )
    surcharge = (priced.discount[1] - priced.discount[0])[:, 0].mean()
    assert least <= surcharge <= most


def test_dependence_that_the_reference_shows_raises_less_than_half_of_the_alarms():
    rng = np.random.default_rng(6)
    priced = ChangeBets.calibrated(
        dependent(rng, 600, 200, 0.4),
        np.zeros(200, dtype=np.int64),
        lasting=np.ones(200),
        tolerance=np.zeros(200),
        ceiling=np.full(200, 1e12),
    )
    free = ChangeBets(priced.lasting, priced.tolerance, priced.discount[:1].repeat(2, axis=0), priced.ceiling)
    raised = []
    for bets_of in (priced, free):
        sums, ever = bets_of.nothing, np.zeros(200, dtype=bool)
        for residual in dependent(np.random.default_rng(7), 720, 200, 0.4):
            sums = bets_of.advanced(sums, residual, 1.0 / 720)
            ever |= sums.mean(axis=1).mean(axis=0) >= 1.0
        raised.append(float(ever.mean()))
    fewer, more = -np.log1p(-np.array(raised))  # alarms in a period, as of a Poisson process
    assert fewer < 0.5 * more
