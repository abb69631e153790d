"""From stored predictions and outcomes to an evaluation that metrics can read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.table import Categories, Column, Table, missing

from .records import Records

_FEW_CLASSES: Final = 16


class PredictionForm(StrEnum):
    """What the prediction column holds."""

    VALUE = "value"
    PROBABILITY = "probability"
    LABEL = "label"


@attrs.frozen
class Judging:
    """How predictions of one model are compared with its outcomes; fixed by the reference."""

    task: Task
    form: PredictionForm
    classes: tuple[str, ...] = ()
    decision_threshold: float = 0.5
    probabilities: tuple[str, ...] = ()
    """Of labels: the column with the probability of each class, in the classes' order; empty without."""

    @property
    def of_answers(self) -> Judging:
        """The same by what was answered alone, whether or not probabilities came with it."""
        return attrs.evolve(self, probabilities=())


def judging_of(
    task: Task,
    prediction: Column,
    outcome: Column | None,
    decision_threshold: float,
    probabilities: Mapping[str, str] | None = None,
) -> Judging:
    """Read from the reference whether predictions are probabilities, labels or values, and which classes there are.

    Parameters
    ----------
    probabilities
        By class the column with its probability: then predictions are labels, whatever they look like.
    """
    if task is not Task.CLASSIFICATION:
        return Judging(task, PredictionForm.VALUE)
    truths = class_labels(outcome) if outcome is not None else ()
    if probabilities:
        return _with_probabilities(probabilities, {*truths, *class_labels(prediction)}, decision_threshold)
    if _is_probability(prediction):
        classes = truths or ("0", "1")
        if len(classes) == 1 and classes[0] in ("0", "1"):
            classes = ("0", "1")
        if len(classes) != 2:
            raise DataError(
                f"a column of probabilities needs an outcome of two classes, found {len(classes)}: "
                f"{', '.join(classes[:6])}; give the predicted label as the prediction column instead"
            )
        return Judging(task, PredictionForm.PROBABILITY, classes, decision_threshold)
    return Judging(task, PredictionForm.LABEL, _in_order({*truths, *class_labels(prediction)}), decision_threshold)


def _with_probabilities(probabilities: Mapping[str, str], found: set[str], decision_threshold: float) -> Judging:
    lacking = _in_order(found - set(probabilities))
    if lacking:
        raise DataError(
            f"the reference has the class {lacking[0]!r}, which has no column of probabilities; columns.probabilities "
            f"names those of {', '.join(probabilities)}: add it, or mend the label"
        )
    classes = _in_order(set(probabilities))
    columns = tuple(probabilities[label] for label in classes)
    return Judging(Task.CLASSIFICATION, PredictionForm.LABEL, classes, decision_threshold, columns)


def evaluation_of(records: Records, judging: Judging) -> Evaluation:
    """The rows whose outcome is known and whose prediction is usable, aligned.

    Raises
    ------
    DataError
        When outcomes or predictions are not what the reference had.
    """
    outcome = records.outcome
    if outcome is None:
        empty = np.empty(0, dtype=np.float64 if judging.task is not Task.CLASSIFICATION else np.int64)
        return Evaluation(judging.task, empty, empty, classes=judging.classes)
    usable = records.has_outcome & ~missing(outcome) & ~_not_finite(records.prediction)
    scores = scores_of(records.features, judging)
    if scores is not None:
        usable &= np.isfinite(scores).all(axis=1)
        scores = scores[usable]
    truth, predicted = outcome[usable], records.prediction[usable]
    if judging.task is not Task.CLASSIFICATION:
        return Evaluation(judging.task, _numbers(truth, "outcome"), _numbers(predicted, "prediction"))
    return _classified(truth, predicted, scores, judging)


def scores_of(columns: Table, judging: Judging) -> NDArray[np.float64] | None:
    """(n, k) float64: the probabilities that came with labels, a column a class; None where there are none."""
    if not judging.probabilities:
        return None
    lacking = next((name for name in judging.probabilities if name not in columns), None)
    if lacking is not None:
        raise DataError(f"the rows lack the column {lacking!r} of probabilities")
    return np.column_stack(
        [_numbers(columns[name], f"column {name!r} of probabilities") for name in judging.probabilities]
    )


def _classified(truth: Column, predicted: Column, given: NDArray[np.float64] | None, judging: Judging) -> Evaluation:
    if given is not None:
        codes = class_codes(truth, judging.classes), class_codes(predicted, judging.classes, "prediction")
        return Evaluation(judging.task, *codes, given, judging.classes)
    if judging.form is PredictionForm.PROBABILITY:
        classes = judging.classes
        scores = _numbers(predicted, "prediction")
        if len(scores) and (scores.min() < 0.0 or scores.max() > 1.0):
            raise DataError(f"a prediction must be a probability from 0 to 1, found {scores.min()} to {scores.max()}")
        answer = (scores >= judging.decision_threshold).astype(np.int64)
        return Evaluation(judging.task, class_codes(truth, classes), answer, scores, classes)
    classes = _in_order({*judging.classes, *class_labels(truth), *class_labels(predicted)})
    return Evaluation(
        judging.task, class_codes(truth, classes), class_codes(predicted, classes, "prediction"), None, classes
    )


def class_labels(column: Column) -> tuple[str, ...]:
    """The distinct labels of a column, numbers in numeric order and without a needless ``.0``."""
    if isinstance(column, Categories):
        present = np.unique(column.codes[column.codes >= 0])
        return _in_order({column.labels[code] for code in present})
    return _in_order({_label(item) for item in np.unique(column[~missing(column)]).tolist()})


def class_codes(column: Column, classes: tuple[str, ...], what: str = "outcome") -> NDArray[np.int64]:
    """(n,) int64: the position of each label among `classes`; a DataError for one that is not there.

    Parameters
    ----------
    what
        What the error calls a label of the column.
    """
    position = {label: code for code, label in enumerate(classes)}
    if isinstance(column, Categories):
        table = np.array([position.get(label, -1) for label in column.labels] or [-1], dtype=np.int64)
        codes = table[column.codes]
    elif column.dtype.kind in "fiub" and len(classes) <= _FEW_CLASSES:
        codes = _numeric_codes(column, classes)
    else:
        distinct, inverse = np.unique(column, return_inverse=True)
        codes = np.array([position.get(_label(item), -1) for item in distinct.tolist()], dtype=np.int64)[inverse]
    if len(codes) and codes.min() < 0:
        strange = sorted(set(class_labels(column)) - set(classes))
        raise DataError(f"{what} {strange[0]!r} is none of the reference's classes {', '.join(classes)}")
    return codes


def _numeric_codes(column: NDArray[Any], classes: tuple[str, ...]) -> NDArray[np.int64]:
    """The same for numbers and few classes, without sorting: a comparison with each class, O(n k)."""
    codes = np.full(len(column), -1, dtype=np.int64)
    for code, label in enumerate(classes):
        try:
            number = float(label)
        except ValueError:
            continue
        if _label(number) == label:  # "01" is not how the number 1 is written
            codes[column == number] = code
    return codes


def _label(item: object) -> str:
    if isinstance(item, bool):
        return str(int(item))
    if isinstance(item, float) and item.is_integer():
        return str(int(item))
    return str(item)


def _in_order(labels: set[str]) -> tuple[str, ...]:
    def key(label: str) -> tuple[int, float, str]:
        try:
            return (0, float(label), label)
        except ValueError:
            return (1, 0.0, label)

    return tuple(sorted(labels, key=key))


def _is_probability(column: Column) -> bool:
    if isinstance(column, Categories) or column.dtype.kind != "f":
        return False
    values = column[~np.isnan(column)]
    return bool(len(values)) and bool(values.min() >= 0.0 and values.max() <= 1.0)


def _not_finite(column: Column) -> NDArray[np.bool_]:
    if isinstance(column, Categories) or column.dtype.kind != "f":
        return missing(column)
    return ~np.isfinite(column)


def _numbers(column: Column, what: str) -> NDArray[np.float64]:
    if isinstance(column, Categories) or column.dtype.kind not in "fiub":
        raise DataError(f'the {what} must be a number for this task, found text; set task = "classification"?')
    return column.astype(np.float64, copy=False)
