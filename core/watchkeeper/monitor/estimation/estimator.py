"""One model's estimates: fitted on its reference when first asked, then told for window after window."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.intervals import Interval
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Categories, Column, Table, missing
from watchkeeper.domain.value import Value
from watchkeeper.domain.window import Window
from watchkeeper.monitor.evaluating import Judging, PredictionForm, evaluation_of, scores_of
from watchkeeper.monitor.learned import Learned
from watchkeeper.monitor.measuring import Subject, measured_metrics
from watchkeeper.monitor.records import Records

from .confidence import ConfidenceOutlook
from .encoding import PREDICTION
from .losses import LossOutlook
from .names import estimate_of
from .once import Once
from .outlook import FEWEST_WINDOWS, Outlook, usable
from .spread import Spread, number_of
from .undefined import undefined_estimates

FEWEST_ROWS: Final = 20 * FEWEST_WINDOWS
"""Of the reference, with an outcome: fewer say neither what to expect nor how far it may be off."""
MOST_ROWS: Final = 200_000
"""Rows of a window from which its estimates are made."""
UNKNOWN_ROWS: Final = 0
"""How many rows a window usually has, where windows are of time."""
_ANY: Final = (-math.inf, math.inf)


class Estimator:
    """Estimates of a model's metrics; safe to ask from several threads, which wait while it is being fitted.

    Parameters
    ----------
    judging
        How predictions are compared with outcomes.
    reference
        The reference's n rows: the features, ``prediction``, and ``time`` (int64 µs) when it is known.
    outcome
        (n,); None when the reference has none, and then every estimate is undefined and says so.
    usual_rows
        How many rows a window has, or `UNKNOWN_ROWS`.
    learned
        Where what takes long to learn is kept for the next start.
    """

    def __init__(
        self,
        judging: Judging,
        reference: Table,
        outcome: Column | None,
        metrics: Mapping[str, Metric],
        *,
        usual_rows: int,
        learned: Learned | None = None,
    ) -> None:
        self._judging = judging
        self._metrics = metrics
        self._fitted = Once(lambda: _fitted(judging, (reference, outcome), metrics, usual_rows, learned))

    @property
    def assumption(self) -> str:
        """What must hold for the estimates, after "if"."""
        outlook = LossOutlook if self._judging.form is PredictionForm.VALUE else ConfidenceOutlook
        return outlook.assumption

    def estimated(self, subject: Subject, records: Records) -> list[Measurement]:
        """``estimated_<metric>`` of every metric over all rows of the window, whether their outcomes are known or not.

        Of more than 200,000 rows it is over that many or fewer, spread evenly: the interval comes from the reference's
        windows and is wider than what this leaves out.

        The interval is where the realised value should lie, 95 %; ``details`` hold the realised value on the
        reference, and the number and size of the reference's windows that the interval comes from.
        """
        fitted = self._fitted()
        if isinstance(fitted, str):
            return undefined_estimates(subject, self._metrics, fitted)
        some = slice(None, None, max(-(-len(records) // MOST_ROWS), 1))
        prediction = records.prediction[some]
        try:
            expected = fitted.outlook.expected(prediction, records.features.rows(some))
        except DataError as error:
            return undefined_estimates(subject, self._metrics, str(error))
        rows = round(expected.total_weight)  # the rows that stand for one row weigh 1 together
        found, _ = measured_metrics(subject, expected, self._metrics)
        told = {one.name: one.value for one in found}
        return [self._measurement(subject, fitted, name, told[name], rows) for name in self._metrics]

    def _measurement(self, subject: Subject, fitted: _Fitted, name: str, told: Value, rows: int) -> Measurement:
        value, details = _judged(fitted, name, told, rows)
        return subject.measurement(estimate_of(name), value, details=details)


@attrs.frozen(eq=False)
class _Fitted:
    """What the reference taught."""

    outlook: Outlook
    spread: Spread
    metrics: Mapping[str, Metric]
    normal: Mapping[str, float]
    """Each metric's realised value on the whole reference, where it has one."""


def _judged(fitted: _Fitted, name: str, told: Value, rows: int) -> tuple[Value, dict[str, float]]:
    """The estimate with its interval and details, or why there is none."""
    refusal = fitted.outlook.refusals.get(name)
    if refusal is not None:
        return Value.undefined(f"{name} cannot be estimated: {refusal}", samples=rows), {}
    if told.number is None:
        return Value.undefined(told.reason or f"{name} is undefined", samples=rows), {}
    misses = fitted.spread.misses(rows)[name]
    if misses.windows < FEWEST_WINDOWS:
        reason = (
            f"how far an estimate may be off is not known: {name} is defined in {misses.windows} of the reference's "
            f"windows of {misses.rows} rows, at least {FEWEST_WINDOWS} are needed"
        )
        return Value.undefined(reason, samples=rows), {}
    limits: Interval = getattr(fitted.metrics[name], "limits", _ANY)
    details = {"windows": float(misses.windows), "window_rows": float(misses.rows)}
    if name in fitted.normal:
        details["reference"] = fitted.normal[name]
    return Value.of(told.number, samples=rows, interval=misses.interval(told.number, limits)), details


def _fitted(
    judging: Judging,
    rows: tuple[Table, Column | None],
    metrics: Mapping[str, Metric],
    usual_rows: int,
    learned: Learned | None,
) -> _Fitted | str:
    """What the reference teaches, or why it teaches nothing."""
    reference, outcome = rows
    if outcome is None:
        return "the reference has no outcomes, so that nothing tells how right the predictions usually are"
    if judging.form is PredictionForm.LABEL and not judging.probabilities:
        return (
            "the predictions are labels: probabilities are needed to tell how sure the model is of them; name their "
            "columns in columns.probabilities"
        )
    try:
        outlook = _outlook(judging, reference, outcome, metrics, learned)
    except DataError as error:
        return f"nothing can be learned from the reference: {error}"
    if isinstance(outlook, str):
        return outlook
    estimable = {name: metric for name, metric in metrics.items() if name not in outlook.refusals}
    numbers = {name: number_of(name, metric, outlook.realised) for name, metric in estimable.items()}
    normal = {name: number for name, number in numbers.items() if number is not None}
    return _Fitted(outlook, Spread(outlook, estimable, usual_rows), metrics, normal)


def _outlook(
    judging: Judging, reference: Table, outcome: Column, metrics: Mapping[str, Metric], learned: Learned | None
) -> ConfidenceOutlook | LossOutlook | str:
    known = np.flatnonzero(~missing(outcome) & _usable(reference, judging))
    if len(known) < FEWEST_ROWS:
        return (
            f"{len(known)} rows of the reference have a prediction and an outcome, at least {FEWEST_ROWS} are needed "
            "to estimate from"
        )
    known = known[_time_order(reference, known)]
    rows = reference.select(name for name in reference if name != "time").rows(known)
    everything = np.ones(len(known), dtype=np.bool_)
    features = rows.select(name for name in rows if name != PREDICTION)
    realised = evaluation_of(
        Records(Window(0, 0, len(known)), rows[PREDICTION], outcome[known], everything, features), judging
    )
    if judging.form is PredictionForm.LABEL:
        return attrs.evolve(ConfidenceOutlook.fit(realised, metrics), judging=judging)
    if judging.form is PredictionForm.PROBABILITY:
        return ConfidenceOutlook.fit(realised, metrics, judging.decision_threshold)
    return LossOutlook.fit(realised, features, metrics, learned)


def _usable(reference: Table, judging: Judging) -> NDArray[np.bool_]:
    scores = scores_of(reference, judging)
    if scores is None:
        return usable(reference[PREDICTION])
    found: NDArray[np.bool_] = np.isfinite(scores).all(axis=1) & ~missing(reference[PREDICTION])
    return found


def _time_order(reference: Table, known: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows' order in time; their own where no time is known."""
    time = reference.columns.get("time")
    if time is None or isinstance(time, Categories):
        return np.arange(len(known))
    return np.argsort(time[known], kind="stable")
