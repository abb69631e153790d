"""Whether a model's predictions and outcomes are numbers or labels, where its reference leaves no doubt."""

from __future__ import annotations

from typing import Final, TypeAlias

from watchkeeper.domain.table import ColumnKind
from watchkeeper.monitor.evaluating import PredictionForm
from watchkeeper.monitor.naming import PREDICTION
from watchkeeper.monitor.watched import WatchedModel

ValueType: TypeAlias = type[float] | type[str]
_TRUTHS: Final = frozenset({"true", "false"})
"""A file has them as text, and a program as values that are numbers."""


def predictions_are(watched: WatchedModel) -> ValueType | None:
    """``float`` for values and probabilities, ``str`` for labels that are words; None where it may be either."""
    judging = watched.judging
    if judging.form is not PredictionForm.LABEL:
        return float
    reference = watched.references.get(PREDICTION)
    is_text = reference is not None and reference.kind is not ColumnKind.NUMERIC
    return str if is_text and _are_words(judging.classes) else None


def outcomes_are(watched: WatchedModel) -> ValueType | None:
    """``str`` for classes that are words; None where it may be either."""
    return str if _are_words(watched.judging.classes) else None


def _are_words(classes: tuple[str, ...]) -> bool:
    return bool(classes) and not any(label.lower() in _TRUTHS or _is_number(label) for label in classes)


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
