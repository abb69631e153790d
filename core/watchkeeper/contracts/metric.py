"""What a metric plugin is: one number from one window's truths and predictions."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.model import Task
from watchkeeper.domain.value import Value


@runtime_checkable
class Metric(Protocol):
    """A metric; built once, called for every window, holds no state of its own.

    Attributes
    ----------
    tasks
        The tasks that it is defined for.
    higher_is_better
        Which direction is good.

    A metric that cannot take every value says so with an attribute ``limits = (low, high)``: intervals of its estimates
    end there.

    A metric of a path, whose rows must come in order of time, has an attribute ``is_ordered = True`` as well;
    without it the rows' order may not matter.

    A metric that is a table has a method ``cells(evaluation)`` besides, which gives its numbers with the labels that
    tell them apart: ``[({"truth": "up", "predicted": "down"}, Value.of(0.2)), ...]``. They are measured under the
    metric's name, after the number of `compute`.

    A metric whose number needs others to be understood has a method ``details(evaluation)``, which gives them by name:
    ``{"by_chance": 0.03}``, what it would be if nothing were wrong, is told beside the number. It is asked where the
    number is defined.

    A metric that cannot be estimated while outcomes are not known, because it measures what estimates assume, has an
    attribute ``estimate_refusal`` with the reason in words.
    """

    tasks: frozenset[Task]
    higher_is_better: bool

    def compute(self, evaluation: Evaluation) -> Value:
        """The metric over all rows of `evaluation`.

        Read the evaluation's shared statistics (``confusion``, ``rankings``, ``truth_probabilities``,
        ``residuals``) rather than its arrays: they are computed once for all metrics. A row of weight 0 counts as
        left out. What cannot be computed is ``Value.undefined`` with the
        reason in words, never 0 and never NaN; do not raise for data. Do not write into the arrays.
        """
        ...
