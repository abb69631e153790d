"""The surrogate tree: exact attributions, an honest fidelity; and the summaries that are kept."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeRegressor

from watchkeeper.contracts.explainer import Predict
from watchkeeper.domain.errors import DataError, UsageError
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.value import Value
from watchkeeper.explain import Explaining
from watchkeeper.testing.clock import LEHMAN_US, FakeClock
from watchkeeper.testing.memory import MemoryStorage
from watchkeeper_plugins.explainers.surrogate import SurrogateOptions, build

FEATURES = ("a", "b", "c", "d")
RNG = np.random.default_rng(7)
BACKGROUND = RNG.normal(size=(400, 4))
ROWS = RNG.normal(size=(50, 4))


def curved(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sin(2 * rows[:, 0]) + rows[:, 1] * (rows[:, 2] > 0))


def explained(
    predict: Predict = curved,
    rows: NDArray[np.float64] = ROWS,
    background: NDArray[np.float64] = BACKGROUND,
    **options: int,
) -> Explanation:
    return build(SurrogateOptions(**options)).explain(predict, rows, background, FEATURES)


def oracle_tree(background: NDArray[np.float64], max_depth: int, min_leaf: int) -> DecisionTreeRegressor:
    scaled = (background - background.mean(axis=0)) / background.std(axis=0)
    tree = DecisionTreeRegressor(max_depth=max_depth, min_samples_leaf=min_leaf, random_state=0)
    return tree.fit(scaled, curved(background))


@pytest.mark.parametrize("depth", [1, 3, 5, 30])
def test_base_and_attributions_are_the_answer_of_the_tree_that_scikit_learn_fits(depth: int) -> None:
    found = explained(max_depth=depth, min_leaf=5)
    scaled = (ROWS - BACKGROUND.mean(axis=0)) / BACKGROUND.std(axis=0)
    expected = oracle_tree(BACKGROUND, depth, 5).predict(scaled)
    np.testing.assert_allclose(found.base + found.attributions.sum(axis=1), expected, rtol=0, atol=1e-10)


def test_attributions_are_those_of_a_walk_down_the_tree_one_row_at_a_time() -> None:
    found = explained(max_depth=4)
    tree = oracle_tree(BACKGROUND, 4, 5).tree_
    for row, given in zip((ROWS - BACKGROUND.mean(axis=0)) / BACKGROUND.std(axis=0), found.attributions, strict=True):
        node, expected = 0, np.zeros(4)
        while tree.children_left[node] != -1:
            feature = tree.feature[node]
            is_left = np.float32(row[feature]) <= tree.threshold[node]
            child = tree.children_left[node] if is_left else tree.children_right[node]
            expected[feature] += tree.value[child, 0, 0] - tree.value[node, 0, 0]
            node = child
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12)


def test_the_base_is_the_mean_answer_on_the_background() -> None:
    assert explained().base == pytest.approx(curved(BACKGROUND).mean(), abs=1e-12)


def test_a_hand_made_tree_gives_hand_made_numbers() -> None:
    background = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).repeat(10, axis=0)

    def both(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return 8.0 * rows[:, 0] + 2.0 * rows[:, 1]

    found = build(SurrogateOptions()).explain(both, np.array([[1.0, 0.0]]), background, ("big", "small"))
    assert found.base == 5.0
    assert found.attributions.tolist() == [[4.0, -1.0]]
    assert found.importance == {"big": 4.0, "small": 1.0}


def test_fidelity_agrees_with_scikit_learns_cross_validation() -> None:
    found = explained(max_depth=4, folds=5)
    folds = np.random.default_rng(0).permutation(np.arange(400) % 5)
    splits = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in range(5)]
    scaled = (BACKGROUND - BACKGROUND.mean(axis=0)) / BACKGROUND.std(axis=0)
    tree = DecisionTreeRegressor(max_depth=4, min_samples_leaf=5, random_state=0)
    held_out = cross_val_predict(tree, scaled, curved(BACKGROUND), cv=splits)
    assert found.fidelity.number == pytest.approx(r2_score(curved(BACKGROUND), held_out), abs=1e-10)
    assert found.fidelity.samples == 400


def test_noise_has_no_fidelity_worth_the_name() -> None:
    answers = np.random.default_rng(3).normal(size=400)
    found = explained(lambda rows: answers[: len(rows)])
    assert found.fidelity.number is not None
    assert found.fidelity.number < 0.1


def test_a_model_that_a_tree_can_copy_has_fidelity_near_one() -> None:
    found = explained(lambda rows: np.where(rows[:, 2] > 0, 1.0, 0.0))
    assert found.fidelity.number is not None
    assert found.fidelity.number > 0.98


def test_a_boosted_model_is_explained_in_its_own_unit() -> None:
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(BACKGROUND, curved(BACKGROUND))
    found = explained(model.predict)
    assert list(found.importance)[-1] == "d"
    assert np.abs(found.base + found.attributions.sum(axis=1) - model.predict(ROWS)).mean() < 0.3


def test_a_large_offset_does_not_hide_small_differences() -> None:
    offset = np.array([1e9, 0.0, 0.0, 0.0])
    found = explained(lambda rows: curved(rows - offset), ROWS + offset, BACKGROUND + offset)
    np.testing.assert_allclose(found.attributions, explained().attributions, atol=1e-4)


def test_a_constant_model_has_an_undefined_fidelity() -> None:
    found = explained(lambda rows: np.full(len(rows), 0.1))
    assert found.fidelity == Value.undefined("the model gives the same answer for every background row", samples=400)


def test_few_background_rows_have_an_undefined_fidelity() -> None:
    found = explained(background=BACKGROUND[:19])
    assert found.fidelity == Value.undefined("19 background rows are too few to measure it: at least 20", samples=19)


def test_more_folds_than_rows_are_one_row_a_fold() -> None:
    assert explained(background=BACKGROUND[:20], folds=50).fidelity.is_defined


@pytest.mark.parametrize("hole", [np.nan, np.inf, -1e200])
@pytest.mark.parametrize("where", ["rows", "background"])
def test_values_that_a_tree_cannot_place_are_refused_and_the_feature_named(hole: float, where: str) -> None:
    given = {"rows": ROWS.copy(), "background": BACKGROUND.copy()}
    given[where][3, 1] = hole
    with pytest.raises(DataError, match=rf"{where} must be finite and below 1e\+100 in size .*; b is not: leave"):
        explained(rows=given["rows"], background=given["background"])


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(DataError, match=r"rows for 4 features must have shape \(rows, 4\), found \(50, 3\)"):
        explained(rows=ROWS[:, :3])


def test_an_empty_background_is_refused() -> None:
    with pytest.raises(DataError, match="the background is empty: expected at least one row"):
        explained(background=BACKGROUND[:0])


def test_a_model_that_answers_in_another_shape_is_refused() -> None:
    with pytest.raises(DataError, match=r"must answer 400 rows with that many numbers, found \(400, 2\)"):
        explained(lambda rows: np.zeros((len(rows), 2)))


def test_a_model_that_answers_nan_is_refused() -> None:
    with pytest.raises(DataError, match=r"must be finite and below 1e\+100 in size, found 400 of 400 that are not"):
        explained(lambda rows: np.full(len(rows), np.nan))


@pytest.mark.parametrize("options", [{"max_depth": 0}, {"min_leaf": 0}, {"folds": 1}, {"seed": -1}])
def test_options_of_the_surrogate_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        SurrogateOptions(**options)


def test_a_summary_of_each_explanation_is_kept() -> None:
    storage = MemoryStorage()
    explaining = Explaining(storage, FakeClock())
    found = explaining.explain(
        "explainer.surrogate",
        build(SurrogateOptions()),
        curved,
        ROWS,
        BACKGROUND,
        FEATURES,
        model="momentum",
        version="1.4.0",
    )
    (summary,) = explaining.summaries("momentum", "1.4.0")
    assert summary.importance == found.importance
    assert list(summary.importance) == list(found.importance)
    assert summary.fidelity == found.fidelity
    assert (summary.explainer, summary.method, summary.rows) == ("explainer.surrogate", "surrogate", 50)
    assert (summary.base, summary.at_us) == (found.base, LEHMAN_US)


def test_the_latest_summary_of_a_version_takes_the_place_of_the_one_before() -> None:
    clock = FakeClock()
    explaining = Explaining(MemoryStorage(), clock)
    for version in ("1.0.0", "1.1.0", "1.1.0"):
        clock.advance(1)
        explaining.explain(
            "explainer.surrogate",
            build(SurrogateOptions()),
            lambda rows: np.ones(len(rows)),
            ROWS,
            BACKGROUND,
            FEATURES,
            model="momentum",
            version=version,
        )
    found = explaining.summaries("momentum")
    assert [(summary.version, summary.at_us - LEHMAN_US) for summary in found] == [
        ("1.0.0", 1_000_000),
        ("1.1.0", 3_000_000),
    ]
    assert found[0].fidelity.reason == "the model gives the same answer for every background row"
    assert explaining.summaries("carry") == ()


def test_a_refused_explanation_keeps_no_summary() -> None:
    explaining = Explaining(MemoryStorage(), FakeClock())
    with pytest.raises(DataError):
        explaining.explain(
            "explainer.surrogate",
            build(SurrogateOptions()),
            curved,
            ROWS[:, :2],
            BACKGROUND,
            FEATURES,
            model="momentum",
            version="1.0.0",
        )
    assert explaining.summaries("momentum") == ()


def test_a_version_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError, match="'latest' is not a version: expected three numbers such as"):
        Explaining(MemoryStorage(), FakeClock()).explain(
            "explainer.surrogate",
            build(SurrogateOptions()),
            curved,
            ROWS,
            BACKGROUND,
            FEATURES,
            model="momentum",
            version="latest",
        )


def test_attributions_of_another_width_than_the_features_are_refused() -> None:
    with pytest.raises(DataError, match=r"attributions of 2 features must have shape \(rows, 2\), found \(3, 4\)"):
        Explanation("x", ("a", "b"), 0.0, np.zeros((3, 4)), Value.undefined("none"))
