"""The checks that every explainer must pass."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.explainer import Explainer, Predict
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.value import Value

FEATURES = ("signal", "noise", "constant")
_BACKGROUND = 120
_ROWS = 7


def sample_rows(count: int = _ROWS, *, seed: int = 1) -> NDArray[np.float64]:
    """(count, 3) float64: a signal, noise, and a column that is always 2."""
    rows = np.random.default_rng(seed).normal(size=(count, len(FEATURES)))
    rows[:, 2] = 2.0
    return rows


def step_model(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """A model that looks at the signal only."""
    return np.where(rows[:, 0] > 0.0, 3.0, 1.0)


class ExplainerContract:
    """Subclass it in your tests and give a fixture ``subject``: the explainer, as `build` returns it."""

    def test_it_satisfies_the_protocol(self, subject: Explainer) -> None:
        assert isinstance(subject, Explainer), f"an explainer has explain(), found {type(subject).__name__}"

    def test_every_row_and_feature_has_an_attribution(self, subject: Explainer) -> None:
        for count in (1, _ROWS):
            _explained(subject, step_model, sample_rows(count))

    def test_no_rows_give_no_attributions(self, subject: Explainer) -> None:
        _explained(subject, step_model, sample_rows(0))

    def test_the_feature_that_decides_has_the_largest_importance(self, subject: Explainer) -> None:
        found = _explained(subject, step_model, sample_rows(60)).importance
        assert next(iter(found)) == "signal", f"only signal moves the model, yet the importance is {found}"

    def test_attributions_point_where_the_model_goes(self, subject: Explainer) -> None:
        found = _explained(subject, step_model, np.array([[1.5, 0.0, 2.0], [-1.5, 0.0, 2.0]]))
        up, down = found.attributions[:, 0].tolist()
        assert up > 0.0 > down, f"signal raises the first row and lowers the second, found {up} and {down}"

    def test_base_and_attributions_come_near_a_simple_model(self, subject: Explainer) -> None:
        rows = np.array([[1.5, 0.0, 2.0], [-1.5, 0.0, 2.0]])
        found = _explained(subject, step_model, rows)
        sums = found.base + found.attributions.sum(axis=1)
        assert np.abs(sums - step_model(rows)).max() < 0.5, f"the model says 3 and 1, the explanation adds up to {sums}"

    def test_a_model_that_never_changes_is_attributed_to_nothing(self, subject: Explainer) -> None:
        found = _explained(subject, lambda rows: np.full(len(rows), 4.5), sample_rows())
        assert np.abs(found.attributions).max() <= 1e-9, "a constant model has no attributions, found some"
        assert math.isclose(found.base, 4.5), f"a constant model's base is its answer 4.5, found {found.base}"
        assert not found.fidelity.is_defined, f"nothing varies, so fidelity is undefined, found {found.fidelity.number}"

    def test_the_same_rows_give_the_same_explanation(self, subject: Explainer) -> None:
        first = _explained(subject, _curved_model, sample_rows())
        again = _explained(subject, _curved_model, sample_rows())
        assert np.array_equal(first.attributions, again.attributions), "the same rows were attributed differently"
        assert (first.base, first.fidelity) == (again.base, again.fidelity), (
            "base or fidelity changed between two calls"
        )

    def test_a_background_of_one_row_explains_or_is_a_data_error(self, subject: Explainer) -> None:
        try:
            _explained(subject, step_model, sample_rows(), sample_rows(1))
        except DataError as error:
            told = str(error)
        else:
            return
        assert told, "the error says what is missing, found an empty message"

    def test_shapes_that_disagree_are_a_data_error(self, subject: Explainer) -> None:
        wide = np.zeros((3, len(FEATURES) + 1))
        for rows, background in ((wide, sample_rows()), (sample_rows(), wide), (np.zeros(3), sample_rows())):
            _refused(subject, rows, background, f"rows {rows.shape} and background {background.shape}")

    def test_an_empty_background_is_a_data_error(self, subject: Explainer) -> None:
        _refused(subject, sample_rows(), sample_rows(0), "no background")

    def test_it_does_not_write_into_the_rows(self, subject: Explainer) -> None:
        rows, background = sample_rows(), sample_rows(_BACKGROUND, seed=2)
        copies = rows.copy(), background.copy()
        rows.flags.writeable = background.flags.writeable = False
        _explained(subject, step_model, rows, background)
        assert np.array_equal(rows, copies[0]), "explain() wrote into the rows"
        assert np.array_equal(background, copies[1]), "explain() wrote into the background"


def _curved_model(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(2.0 * rows[:, 0]) + 0.3 * rows[:, 1] ** 2)


def _explained(
    subject: Explainer, predict: Predict, rows: NDArray[np.float64], background: NDArray[np.float64] | None = None
) -> Explanation:
    """The explanation, checked for what holds of all explanations."""
    ordinary = sample_rows(_BACKGROUND, seed=2) if background is None else background
    found = subject.explain(_guarded(predict), rows, ordinary, FEATURES)
    assert isinstance(found, Explanation), f"explain() returns an Explanation, found {type(found).__name__}"
    assert found.features == FEATURES, f"features come back as they were given, found {found.features}"
    assert found.attributions.shape == rows.shape, (
        f"expected attributions {rows.shape}, found {found.attributions.shape}"
    )
    assert np.isfinite(found.attributions).all(), "attributions are finite, found others"
    assert math.isfinite(found.base), f"the base is finite, found {found.base}"
    assert found.method, "an explanation names its method, found an empty text"
    _assert_fidelity(found.fidelity)
    return found


def _assert_fidelity(fidelity: Value) -> None:
    assert isinstance(fidelity, Value), f"fidelity is a Value, found {type(fidelity).__name__}"
    if fidelity.number is not None:
        assert fidelity.number <= 1.0 + 1e-12, f"fidelity is at most 1, found {fidelity.number}"


def _guarded(predict: Predict) -> Predict:
    """The model, insisting on what explainers promise about the rows that they ask it about."""

    def asked(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        assert isinstance(rows, np.ndarray), f"predict is called with an array, found {type(rows).__name__}"
        assert rows.ndim == 2, f"predict is called with rows of {len(FEATURES)} features, found shape {rows.shape}"
        assert rows.shape[1] == len(FEATURES), f"predict is called with {len(FEATURES)} features, found {rows.shape}"
        return predict(rows)

    return asked


def _refused(subject: Explainer, rows: NDArray[np.float64], background: NDArray[np.float64], what: str) -> None:
    try:
        subject.explain(step_model, rows, background, FEATURES)
    except DataError as error:
        told = str(error)
    else:
        raise AssertionError(f"{what} for {len(FEATURES)} features must be a DataError, and it was explained")
    assert told, f"{what}: the error says what was found, found an empty message"
