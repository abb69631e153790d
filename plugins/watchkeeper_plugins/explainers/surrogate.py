"""A decision tree that imitates the model, explained exactly, with the share of the model that it reproduces.

What it is: a regression tree is fitted to the model's own answers on the background rows. Each row's attribution is
read off its path: every split moves the expected answer from the node's mean to the child's, and the move belongs to
the feature that was split on. Base and attributions add up to the tree's answer exactly.

What it is not: the attributions explain the tree, and the model only as far as the tree resembles it. So the fidelity,
R² between tree and model on rows that the tree had not seen, belongs beside every figure: at 0.5, half of the model's
variance is somewhere else. Of two features that move together the tree may use one only; and a path credits the order
of splits, so these are not Shapley values.

Example
-------
>>> import numpy as np
>>> background = np.random.default_rng(0).normal(size=(400, 2))
>>> step = lambda rows: np.where(rows[:, 0] > 0, 1.0, 0.0)
>>> found = build(SurrogateOptions()).explain(step, np.array([[1.0, 0.0]]), background, ("momentum", "noise"))
>>> found.attributions.round(1).tolist(), found.fidelity.number > 0.95
([[0.5, 0.0]], True)

References
----------
M. Craven and J. Shavlik, "Extracting tree-structured representations of trained networks", NIPS 8 (1995) 24-30.
A. Palczewska et al., "Interpreting random forest models using a feature contribution method", IEEE IRI (2013) 112-119.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.explainer import Predict
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

_LARGEST: Final = 1e100
_SMALLEST: Final = 1e-100
_LEAST_BACKGROUND: Final = 20


@attrs.frozen
class SurrogateOptions:
    """The tree's size, and how its fidelity is measured."""

    max_depth: int = attrs.field(default=5, validator=[attrs.validators.ge(1), attrs.validators.le(30)])
    """Most splits on a path: more follow the model closer and say less."""
    min_leaf: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    """Fewest background rows in a leaf."""
    folds: int = attrs.field(default=5, validator=attrs.validators.ge(2))
    """Parts that the background is cut into to measure fidelity on rows that were not fitted."""
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    """For ties between splits, and for the cut into folds."""


@attrs.frozen
class SurrogateExplainer:
    """Fits ``folds + 1`` trees a call: O(folds d b log b) for b background rows, then O(m depth) for the m rows."""

    options: SurrogateOptions

    def explain(
        self,
        predict: Predict,
        rows: NDArray[np.float64],
        background: NDArray[np.float64],
        features: tuple[str, ...],
    ) -> Explanation:
        """Attribute the tree's answers for `rows`; the model is asked once, for the background.

        The fidelity is undefined, with the reason, when the model gives one answer for the whole background or there
        are fewer than 20 background rows.

        Raises
        ------
        DataError
            When shapes disagree, there is no background, or a value or prediction is not finite.
        """
        _check(rows, "rows", features)
        _check(background, "background", features)
        if not len(background):
            raise DataError("the background is empty: expected at least one row that stands for the ordinary")
        answers = _answers(predict, background)
        center = background.mean(axis=0)
        spread = background.std(axis=0)
        # the tree compares in float32: without the offset, prices near 1e5 that differ by cents would be one value
        scale = np.where(spread > _SMALLEST, spread, 1.0)
        seen = _scaled(background, center, scale)
        tree = self._fitted(seen, answers)
        base, attributions = _path_attributions(tree.tree_, _scaled(rows, center, scale))
        return Explanation("surrogate", features, base, attributions, self._fidelity(seen, answers))

    def _fitted(self, inputs: NDArray[np.float32], answers: NDArray[np.float64]) -> Any:
        from sklearn.tree import DecisionTreeRegressor

        tree = DecisionTreeRegressor(
            max_depth=self.options.max_depth, min_samples_leaf=self.options.min_leaf, random_state=self.options.seed
        )
        return tree.fit(inputs, answers)

    def _fidelity(self, inputs: NDArray[np.float32], answers: NDArray[np.float64]) -> Value:
        count = len(answers)
        if count < _LEAST_BACKGROUND:
            return Value.undefined(
                f"{count} background rows are too few to measure it: at least {_LEAST_BACKGROUND}", samples=count
            )
        centered = answers - answers.mean()
        variation = float(centered @ centered)
        if np.ptp(answers) <= 1e-12 * np.abs(answers).max():
            return Value.undefined("the model gives the same answer for every background row", samples=count)
        folds = min(self.options.folds, count)
        fold_of = np.random.default_rng(self.options.seed).permutation(np.arange(count) % folds)
        missed = 0.0
        for fold in range(folds):
            held_out = fold_of == fold
            gap = answers[held_out] - self._fitted(inputs[~held_out], answers[~held_out]).predict(inputs[held_out])
            missed += float(gap @ gap)
        return Value.of(1.0 - missed / variation, samples=count)


def build(options: SurrogateOptions) -> SurrogateExplainer:
    """Make the explainer; scikit-learn is imported at the first explanation."""
    return SurrogateExplainer(options)


def _check(rows: NDArray[np.float64], name: str, features: tuple[str, ...]) -> None:
    if rows.ndim != 2 or rows.shape[1] != len(features):
        raise DataError(
            f"{name} for {len(features)} features must have shape (rows, {len(features)}), found {rows.shape}"
        )
    usable = np.abs(rows) < _LARGEST
    if not usable.all():
        at = [features[column] for column in np.flatnonzero(~usable.all(axis=0))]
        raise DataError(
            f"{name} must be finite and below {_LARGEST:g} in size for this explainer; {', '.join(at)} is not: leave "
            "those rows out, or fill the gaps as the model's own preparation does"
        )


def _answers(predict: Predict, background: NDArray[np.float64]) -> NDArray[np.float64]:
    answers = np.asarray(predict(background), dtype=np.float64)
    if answers.shape != (len(background),):
        raise DataError(f"the model must answer {len(background)} rows with that many numbers, found {answers.shape}")
    unusable = ~(np.abs(answers) < _LARGEST)
    if unusable.any():
        raise DataError(
            f"the model's answers to the background must be finite and below {_LARGEST:g} in size, found "
            f"{int(unusable.sum())} of {len(answers)} that are not"
        )
    return answers


def _scaled(rows: NDArray[np.float64], center: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.clip((rows - center) / scale, -1e30, 1e30).astype(np.float32)


def _path_attributions(tree: Any, inputs: NDArray[np.float32]) -> tuple[float, NDArray[np.float64]]:
    """The root's mean, and for each row (m, d) what each feature's splits moved it by on the way to its leaf."""
    means = tree.value[:, 0, 0]
    attributions = np.zeros(inputs.shape)
    nodes = np.zeros(len(inputs), dtype=np.intp)
    moving = np.flatnonzero(tree.children_left[nodes] >= 0)
    while len(moving):
        at = nodes[moving]
        feature = tree.feature[at]
        goes_left = inputs[moving, feature] <= tree.threshold[at]
        below = np.where(goes_left, tree.children_left[at], tree.children_right[at])
        attributions[moving, feature] += means[below] - means[at]
        nodes[moving] = below
        moving = moving[tree.children_left[below] >= 0]
    return float(means[0]), attributions


@hookimpl
def watchkeeper_explainers() -> Iterable[Plugin]:
    """The surrogate tree."""
    yield Plugin(
        Kind.EXPLAINER,
        "surrogate",
        build,
        SurrogateOptions,
        summary="A decision tree that imitates the model, with measured fidelity",
    )
