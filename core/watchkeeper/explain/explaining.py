"""Explanations of versions: made by an explainer, their summary kept."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.clock import Clock
from watchkeeper.contracts.explainer import Explainer, Predict
from watchkeeper.contracts.storage import Document, Namespace, Put, Storage
from watchkeeper.domain.explanation import Explanation, ExplanationSummary
from watchkeeper.domain.model import VersionNumber, checked_name
from watchkeeper.domain.value import Value

EXPLANATIONS: Final = Namespace("explanations", ("model", "version", "explainer"))


class Explaining:
    """Explains over one store; the latest summary of each version and explainer is kept."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    def explain(  # noqa: PLR0917 - the explainer with its title, then its own four arguments in their order
        self,
        explainer_title: str,
        explainer: Explainer,
        predict: Predict,
        rows: NDArray[np.float64],
        background: NDArray[np.float64],
        features: tuple[str, ...],
        *,
        model: str,
        version: str,
    ) -> Explanation:
        """Explain `rows`, and keep importance and fidelity; arguments as in `contracts.explainer.Explainer.explain`.

        Parameters
        ----------
        explainer_title
            The plugin's title, ``explainer.surrogate``.
        version
            The number, such as ``1.4.0``.

        Raises
        ------
        DataError
            When shapes disagree or a row cannot be explained; nothing is kept.
        """
        checked_name(model)
        number = str(VersionNumber.parse(version))
        found = explainer.explain(predict, rows, background, features)
        summary = ExplanationSummary(
            model=model,
            version=number,
            explainer=explainer_title,
            method=found.method,
            base=found.base,
            importance=found.importance,
            fidelity=found.fidelity,
            rows=len(found.attributions),
            at_us=self._clock.now_us(),
        )
        self._storage.commit([_put(summary)])
        return found

    def summaries(self, model: str, version: str | None = None) -> tuple[ExplanationSummary, ...]:
        """The latest summary of each version and explainer of a model, or of one version; empty when there are none."""
        where = {"model": model} if version is None else {"model": model, "version": version}
        return tuple(_summary(document) for document in self._storage.find(EXPLANATIONS, where))


def _put(summary: ExplanationSummary) -> Put:
    fidelity = summary.fidelity
    record = {
        "model": summary.model,
        "version": summary.version,
        "explainer": summary.explainer,
        "method": summary.method,
        "base": summary.base,
        # two lists: JSON maps are kept with sorted keys, and the order here says what matters most
        "features": list(summary.importance),
        "importance": list(summary.importance.values()),
        "fidelity": {
            "number": fidelity.number,
            "reason": fidelity.reason,
            "interval": None if fidelity.interval is None else list(fidelity.interval),
            "samples": fidelity.samples,
        },
        "rows": summary.rows,
        "at_us": summary.at_us,
    }
    index = {"model": summary.model, "version": summary.version, "explainer": summary.explainer}
    return Put(EXPLANATIONS, f"{summary.model}@{summary.version}/{summary.explainer}", record, index)


def _summary(document: Document) -> ExplanationSummary:
    record = document.value
    return ExplanationSummary(
        model=record["model"],
        version=record["version"],
        explainer=record["explainer"],
        method=record["method"],
        base=record["base"],
        importance=dict(zip(record["features"], record["importance"], strict=True)),
        fidelity=_value(record["fidelity"]),
        rows=record["rows"],
        at_us=record["at_us"],
    )


def _value(record: dict[str, Any]) -> Value:
    interval = record["interval"]
    return Value(
        record["number"], record["reason"], None if interval is None else (interval[0], interval[1]), record["samples"]
    )
