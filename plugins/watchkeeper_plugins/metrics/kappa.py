"""Cohen's kappa: agreement of predicted and true classes beyond what chance would give, at most 1.

Formula: ``(o - e) / (1 - e)`` with o the share of right rows and e the share that independent predictions of the same
frequencies would get right; 0 is chance. Undefined when all rows are truly of one class, or predicted as one.
Interval: delta method after Fisher's z, its error taken from the table with four rows more. Cost: O(n) for the shared
counts, then O(k²).

References
----------
Cohen (1960), Educational and Psychological Measurement 20:37. Fleiss, Cohen & Everitt (1969), Psychological Bulletin
72:323.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 0, 1, 1], predicted=[0, 1, 1, 1], classes=("no", "yes"))
>>> build(NoOptions()).compute(rows).number
0.5
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.hookspecs import hookimpl

from .class_metrics import ClassAgreement


def agreement(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Kappa of a table that adds up to 1, and how much it moves with each cell, (k, k)."""
    true, said, right = shares.sum(axis=1), shares.sum(axis=0), float(np.trace(shares))
    chance = float((true * said).sum())
    number = min(max((right - chance) / (1.0 - chance), -1.0), 1.0)
    by_chance = true[None, :] + said[:, None]
    moved = np.eye(len(shares)) + right - by_chance
    gradient = (moved - number * (2.0 - by_chance)) / (1.0 - chance)
    return number, gradient


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return ClassAgreement(agreement)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Agreement of predicted and true classes beyond chance"
    yield Plugin(Kind.METRIC, "kappa", build, NoOptions, summary=summary)
