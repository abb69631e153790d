"""From a reference to its performance alarms, and what they say as of one window."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.table import Categories, Column, Table, missing
from watchkeeper.domain.window import Window, told_time
from watchkeeper.monitor.evaluating import Judging, evaluation_of
from watchkeeper.monitor.records import Records

from .blocks import block_size, cut_by_rows, cut_evenly
from .fitting import AlarmTerms
from .losses import losses_of
from .risk import RiskAlarm, RiskAlarms, RiskEvidence, fitted_risk

RISK_SHARE = 0.25
"""The part of a model's budget that performance alarms have when the reference has outcomes; drift has the rest."""


def shared(terms: AlarmTerms, share: float) -> AlarmTerms:
    """The same terms with a part of the budget."""
    budget = FalseAlarmBudget(terms.budget.alarms * share, terms.budget.per_us)
    return attrs.evolve(terms, budget=budget)


def reference_risk(
    judging: Judging, prediction: Column, outcome: Column | None, times: NDArray[np.int64] | None, terms: AlarmTerms
) -> RiskAlarms | str:
    """What predictions cost in the reference; a reason when it cannot be told.

    Parameters
    ----------
    outcome, times
        (n,) beside the predictions; None when the reference has none.
    """
    if outcome is None:
        return "the reference has no outcomes"
    usable = ~missing(outcome) & ~missing(prediction)
    if not isinstance(prediction, Categories) and prediction.dtype.kind == "f":
        usable &= np.isfinite(prediction)
    order = np.flatnonzero(usable)
    if times is not None:
        order = order[np.argsort(times[order], kind="stable")]
    at = None if times is None else times[order]
    size = block_size(terms.window, len(order), at)
    if isinstance(size, str):
        return size
    has = np.ones(len(order), dtype=np.bool_)
    records = Records(Window(0, 0, len(order)), prediction[order], outcome[order], has, Table({}))
    timed = at is not None and at[0] != at[-1]
    cut = cut_by_rows(at, size.rows) if at is not None and timed else cut_evenly(len(order), size.rows)
    try:
        return fitted_risk(evaluation_of(records, judging.of_answers), cut, size, terms)
    except DataError as error:
        return str(error)


@attrs.frozen
class RiskState:
    """Whether performance is in alarm as of one window."""

    title: str
    """What the mean loss is called."""
    usual: float
    """In the reference."""
    limit: float
    """The largest mean loss that is no rise."""
    evidence: float
    """An alarm is raised at 1."""
    alarm: RiskAlarm | None
    outcomes: int = 0
    """Over about how many of the latest outcomes the alarm's mean loss runs."""
    through_us: int = 0
    """Outcomes stamped before this are counted."""
    has_times: bool = True
    """Whether outcomes that arrived were counted in the order of their times; a window's own rows otherwise."""

    @property
    def sentence(self) -> str:
        """``performance fell since 2007-06-11: mean squared error is 0.24 over about the last 400 outcomes up to …``.

        The interval begins no lower than the limit: that the mean is above it is what the bets have won on.
        """
        if self.alarm is None:
            return f"{self.title} has not risen above the reference's {self.usual:.4g} by more than the tolerance"
        low, high = self.alarm.interval
        low = min(max(low, self.limit), self.alarm.noticed_risk)
        was = f"{self.alarm.noticed_risk:.4g} ({low:.4g} to {high:.4g})"
        budget = f"within its {RISK_SHARE:.0%} of the false-alarm budget"
        if not self.has_times:
            return f"performance fell: {self.title} {was}, {self.usual:.4g} in the reference ({budget})"
        since, noticed = told_time(self.alarm.since_us), told_time(self.alarm.noticed_us)
        return (
            f"performance fell since {since}: {self.title} is {self.alarm.risk:.4g} over about the last "
            f"{self.outcomes:,} outcomes up to {told_time(self.through_us)}, {self.usual:.4g} in the reference; until "
            f"it was noticed, {noticed}, it was {was}, {budget}"
        )


def risk_state(alarms: RiskAlarms, evidence: RiskEvidence, until_us: int | None = None) -> RiskState | None:
    """The state by the outcomes that have been counted, as of a time when given; None when none has been counted."""
    if not evidence.blocks:
        return None
    alarm = evidence.open if until_us is None else evidence.open_at(until_us)
    found = RiskState(alarms.title, alarms.usual, alarms.bets.limit, alarms.size(evidence), alarm)
    if alarm is None:
        return found
    through_us = evidence.through_us if alarm.ended_us is None else alarm.ended_us
    return attrs.evolve(found, outcomes=alarm.patience * alarms.rows, through_us=through_us)


def risk_alone(alarms: RiskAlarms, judging: Judging, records: Records) -> RiskState | None:
    """The state by one window's own outcomes; None when it has none that can be judged."""
    try:
        return risk_of(alarms, evaluation_of(records, judging.of_answers))
    except DataError:
        return None


def risk_of(alarms: RiskAlarms, evaluation: Evaluation) -> RiskState | None:
    """The state by the rows of an evaluation alone, in their order; None without any."""
    losses = losses_of(evaluation)
    if not len(losses):
        return None
    cut = cut_evenly(len(losses), alarms.rows)
    evidence = alarms.fresh(0)
    lasts_us = int(alarms.typical_us or alarms.period_us)
    for block in range(len(cut)):
        evidence = alarms.advanced(evidence, losses[cut.block == block], block * lasts_us, (block + 1) * lasts_us)
    found = risk_state(alarms, evidence)
    return None if found is None else attrs.evolve(found, has_times=False)
