"""ICIR: how steady the information coefficient is, its mean over its standard deviation.

Formula: rows in order of time are cut into blocks of `block` rows (the last one is left out when it is short);
``mean / sd`` of the blocks' information coefficients, by rank or (option `ranks = false`) by value. Blocks where the
signal or the truth is constant are left out. Undefined with fewer than two blocks, when all have the same coefficient,
or for weighted rows. Interval: Student's t with the error ``√((1 + ICIR²/2) / blocks)``, as for a Sharpe ratio of
normal values (Lo 2002).
Cost: O(n log block).

References
----------
Grinold & Kahn (1999), Active Portfolio Management. Lo (2002), Financial Analysts Journal 58:36.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> truth = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]
>>> rows = Evaluation("score", truth, predicted=[1.0, 2.0, 3.0, 1.0, 3.0, 2.0])
>>> round(build(Options(block=3)).compute(rows).number, 4)
2.1213
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import student
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .means import power_of_two
from .preconditions import SIGNALS, refusal, unweighted_refusal


@attrs.frozen
class Options:
    """How rows are cut into blocks."""

    block: int = attrs.field(default=20, validator=attrs.validators.ge(3))
    """Rows in each block, at least 3; 20 trading days are about a month."""
    ranks: bool = True
    """Whether coefficients are of ranks (Spearman) or of values (Pearson)."""


class InformationRatioOfCoefficients:
    """How steady the information coefficient is."""

    tasks = SIGNALS
    higher_is_better = True
    is_ordered = True

    def __init__(self, options: Options) -> None:
        self.options = options

    def compute(self, evaluation: Evaluation) -> Value:
        """Mean over standard deviation of the blocks' coefficients."""
        refused = refusal(evaluation, self.tasks) or unweighted_refusal(evaluation, "icir")
        if refused:
            return refused
        found, samples = self._coefficients(evaluation), len(evaluation)
        if len(found) < 2:
            reason = f"found {len(found)} blocks of {self.options.block} rows with a coefficient, and 2 are needed"
            return Value.undefined(reason, samples=samples)
        spread = float(np.std(found, ddof=1))
        if spread <= 1e-14:
            return Value.undefined("every block has the same coefficient", samples=samples)
        ratio = float(np.mean(found)) / spread
        error = math.sqrt((1 + ratio**2 / 2) / len(found))
        return Value.of(ratio, samples=samples, interval=student(ratio, error, len(found) - 1))

    def _coefficients(self, evaluation: Evaluation) -> NDArray[np.float64]:
        """Those of the whole blocks in which both columns vary."""
        rows = len(evaluation) // self.options.block * self.options.block
        columns = []
        for values in (evaluation.predicted, evaluation.truth):
            table = values[:rows].reshape(-1, self.options.block)
            if self.options.ranks:
                columns.append(_ranks(table))
            else:
                columns.append(table / power_of_two(float(np.abs(values).max())))
        return _correlations(*columns)


def _ranks(table: NDArray[Any]) -> NDArray[np.float64]:
    """The rank of each value within its row, from 0, ties sharing their mean rank; of the table's shape."""
    order = np.argsort(table, axis=1)
    ordered = np.take_along_axis(table, order, axis=1)
    starts = np.ones(table.shape, dtype=np.bool_)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=starts[:, 1:])
    first = np.flatnonzero(starts)
    counts = np.diff(first, append=table.size)
    middle = np.repeat(first % table.shape[1] + (counts - 1) / 2, counts)
    ranks = np.empty(table.shape)
    np.put_along_axis(ranks, order, middle.reshape(table.shape), axis=1)
    return ranks


def _correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's correlation of each pair of rows, without those of which one is constant."""
    columns, varies = [], np.ones(len(first), dtype=np.bool_)
    for table in (first, second):
        apart = table - table.mean(axis=1, keepdims=True)
        columns.append(apart)
        varies &= np.abs(apart).max(axis=1, initial=0.0) > 1e-14 * np.abs(table).max(axis=1, initial=0.0)
    x, y = (column[varies] for column in columns)
    sizes = np.sqrt(np.square(x).sum(axis=1)) * np.sqrt(np.square(y).sum(axis=1))
    found: NDArray[np.float64] = np.clip((x * y).sum(axis=1) / sizes, -1.0, 1.0)
    return found


def build(options: Options) -> Metric:
    """Make the metric."""
    return InformationRatioOfCoefficients(options)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How steady the information coefficient is: mean over standard deviation of blocks"
    yield Plugin(Kind.METRIC, "icir", build, Options, summary=summary)
