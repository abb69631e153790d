"""Matthews' correlation coefficient: how far predicted and true classes go together, from -1 to 1.

Formula: ``(c s - Σ p t) / √((s² - Σ p²)(s² - Σ t²))`` with c the right rows, s all rows, p and t the predicted and true
rows of each class; 0 is chance. Undefined when all rows are truly of one class, or predicted as one. Interval: delta
method after Fisher's z, its error taken from the table with four rows more. Cost: O(n) for the shared counts, then
O(k²).

References
----------
Matthews (1975), Biochimica et Biophysica Acta 405:442. Gorodkin (2004), Computational Biology and Chemistry 28:367.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", truth=[0, 0, 1, 1], predicted=[0, 1, 1, 1], classes=("no", "yes"))
>>> round(build(NoOptions()).compute(rows).number, 4)
0.5774
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.hookspecs import hookimpl

from .class_metrics import ClassAgreement


def correlation(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The coefficient of a table that adds up to 1, and how much it moves with each cell, (k, k)."""
    true, said, right = shares.sum(axis=1), shares.sum(axis=0), float(np.trace(shares))
    together = right - float((true * said).sum())
    of_said, of_true = 1.0 - float(np.square(said).sum()), 1.0 - float(np.square(true).sum())
    root = math.sqrt(of_said * of_true)
    number = min(max(together / root, -1.0), 1.0)
    moved = np.eye(len(shares)) + right - true[None, :] - said[:, None]
    gradient = moved / root - number * ((1.0 - said)[None, :] / of_said + (1.0 - true)[:, None] / of_true)
    return number, gradient


def build(_options: NoOptions) -> Metric:
    """Make the metric."""
    return ClassAgreement(correlation)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "Correlation of predicted and true classes, from -1 to 1"
    yield Plugin(Kind.METRIC, "mcc", build, NoOptions, summary=summary)
