"""The numbers that weighting strategies give, against published formulas and independent computations."""

import numpy as np
import pytest
from attrs import evolve

from watchkeeper.contracts.plugin import NoOptions
from watchkeeper.domain.ensemble import MemberHistory
from watchkeeper.domain.errors import DataError
from watchkeeper.testing.weighting import sample_history
from watchkeeper_plugins.weighting import equal
from watchkeeper_plugins.weighting.inverse_loss import InverseLossOptions, build

NAN = np.nan


def history_of(losses: list[list[float]]) -> MemberHistory:
    table = np.array(losses, dtype=np.float64)
    names = tuple("abcdef"[: table.shape[1]])
    return MemberHistory(names, np.zeros(table.shape), np.zeros(len(table)), table)


def weights(losses: list[list[float]], **options: float) -> list[float]:
    return build(InverseLossOptions(**options)).weights(history_of(losses)).tolist()


def test_equal_weights_need_no_rows() -> None:
    empty = MemberHistory(("a", "b", "c", "d"), np.empty((0, 4)), np.empty(0), np.empty((0, 4)))
    assert equal.build(NoOptions()).weights(empty).tolist() == [0.25] * 4


def test_equal_weights_of_nobody_are_refused() -> None:
    with pytest.raises(DataError, match="the ensemble has no members: expected at least one"):
        equal.build(NoOptions()).weights(MemberHistory((), np.empty((0, 0)), np.empty(0), np.empty((0, 0))))


def test_with_uncorrelated_errors_the_weights_are_those_of_least_variance() -> None:
    # Bates and Granger: for independent errors of variances 4 and 1 the first forecast has weight 1 / (4 + 1)
    assert weights([[4.0, 1.0], [4.0, 1.0]]) == pytest.approx([0.2, 0.8])


def test_inverse_loss_agrees_with_the_formula_on_ordinary_rows() -> None:
    history = sample_history(300, 5, missing_share=0.3)
    expected = 1.0 / np.nanmean(history.losses, axis=0)
    found = build(InverseLossOptions()).weights(history)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-12)


def test_power_sharpens_the_weights() -> None:
    assert weights([[1.0, 2.0]], power=2.0) == pytest.approx([0.8, 0.2])
    assert weights([[1.0, 2.0]], power=0.0) == pytest.approx([0.5, 0.5])
    assert weights([[1.0, 2.0]], power=2000.0) == pytest.approx([1.0, 0.0])


def test_members_without_loss_share_everything() -> None:
    assert weights([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]]) == [0.5, 0.0, 0.5]


def test_power_zero_makes_even_a_perfect_member_equal() -> None:
    assert weights([[0.0, 1.0]], power=0.0) == [0.5, 0.5]


def test_a_floor_keeps_a_perfect_member_from_taking_everything() -> None:
    assert weights([[0.0, 1.0]], floor=0.25) == pytest.approx([0.8, 0.2])


def test_a_row_without_an_answer_is_left_out_and_not_a_loss_of_zero() -> None:
    assert weights([[1.0, 3.0], [NAN, 3.0]]) == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("scale", [1e-320, 1e-200, 1e200, 1.7e308], ids=str)
def test_the_scale_of_the_losses_does_not_matter(scale: float) -> None:
    assert weights([[scale, scale], [scale, scale]]) == pytest.approx([0.5, 0.5])


def test_a_member_without_a_single_loss_is_named() -> None:
    with pytest.raises(DataError, match="no loss is known for b in 2 rows: expected at least one row"):
        weights([[1.0, NAN], [1.0, NAN]])


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no loss is known for a, b in 0 rows"):
        build(InverseLossOptions()).weights(MemberHistory(("a", "b"), np.empty((0, 2)), np.empty(0), np.empty((0, 2))))


def test_no_members_are_refused() -> None:
    with pytest.raises(DataError, match="the ensemble has no members"):
        build(InverseLossOptions()).weights(MemberHistory((), np.empty((2, 0)), np.zeros(2), np.empty((2, 0))))


@pytest.mark.parametrize("loss", [-1.0, np.inf])
def test_losses_that_are_none_are_refused(loss: float) -> None:
    with pytest.raises(DataError, match="losses must be finite and at least 0"):
        weights([[1.0, loss]])


@pytest.mark.parametrize("options", [{"power": -1.0}, {"floor": -0.1}, {"power": np.inf}, {"power": NAN}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        InverseLossOptions(**options)


def test_the_better_of_the_sample_members_weighs_more() -> None:
    found = build(InverseLossOptions()).weights(evolve(sample_history()))
    assert found.tolist() == sorted(found.tolist(), reverse=True)
