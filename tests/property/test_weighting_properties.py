"""What holds of weights and combinations whatever the members said."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from numpy.typing import NDArray

from watchkeeper.domain.ensemble import MemberHistory, Weights
from watchkeeper.ensemble import combined
from watchkeeper_plugins.weighting.inverse_loss import InverseLossOptions, build

LOSS = st.one_of(st.just(0.0), st.floats(0.0, 1e300), st.floats(1e-3, 1e3))
POWER = st.floats(0.0, 60.0)


@st.composite
def loss_tables(draw: st.DrawFn) -> NDArray[np.float64]:
    """(n, k): the first row is complete, so that every member has a loss."""
    rows, members = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    table = draw(numpy_strategies.arrays(np.float64, (rows, members), elements=LOSS))
    holes = draw(numpy_strategies.arrays(np.bool_, (rows, members)))
    holes[0] = False
    return np.where(holes, np.nan, table)


def weighed(losses: NDArray[np.float64], power: float = 1.0, floor: float = 0.0) -> NDArray[np.float64]:
    names = tuple(f"m{at}" for at in range(losses.shape[1]))
    history = MemberHistory(names, np.zeros(losses.shape), np.zeros(len(losses)), losses)
    return build(InverseLossOptions(power=power, floor=floor)).weights(history)


@settings(deadline=None)
@given(loss_tables(), POWER, st.one_of(st.just(0.0), st.floats(0.0, 1e3)))
def test_weights_are_at_least_zero_and_sum_to_one(losses: NDArray[np.float64], power: float, floor: float) -> None:
    found = weighed(losses, power, floor)
    assert (found >= 0.0).all()
    assert abs(found.sum() - 1.0) <= 1e-9


@settings(deadline=None)
@given(loss_tables(), POWER, st.randoms(use_true_random=False))
def test_weights_follow_the_members_into_any_order(losses: NDArray[np.float64], power: float, random: object) -> None:
    order = np.arange(losses.shape[1])
    random.shuffle(order)
    np.testing.assert_allclose(weighed(losses[:, order], power), weighed(losses, power)[order], rtol=1e-9, atol=1e-12)


@settings(deadline=None)
@given(loss_tables(), POWER)
def test_who_lost_less_never_weighs_less(losses: NDArray[np.float64], power: float) -> None:
    means = np.nanmean(losses / 1e6, axis=0)
    found = weighed(losses, power)
    for better in range(len(means)):
        for worse in range(len(means)):
            if means[better] < means[worse] * (1.0 - 1e-9):
                assert found[better] >= found[worse] - 1e-12


@settings(deadline=None)
@given(loss_tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(losses: NDArray[np.float64], random: object) -> None:
    order = np.arange(len(losses))
    random.shuffle(order)
    np.testing.assert_allclose(weighed(losses[order]), weighed(losses), rtol=1e-9, atol=1e-12)


@st.composite
def combinations(draw: st.DrawFn) -> tuple[NDArray[np.float64], Weights]:
    rows, members = draw(st.integers(0, 8)), draw(st.integers(1, 5))
    predictions = draw(numpy_strategies.arrays(np.float64, (rows, members), elements=st.floats(-1e6, 1e6)))
    holes = draw(numpy_strategies.arrays(np.bool_, (rows, members)))
    parts = draw(st.lists(st.integers(0, 5), min_size=members, max_size=members).filter(any))
    shares = {f"m{at}": part / sum(parts) for at, part in enumerate(parts)}
    return np.where(holes, np.nan, predictions), Weights("e", "any", shares, 1, 0)


@settings(deadline=None)
@given(combinations())
def test_a_combination_lies_between_the_answers_that_counted(case: tuple[NDArray[np.float64], Weights]) -> None:
    predictions, weights = case
    members = tuple(weights.shares)
    found = combined(predictions, members, weights)
    counted = ~np.isnan(predictions) & (np.array(list(weights.shares.values())) > 0.0)
    for row, answers, which in zip(found, predictions, counted, strict=True):
        if not which.any():
            assert np.isnan(row)
            continue
        slack = 1e-9 * (1.0 + np.abs(answers[which]).max())
        assert answers[which].min() - slack <= row <= answers[which].max() + slack


@settings(deadline=None)
@given(combinations())
def test_a_combination_does_not_depend_on_the_order_of_columns(case: tuple[NDArray[np.float64], Weights]) -> None:
    predictions, weights = case
    members = tuple(weights.shares)
    np.testing.assert_allclose(
        combined(predictions[:, ::-1], members[::-1], weights),
        combined(predictions, members, weights),
        rtol=1e-9,
        atol=1e-9,
    )
