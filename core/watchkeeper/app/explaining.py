"""An explanation of a registered version, on rows of its window."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.explainer import Explainer, Predict
from watchkeeper.contracts.plugin import Kind
from watchkeeper.data.frames import numeric, required, table_of
from watchkeeper.domain.errors import DataError, NotFound
from watchkeeper.domain.explanation import Explanation
from watchkeeper.domain.model import Task, Version
from watchkeeper.domain.table import Table
from watchkeeper.monitor.stored_windows import stored_records

from .answering import answers
from .assembly import Systems


def explained(systems: Systems, model: str, rows: Any, explainer: str) -> Explanation:
    """Explain `rows`, or the latest stored window, by the version in production, or by the latest.

    Raises
    ------
    NotFound
        No version of the model is registered.
    DataError
        The rows lack a feature, or a feature is no number.
    """
    config = systems.models.config(model)
    features = systems.models.watched(model).features
    version = _version(systems, model)
    predict = prediction_of(systems.registry.load(version.ref), config.task)
    background, source = systems.models.reference(model)
    if rows is None:
        table = stored_records(
            answers(systems, model), model, config.window, features, now_us=systems.clock.now_us()
        ).features
    else:
        table = table_of(rows)
    built = cast("Explainer", systems.plugins.build(Kind.EXPLAINER, explainer))
    return systems.explaining.explain(
        f"explainer.{explainer}",
        built,
        predict,
        _matrix(table, features, "the rows to explain"),
        _matrix(background, features, source),
        features,
        model=model,
        version=str(version.number),
    )


def _version(systems: Systems, model: str) -> Version:
    try:
        return systems.registry.get(f"{model}@production")
    except NotFound:
        pass
    try:
        return systems.registry.get(f"{model}@latest")
    except NotFound:
        raise NotFound(
            f"model {model!r} has no registered version, and only the model itself can be explained: register one in "
            f"Python, watch.registry.register(fitted, {model!r}, …)"
        ) from None


def prediction_of(fitted: Any, task: Task) -> Predict:
    """The fitted model as a function of rows: the second class's probability, or the value."""
    if task is Task.CLASSIFICATION and hasattr(fitted, "predict_proba"):
        return lambda rows: np.asarray(fitted.predict_proba(rows), dtype=np.float64)[:, -1]
    return lambda rows: np.asarray(fitted.predict(rows), dtype=np.float64)


def _matrix(table: Table, features: tuple[str, ...], source: str) -> NDArray[np.float64]:
    """(n, d) float64, C order; rows with a missing feature are left out."""
    required(table, features, source)
    matrix = np.column_stack([numeric(table, name) for name in features])
    complete = matrix[np.isfinite(matrix).all(axis=1)]
    if not len(complete):
        raise DataError(f"{source} has no row in which every feature is a finite number; there is nothing to explain")
    return complete
