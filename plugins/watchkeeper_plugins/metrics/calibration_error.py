"""Expected calibration error: how far probabilities are from how often it was so.

Formula: rows are put into `bins` bins of equal width by probability, each bin open below and closed above;
``Σ_b (weight of b / all) |mean probability - share true|``. For two classes the probability is that of the second; for
more it is that of the class predicted, and the share is of right rows. Undefined without scores, or when they are no
probabilities.
Chance: it is biased upwards, as sizes are never below 0: the fewer rows, the more a perfectly calibrated model has. How
much is told beside it as ``by_chance``, its mean if every probability of these rows were right; O(n + bins) more.
`calibration_error_debiased` is without that bias.
Interval: wider below than above by that bias, so that it holds at least 95 % and reaches 0 for a calibrated model
(`watchkeeper.domain.intervals.sum_of_sizes`); each bin's error is binomial with four rows more (Agresti & Coull 1998).
Not estimated before outcomes are known: estimates assume what it measures.
Cost: O(n log bins).

References
----------
Naeini, Cooper & Hauskrecht (2015), AAAI 29:2901. Guo, Pleiss, Sun & Weinberger (2017), ICML 1321. What chance alone
gives, and why it must be told: Bröcker & Smith (2007), Weather and Forecasting 22:651; Vaicenavicius et al. (2019),
AISTATS 3459; its formula: `claims.Claims.sizes_by_chance`.

Examples
--------
>>> from watchkeeper.domain.evaluation import Evaluation
>>> rows = Evaluation("classification", [0, 1], [0, 0], scores=[0.25, 0.25], classes=("no", "yes"))
>>> metric = build(Options())
>>> metric.compute(rows).number, round(metric.details(rows)["by_chance"], 4)
(0.25, 0.2812)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from watchkeeper.contracts.plugin import Kind, Plugin
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.intervals import sum_of_sizes
from watchkeeper.domain.value import Value
from watchkeeper.hookspecs import hookimpl

from .claims import Claims, OfClaims, Options
from .preconditions import probability_refusal


class CalibrationError(OfClaims):
    """How far probabilities are from how often it was so."""

    def compute(self, evaluation: Evaluation) -> Value:
        """Gaps of the bins, each by its share of the rows."""
        if refused := probability_refusal(evaluation):
            return refused
        claims = Claims.of(evaluation, self.edges)
        weight = claims.sums()
        gaps = claims.sums(claims.said) - claims.sums(claims.happened)
        number = float(np.abs(gaps).sum()) / evaluation.total_weight
        filled = weight > 0
        errors = weight[filled] / evaluation.total_weight * claims.errors[filled]
        return Value.of(number, samples=len(evaluation), interval=sum_of_sizes(number, errors))

    def details(self, evaluation: Evaluation) -> Mapping[str, float]:
        """``by_chance``: what it would be on average if every probability were right."""
        if probability_refusal(evaluation):
            return {}
        sizes = Claims.of(evaluation, self.edges).sizes_by_chance
        return {"by_chance": float(sizes.sum()) / evaluation.total_weight}


def build(options: Options) -> CalibrationError:
    """Make the metric."""
    return CalibrationError(options.bins)


@hookimpl
def watchkeeper_metrics() -> Iterable[Plugin]:
    """Announce it."""
    summary = "How far probabilities are from how often it was so, over bins (ECE)"
    yield Plugin(Kind.METRIC, "calibration_error", build, Options, summary=summary)
