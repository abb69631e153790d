"""Losses, combination, and weights that are kept with their history."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import log_loss, mean_squared_error

from watchkeeper.contracts.storage import Append
from watchkeeper.domain.ensemble import MemberHistory, Weights
from watchkeeper.domain.errors import Conflict, DataError, PluginBroken, StoreError, UsageError
from watchkeeper.domain.model import Task
from watchkeeper.ensemble import Ensembles, combined, member_history
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper.testing.weighting import sample_history

NAN = np.nan


class Fixed:
    """A strategy that always gives the same weights."""

    def __init__(self, *shares: float) -> None:
        self.shares = np.array(shares)

    def weights(self, history: MemberHistory) -> NDArray[np.float64]:
        return self.shares


class Undecided:
    def weights(self, history: MemberHistory) -> NDArray[np.float64]:
        raise DataError("no rows")


@pytest.fixture
def storage() -> MemoryStorage:
    return MemoryStorage()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ensembles(storage: MemoryStorage, clock: FakeClock) -> Ensembles:
    return Ensembles(storage, clock)


def shares_of(**shares: float) -> Weights:
    return Weights("vol", "fixed", shares, 1, LEHMAN_US)


def test_log_losses_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = (rng.random(200) < 0.4).astype(np.float64)
    probabilities = rng.random((200, 3))
    found = member_history(Task.CLASSIFICATION, ("a", "b", "c"), probabilities, truth)
    expected = [log_loss(truth, column) for column in probabilities.T]
    np.testing.assert_allclose(found.losses.mean(axis=0), expected, rtol=1e-12)


def test_a_sure_and_wrong_probability_has_a_large_finite_loss() -> None:
    found = member_history(Task.CLASSIFICATION, ("a", "b"), np.array([[0.0, 1.0]]), np.array([1.0]))
    assert found.losses[0, 0] == pytest.approx(log_loss([1.0], [0.0], labels=[0.0, 1.0]))
    assert found.losses[0, 1] == pytest.approx(0.0, abs=1e-15)


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.SCORE])
def test_squared_errors_agree_with_scikit_learn(task: Task) -> None:
    rng = np.random.default_rng(0)
    truth, predictions = rng.normal(size=50), rng.normal(size=(50, 2))
    found = member_history(task, ("a", "b"), predictions, truth)
    expected = [mean_squared_error(truth, column) for column in predictions.T]
    np.testing.assert_allclose(found.losses.mean(axis=0), expected)


@pytest.mark.parametrize("task", list(Task))
def test_a_member_that_did_not_answer_has_no_loss(task: Task) -> None:
    found = member_history(task, ("a", "b"), np.array([[NAN, 0.5]]), np.array([1.0]))
    assert np.isnan(found.losses[0]).tolist() == [True, False]


@pytest.mark.parametrize(
    ("task", "predictions", "truth", "message"),
    [
        (Task.CLASSIFICATION, [[1.5, 0.5]], [1.0], "predictions of a must be probabilities of the second class"),
        (Task.CLASSIFICATION, [[0.5, -0.1]], [1.0], "predictions of b must be probabilities"),
        (Task.CLASSIFICATION, [[0.5, 0.5]], [2.0], "truths of a classification must be 0 or 1"),
        (Task.REGRESSION, [[np.inf, 0.5]], [2.0], "predictions of a must be finite numbers"),
        (Task.REGRESSION, [[0.5, 0.5]], [NAN], "truths must be finite: leave out the rows whose outcome is not known"),
        (Task.REGRESSION, [[0.5]], [1.0], r"need shape \(rows, 2\) and truths \(rows,\); found \(1, 1\) and \(1,\)"),
    ],
)
def test_values_that_the_task_cannot_have_are_refused(
    task: Task, predictions: list[list[float]], truth: list[float], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        member_history(task, ("a", "b"), np.array(predictions), np.array(truth))


def test_the_combination_is_the_weighted_mean() -> None:
    found = combined(np.array([[1.0, 3.0], [2.0, 2.0]]), ("a", "b"), shares_of(a=0.25, b=0.75))
    assert found.tolist() == [2.5, 2.0]


def test_shares_are_found_by_name_and_not_by_position() -> None:
    found = combined(np.array([[3.0, 1.0]]), ("b", "a"), shares_of(a=0.25, b=0.75))
    assert found.tolist() == [2.5]


def test_members_that_did_not_answer_leave_their_share_to_the_others() -> None:
    found = combined(np.array([[1.0, NAN, 4.0]]), ("a", "b", "c"), shares_of(a=0.2, b=0.4, c=0.4))
    assert found.tolist() == pytest.approx([3.0])


def test_a_member_without_a_column_did_not_answer() -> None:
    assert combined(np.array([[4.0]]), ("a",), shares_of(a=0.2, b=0.8)).tolist() == [4.0]


def test_a_row_that_nobody_with_a_share_answered_has_no_answer() -> None:
    found = combined(np.array([[NAN, NAN], [1.0, NAN], [NAN, 2.0]]), ("a", "b"), shares_of(a=0.0, b=1.0))
    assert np.isnan(found).tolist() == [True, True, False]


def test_a_member_without_a_share_is_named_with_the_nearest() -> None:
    with pytest.raises(
        DataError, match=r"'harr' has no share in ensemble 'vol'; it has har, ewma; did you mean 'har'\?"
    ):
        combined(np.zeros((1, 1)), ("harr",), shares_of(har=0.5, ewma=0.5))


def test_an_infinite_prediction_is_refused() -> None:
    with pytest.raises(DataError, match="predictions of b hold infinite values"):
        combined(np.array([[1.0, np.inf]]), ("a", "b"), shares_of(a=0.5, b=0.5))


def test_predictions_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"predictions of 2 members must have shape \(rows, 2\), found \(3,\)"):
        combined(np.zeros(3), ("a", "b"), shares_of(a=0.5, b=0.5))


def test_weights_are_kept_and_read_back(ensembles: Ensembles) -> None:
    history = sample_history(rows=30, members=2)
    expected = Weights("vol", "fixed", {"member-0": 0.25, "member-1": 0.75}, 30, LEHMAN_US)
    assert ensembles.reweigh("vol", "fixed", Fixed(0.25, 0.75), history) == expected
    assert ensembles.weights("vol") == expected
    assert ensembles.names() == ("vol",)


def test_an_ensemble_that_was_never_weighed_has_no_weights(ensembles: Ensembles) -> None:
    assert ensembles.weights("vol") is None
    assert ensembles.weights_history("vol") == ()


def test_every_setting_of_the_weights_is_in_the_history(ensembles: Ensembles, clock: FakeClock) -> None:
    history = sample_history(members=2)
    for share in (0.5, 0.25, 1.0):
        ensembles.reweigh("vol", "fixed", Fixed(share, 1.0 - share), history)
        clock.advance(60)
    found = ensembles.weights_history("vol")
    assert [weights.shares["member-0"] for weights in found] == [0.5, 0.25, 1.0]
    assert found[-1] == ensembles.weights("vol")
    assert ensembles.weights_history("vol", since_us=LEHMAN_US + 1, until_us=found[-1].set_us) == found[1:2]


def test_settings_at_the_same_moment_stay_apart(ensembles: Ensembles) -> None:
    for share in (0.5, 0.25):
        ensembles.reweigh("vol", "fixed", Fixed(share, 1.0 - share), sample_history(members=2))
    assert [weights.shares["member-0"] for weights in ensembles.weights_history("vol")] == [0.5, 0.25]


def test_weights_of_somebody_who_was_faster_hold(
    ensembles: Ensembles, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = storage.commit

    def overtaken(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(storage, "commit", commit)
        Ensembles(storage, FakeClock()).reweigh("vol", "fixed", Fixed(1.0, 0.0), sample_history(members=2))
        return commit(*arguments, **named)

    monkeypatch.setattr(storage, "commit", overtaken)
    with pytest.raises(Conflict, match="the weights of 'vol' were set by somebody else in the meantime: theirs hold"):
        ensembles.reweigh("vol", "slow", Fixed(0.0, 1.0), sample_history(members=2))
    found = ensembles.weights("vol")
    assert found is not None
    assert found.shares == {"member-0": 1.0, "member-1": 0.0}


def test_a_setting_that_a_crash_kept_from_the_history_is_added_by_the_next(
    ensembles: Ensembles, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit: Callable[..., Any] = storage.commit

    def dying(operations: Any, *rest: Any, **named: Any) -> Any:
        if isinstance(operations[0], Append):
            raise StoreError("the power went")
        return commit(operations, *rest, **named)

    monkeypatch.setattr(storage, "commit", dying)
    with pytest.raises(StoreError):
        ensembles.reweigh("vol", "fixed", Fixed(1.0, 0.0), sample_history(members=2))
    monkeypatch.setattr(storage, "commit", commit)
    ensembles.reweigh("vol", "fixed", Fixed(0.5, 0.5), sample_history(members=2))
    assert [weights.shares["member-0"] for weights in ensembles.weights_history("vol")] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((0.5, 0.4), r"weighting 'bad' returned \[0.5 0.4\], expected numbers of at least 0 with sum 1"),
        ((1.5, -0.5), "expected numbers of at least 0 with sum 1; the weights were left as they are"),
        ((NAN, 1.0), "expected numbers of at least 0"),
        ((1.0,), r"returned an array of shape \(1,\) for 2 members, expected \(2,\)"),
    ],
)
def test_what_is_no_weights_is_refused_and_the_old_ones_stay(
    ensembles: Ensembles, shares: tuple[float, ...], message: str
) -> None:
    before = ensembles.reweigh("vol", "fixed", Fixed(0.25, 0.75), sample_history(members=2))
    with pytest.raises(PluginBroken, match=message):
        ensembles.reweigh("vol", "bad", Fixed(*shares), sample_history(members=2))
    assert ensembles.weights("vol") == before


def test_a_history_that_does_not_determine_weights_leaves_the_old_ones(ensembles: Ensembles) -> None:
    before = ensembles.reweigh("vol", "fixed", Fixed(0.25, 0.75), sample_history(members=2))
    with pytest.raises(DataError, match="no rows"):
        ensembles.reweigh("vol", "undecided", Undecided(), sample_history(members=2))
    assert ensembles.weights("vol") == before
    assert len(ensembles.weights_history("vol")) == 1


def test_an_ensemble_needs_a_name_that_can_be_stored(ensembles: Ensembles) -> None:
    with pytest.raises(UsageError, match="'a/b' is not a name of an ensemble"):
        ensembles.reweigh("a/b", "fixed", Fixed(0.5, 0.5), sample_history(members=2))


def test_a_history_whose_shapes_disagree_is_refused() -> None:
    with pytest.raises(DataError, match=r"losses of 2 members over 3 rows must have shape \(3, 2\), found \(2, 2\)"):
        MemberHistory(("a", "b"), np.zeros((3, 2)), np.zeros(3), np.zeros((2, 2)))
