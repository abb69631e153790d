"""Calibration error without the part that chance alone gives.

Formula: rows are put into `bins` bins as for `calibration_error`; with d the probability of a row less 1 where it came
true, ``√ max(0, Σ_b (weight of b / all) S_b)``, S_b the mean product ``d d'`` over the pairs of different rows of bin
b. Such a product is on average the squared distance of mean probability and share true, whereas the square of a bin's
own distance has the rows' variance in it. So the sum is unbiased, of any number of rows; its root is told, on the scale
of probabilities. Where all bins are equally far off that is the calibration error, elsewhere it is more (a root mean
square beside a mean). 0 means no more than chance gives. Rows alone in their bin are left out. Undefined when all are,
without scores, or when they are no probabilities. For two classes the probability is that of the second; for more that
of the class predicted.
Interval: normal, of the sum, before the root is taken; each bin's error is binomial with four rows more (Agresti &
Coull 1998).
Not estimated before outcomes are known: estimates assume what it measures.
Cost: O(n log bins).

References
----------
Kumar, Liang & Ma (2019), "Verified uncertainty calibration", NeurIPS 32; Bröcker (2012), Climate Dynamics 39:655, and
Ferro & Fricker (2012), QJRMS 138:1954: the same correction of the Brier score's reliability. Where the scores of a bin
are equal, theirs is this one.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", [0, 0, 0, 1], [0, 0, 0, 0], scores=[0.9] * 4, classes=("no", "yes"))
>>> round(build(Options()).compute(rows).number, 4)
0.6
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import QUANTILE
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .claims import Claims, OfClaims, Options
from .preconditions import probability_refusal

_MORE_THAN_ONE = 1.0 + 1e-9


class CalibrationErrorDebiased(OfClaims):
    """How far probabilities are from how often it was so, beyond what chance gives."""

    def compute(self, evaluation: Evaluation) -> Value:
        """Products over pairs of rows of a bin, each bin by its share of the rows."""
        if refused := probability_refusal(evaluation):
            return refused
        claims = Claims.of(evaluation, self.edges)
        off = claims.said - claims.happened
        weight, squared = claims.sums(), claims.squared_sums()
        paired = np.square(weight) > _MORE_THAN_ONE * squared
        if not paired.any():
            reason = "no two rows are in the same bin: one row alone does not tell error from chance"
            return Value.undefined(reason, samples=len(evaluation))
        products = np.square(claims.sums(off)) - claims.squared_sums(np.square(off))
        squares = products[paired] / (np.square(weight) - squared)[paired]
        shares = weight[paired] / weight[paired].sum()
        variances = np.square(claims.errors[paired])
        total = float((shares * squares).sum())
        spread = np.square(shares) * (4.0 * np.maximum(squares, 0.0) * variances + 2.0 * np.square(variances))
        reach = QUANTILE * math.sqrt(float(spread.sum()))
        interval = _root(total - reach), min(_root(total + reach), 1.0)
        return Value.of(min(_root(total), 1.0), samples=len(evaluation), interval=interval)


def _root(square: float) -> float:
    return math.sqrt(max(square, 0.0))


def build(options: Options) -> Metric:
    """Make the metric."""
    return CalibrationErrorDebiased(options.bins)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How far probabilities are from how often it was so, beyond what chance gives"
    yield Plugin(Kind.METRIC, "calibration_error_debiased", build, Options, summary=summary)
