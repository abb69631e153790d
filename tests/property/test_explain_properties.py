"""What holds of a surrogate's explanation whatever the model is."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies
from numpy.typing import NDArray

from watchkeeper_plugins.explainers.surrogate import SurrogateOptions, build

VALUES = st.floats(-1e6, 1e6)


@st.composite
def cases(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Background, the model's answers to it, and rows to explain."""
    features = draw(st.integers(1, 3))
    size = draw(st.integers(1, 40))
    background = draw(numpy_strategies.arrays(np.float64, (size, features), elements=VALUES))
    answers = draw(numpy_strategies.arrays(np.float64, size, elements=VALUES))
    rows = draw(numpy_strategies.arrays(np.float64, (draw(st.integers(0, 6)), features), elements=VALUES))
    return background, answers, rows


@settings(deadline=None, max_examples=60)
@given(cases(), st.integers(1, 8), st.integers(1, 6))
def test_an_explanation_adds_up_to_an_answer_that_the_model_gave_on_average(
    case: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], depth: int, leaf: int
) -> None:
    background, answers, rows = case
    names = tuple("abc"[: background.shape[1]])
    found = build(SurrogateOptions(max_depth=depth, min_leaf=leaf)).explain(lambda _: answers, rows, background, names)
    sums = found.base + found.attributions.sum(axis=1)
    slack = 1e-9 * (1.0 + np.abs(answers).max())
    assert abs(found.base - answers.mean()) <= slack
    assert ((sums >= answers.min() - slack) & (sums <= answers.max() + slack)).all()
    assert found.fidelity.number is None or found.fidelity.number <= 1.0


@settings(deadline=None, max_examples=40)
@given(cases())
def test_background_rows_add_up_to_the_mean_of_their_leaf(
    case: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
) -> None:
    background, answers, _ = case
    names = tuple("abc"[: background.shape[1]])
    found = build(SurrogateOptions()).explain(lambda _: answers, background, background, names)
    sums = found.base + found.attributions.sum(axis=1)
    # rows of one leaf have one sum, and its mean answer is that sum
    for value in np.unique(sums.round(6)):
        in_leaf = np.abs(sums - value) <= 1e-5
        assert abs(answers[in_leaf].mean() - sums[in_leaf].mean()) <= 1e-6 * (1.0 + np.abs(answers).max())
