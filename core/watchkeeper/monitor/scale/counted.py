"""Labelled rows of which all were counted, and a part is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.evaluation import Evaluation


@attrs.frozen(eq=False, slots=False)
class CountedEvaluation(Evaluation):
    """A part of the rows, each standing for several, and the exact counts of all.

    Metrics of the counts (accuracy, precision, recall...) are those of all rows; others are estimated from the part,
    with intervals for as many rows as it has. Metrics of a path through time are undefined: a part is no path.
    """

    counts: NDArray[np.float64] = attrs.field(kw_only=True)
    """(k, k) float64: all rows of each true class (down) predicted as each class (across)."""

    @cached_property
    def confusion(self) -> NDArray[np.float64]:
        """(k, k) float64: the counts of all rows."""
        return self.counts


def with_counts(evaluation: Evaluation, rows: int, confusion: Mapping[tuple[str, str], int]) -> Evaluation:
    """The evaluation of a part of `rows` labelled rows, as that of all; itself when it is all.

    Parameters
    ----------
    confusion
        Of a classification: all rows of each true and predicted class.
    """
    if len(evaluation) == rows or not len(evaluation):
        return evaluation
    weights = np.full(len(evaluation), rows / len(evaluation))
    if not confusion:
        return attrs.evolve(evaluation, weights=weights)
    # a class may be so rare that no row of it is in the part
    classes = tuple(dict.fromkeys([*evaluation.classes, *(label for pair in confusion for label in pair)]))
    counts = np.zeros((len(classes), len(classes)))
    position = {label: code for code, label in enumerate(classes)}
    for (true, said), count in confusion.items():
        counts[position[true], position[said]] = count
    scores = evaluation.scores if len(classes) == len(evaluation.classes) else None
    return CountedEvaluation(
        evaluation.task, evaluation.truth, evaluation.predicted, scores, classes, weights, counts=counts
    )
