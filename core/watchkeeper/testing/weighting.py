"""The checks that every weighting strategy must pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.weighting import Weighting
from watchkeeper.domain.ensemble import MemberHistory
from watchkeeper.domain.errors import DataError

_SUM_TOLERANCE = 1e-9
_CLOSE = 1e-6
"""For strategies that iterate: another order of members may end a hair elsewhere."""


def sample_history(
    rows: int = 200, members: int = 4, *, seed: int = 0, missing_share: float = 0.0, error_scale: float = 1.0
) -> MemberHistory:
    """Members of different accuracy forecasting one series, with squared errors; some answers left out."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    errors = rng.normal(size=(rows, members)) * np.linspace(0.2, 1.0, members) * error_scale
    predictions = truth[:, np.newaxis] + errors
    left_out = rng.random((rows, members)) < missing_share
    left_out[:1] = False
    predictions[left_out] = np.nan
    names = tuple(f"member-{at}" for at in range(members))
    return MemberHistory(names, predictions, truth, (predictions - truth[:, np.newaxis]) ** 2)


class WeightingContract:
    """Subclass it in your tests and give a fixture ``subject``: the strategy, as `build` returns it."""

    def test_it_satisfies_the_protocol(self, subject: Weighting) -> None:
        assert isinstance(subject, Weighting), f"a strategy has weights(), found {type(subject).__name__}"

    def test_weights_are_shares_of_one(self, subject: Weighting) -> None:
        for members in (1, 2, 5, 20):
            for rows in (1, 2, 30, 500):
                _weights(subject, sample_history(rows, members, seed=members))

    def test_a_single_member_has_all_the_weight(self, subject: Weighting) -> None:
        found = _weights(subject, sample_history(members=1))
        assert found.tolist() == [1.0], f"one member has weight 1, found {found}"

    def test_another_order_of_members_gives_the_same_weights_in_that_order(self, subject: Weighting) -> None:
        history = sample_history(members=5, missing_share=0.1)
        order = np.array([3, 0, 4, 2, 1])
        mixed = MemberHistory(
            tuple(history.members[at] for at in order),
            history.predictions[:, order],
            history.truth,
            history.losses[:, order],
        )
        plain, found = _weights(subject, history), _weights(subject, mixed)
        assert np.allclose(found, plain[order], rtol=0.0, atol=_CLOSE), (
            f"weights follow the members: expected {plain[order]}, found {found}"
        )

    def test_members_that_are_alike_have_like_weights(self, subject: Weighting) -> None:
        one = sample_history(members=1)
        twins = MemberHistory(
            ("twin-1", "twin-2"),
            np.repeat(one.predictions, 2, axis=1),
            one.truth,
            np.repeat(one.losses, 2, axis=1),
        )
        found = _weights(subject, twins)
        assert abs(found[0] - found[1]) <= _CLOSE, (
            f"two members that always said the same weigh the same, found {found}"
        )

    def test_members_that_did_not_always_answer_are_weighed(self, subject: Weighting) -> None:
        _weights(subject, sample_history(missing_share=0.5))

    def test_perfect_members_are_weighed(self, subject: Weighting) -> None:
        _weights(subject, sample_history(error_scale=0.0))
        half = sample_history(members=2)
        losses = half.losses.copy()
        losses[:, 0] = 0.0
        _weights(subject, MemberHistory(half.members, half.predictions, half.truth, losses))

    def test_tiny_and_huge_losses_are_weighed(self, subject: Weighting) -> None:
        for scale in (1e-140, 1e140):
            _weights(subject, sample_history(error_scale=scale))

    def test_the_same_history_gives_the_same_weights(self, subject: Weighting) -> None:
        first, again = _weights(subject, sample_history()), _weights(subject, sample_history())
        assert first.tolist() == again.tolist(), f"the same history gave {first} and {again}"

    def test_without_rows_it_gives_weights_or_a_data_error(self, subject: Weighting) -> None:
        empty = MemberHistory(("a", "b"), np.empty((0, 2)), np.empty(0), np.empty((0, 2)))
        _weights_or_data_error(subject, empty)

    def test_a_member_that_never_answered_gives_weights_or_a_data_error_that_names_it(self, subject: Weighting) -> None:
        history = sample_history(members=3)
        predictions, losses = history.predictions.copy(), history.losses.copy()
        predictions[:, 1] = losses[:, 1] = np.nan
        silent = MemberHistory(("loud", "silent", "shrill"), predictions, history.truth, losses)
        message = _weights_or_data_error(subject, silent)
        assert message is None or "silent" in message, f"the error names the member, found {message!r}"

    def test_without_members_it_is_a_data_error(self, subject: Weighting) -> None:
        nobody = MemberHistory((), np.empty((3, 0)), np.zeros(3), np.empty((3, 0)))
        assert _weights_or_data_error(subject, nobody) is not None, "nobody can be given weight, and something was"

    def test_it_does_not_write_into_the_history(self, subject: Weighting) -> None:
        history = sample_history(missing_share=0.2)
        arrays = (history.predictions, history.truth, history.losses)
        copies = [array.copy() for array in arrays]
        for array in arrays:
            array.flags.writeable = False
        _weights(subject, history)
        for array, copy in zip(arrays, copies, strict=True):
            assert np.array_equal(array, copy, equal_nan=True), "weights() wrote into the history's arrays"


def _weights(subject: Weighting, history: MemberHistory) -> NDArray[np.float64]:
    """The weights, checked for what holds of all weights."""
    found = subject.weights(history)
    expected = (len(history.members),)
    assert isinstance(found, np.ndarray), f"weights() returns a numpy array, found {type(found).__name__}"
    assert found.shape == expected, f"weights() returns one number a member {expected}, found {found.shape}"
    assert found.dtype == np.float64, f"weights are float64, found {found.dtype}"
    assert np.isfinite(found).all(), f"weights are finite, found {found}"
    assert (found >= 0.0).all(), f"weights are at least 0, found {found}"
    assert abs(float(found.sum()) - 1.0) <= _SUM_TOLERANCE, f"weights sum to 1, found {found.sum()!r}"
    return found


def _weights_or_data_error(subject: Weighting, history: MemberHistory) -> str | None:
    """The message of a DataError, None when there were weights; any other exception fails the check."""
    try:
        _weights(subject, history)
    except DataError as error:
        told = str(error)
    else:
        return None
    assert told, "the error says what is missing, found an empty message"
    return told
