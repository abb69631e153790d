"""Which moments of the errors a metric depends on, found by asking it about rows made for the purpose."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import attrs
import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value
from watchkeeper.plugins.boundary import attempt

from .moments import Moment, Moments, Numbers, Shape, expected_evaluation

_ROWS: Final = 64
_SEED: Final = 20
_SHAPES: Final = (Shape(), Shape(low=0.5), Shape(low=0.5, lean=0.2))
_SAME: Final = 1e-7
"""Rounding in a metric changes less, relatively; the moments below are changed by a hundredth or more."""


@attrs.frozen
class Dependence:
    """What one metric needs to know of the errors."""

    moments: frozenset[Moment]
    refusal: str | None = None
    """Why moments are not enough, in words; None when they are."""


def dependence_of(name: str, metric: Metric, task: Task) -> Dependence:
    """Compute the metric for rows whose errors differ in shape only, then in one moment each; a dozen small calls.

    The rows are of two kinds, some with truths and predictions all positive, some around zero, because a metric may be
    defined, or depend on signs, in one of them only.
    """
    if getattr(metric, "is_ordered", False):
        return Dependence(frozenset(), "it follows rows through time, and expected rows are no path")
    needed: set[Moment] = set()
    reason = ""
    for predicted, moments in _worlds():
        found = _value(name, metric, expected_evaluation(task, predicted, moments))
        if found.number is None:
            reason = reason or str(found.reason)
            continue
        others = (_value(name, metric, expected_evaluation(task, predicted, moments, shape)) for shape in _SHAPES[1:])
        if not all(_is_same(found, other) for other in others):
            return Dependence(
                frozenset(), "it depends on more of the errors than their mean, mean size and mean square"
            )
        for moment, changed in _changes(moments):
            if not _is_same(found, _value(name, metric, expected_evaluation(task, predicted, changed))):
                needed.add(moment)
    if not needed:
        return Dependence(frozenset(), reason or "it does not depend on how large errors are")
    return Dependence(frozenset(needed))


def _worlds() -> Iterator[tuple[Numbers, Moments]]:
    rng = np.random.default_rng(_SEED)
    for centre, unit in ((5.0, 0.1), (0.0, 1.0)):
        size = unit * rng.uniform(0.5, 1.0, _ROWS)
        mean = size * rng.uniform(-0.3, 0.5, _ROWS)
        yield (
            centre + unit * rng.normal(size=_ROWS),
            Moments(mean, size, np.square(size) * rng.uniform(1.3, 1.9, _ROWS)),
        )


def _changes(moments: Moments) -> Iterator[tuple[Moment, Moments]]:
    yield Moment.MEAN, attrs.evolve(moments, mean=moments.mean * 1.1)
    yield Moment.SIZE, attrs.evolve(moments, size=moments.size * 1.05)
    yield Moment.SQUARE, attrs.evolve(moments, square=moments.square * 1.1)


def _value(name: str, metric: Metric, evaluation: Evaluation) -> Value:
    found: object = attempt(f"metric.{name}", name, lambda: metric.compute(evaluation))
    return found if isinstance(found, Value) else Value.undefined(f"it failed: {getattr(found, 'error', found)}")


def _is_same(one: Value, other: Value) -> bool:
    if one.number is None or other.number is None:
        return one.number is other.number
    return math.isclose(one.number, other.number, rel_tol=_SAME, abs_tol=_SAME)
