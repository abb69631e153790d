"""Performance alarms: whether what predictions cost has risen by more than the tolerance, at a stated rate."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.betting import RiseBets, mean_sequence
from watchkeeper.domain.evaluation import Evaluation

from .blocks import FEWEST_BLOCKS, FEWEST_ROWS, BlockSize, Cut
from .fitting import AlarmTerms
from .losses import loss_name, losses_of
from .weather import Weather
from .whitening import batch_error

_SURE_OF_MEAN: Final = 1.5
_LARGEST_SHARE: Final = 0.05
_LEAST_PATIENCE, _MOST_PATIENCE = 4, 50
_TIGHTEST_BLOCKS: Final = 10
_AT_REST: Final = 2.0
_LEFT_OVER: Final = 0.5


@attrs.frozen
class RiskAlarm:
    """The performance alarm of a model: since when, and how much worse."""

    noticed_risk: float
    """Mean loss from when it began to when it was noticed."""
    interval: tuple[float, float]
    """Of `noticed_risk`: a confidence sequence at 95 %."""
    risk: float
    """Mean loss over about as many of the latest blocks as `patience`."""
    since_us: int
    noticed_us: int
    patience: int
    ended_us: int | None = None

    def is_open_at(self, time_us: int) -> bool:
        """Whether it had been noticed and had not ended."""
        return self.noticed_us <= time_us and (self.ended_us is None or time_us < self.ended_us)


@attrs.frozen
class RiskEvidence:
    """What the outcomes so far have told."""

    digest: str
    through_us: int
    """Outcomes stamped before this are counted."""
    blocks: int
    sums: tuple[float, ...]
    """One for each bet."""
    began_us: int
    """Since when the evidence has not been at rest."""
    rows: int
    """Outcomes since then."""
    total: float
    """Their losses added up."""
    squares: float
    """Their squared losses added up."""
    delay_us: int
    """How far back predictions were looked for, the last time."""
    open: RiskAlarm | None = None
    last: RiskAlarm | None = None
    """The latest alarm that has ended."""

    def open_at(self, time_us: int) -> RiskAlarm | None:
        """The alarm that was open at a time; of those that have ended, the latest is remembered."""
        return next((alarm for alarm in (self.open, self.last) if alarm and alarm.is_open_at(time_us)), None)

    def to_document(self) -> dict[str, Any]:
        """What JSON can hold."""
        return attrs.asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any], bets: int) -> RiskEvidence | None:
        """What `to_document` told; None when it was written by another version of watchkeeper."""
        try:
            alarms = {name: _alarm(document[name]) for name in ("open", "last")}
            found = cls(**{**document, **alarms, "sums": tuple(map(float, document["sums"]))})
        except (KeyError, TypeError, ValueError):
            return None
        return found if len(found.sums) == bets else None


@attrs.frozen(eq=False)
class RiskAlarms:
    """What predictions cost in the reference, and the bets that they cost more now; made by `fitted_risk`."""

    title: str
    """What the mean loss is called."""
    usual: float
    """The reference's mean loss."""
    deviation: float
    """The sd of the reference's losses."""
    bets: RiseBets
    rows: int
    """Outcomes of a block."""
    typical_us: float | None
    """How long a block of the reference lasts."""
    period_us: float
    """The time in which one false alarm is allowed."""
    digest: str
    reference_blocks: int
    """How many blocks of the reference they are fitted on."""

    def fresh(self, since_us: int) -> RiskEvidence:
        """Before the first block."""
        return RiskEvidence(self.digest, since_us, 0, tuple(self.bets.nothing.tolist()), since_us, 0, 0.0, 0.0, 0)

    def size(self, evidence: RiskEvidence) -> float:
        """How far it is on the way to an alarm, which is raised at 1."""
        return float(np.mean(evidence.sums))

    def advanced(self, evidence: RiskEvidence, losses: NDArray[np.float64], start_us: int, end_us: int) -> RiskEvidence:
        """The evidence after a block of losses (n,) whose outcomes came from `start_us` to before `end_us`."""
        counted = attrs.evolve(evidence, through_us=end_us, blocks=evidence.blocks + 1)
        if not len(losses):
            return counted
        share = min(max(end_us - start_us, 0) / self.period_us, _LARGEST_SHARE)
        rests = self.size(evidence) <= _AT_REST * share
        after = attrs.evolve(
            counted,
            sums=tuple(self.bets.advanced(np.array(evidence.sums), losses, share).tolist()),
            began_us=start_us if rests else evidence.began_us,
            rows=len(losses) + (0 if rests else evidence.rows),
            total=float(losses.sum()) + (0.0 if rests else evidence.total),
            squares=float((losses**2).sum()) + (0.0 if rests else evidence.squares),
        )
        if evidence.open is not None:
            return self._reconsidered(after, evidence.open, float(losses.mean()), end_us)
        return self._raised(after, end_us) if self.size(after) >= 1.0 else after

    def _raised(self, evidence: RiskEvidence, now_us: int) -> RiskEvidence:
        mean = evidence.total / evidence.rows
        deviation = math.sqrt(max(evidence.squares / evidence.rows - mean * mean, 0.0))
        low, high = mean_sequence(
            mean,
            max(deviation, self.deviation),
            max(evidence.rows / self.bets.dependence, 1.0),
            tightest=max(_TIGHTEST_BLOCKS * self.rows / self.bets.dependence, 1.0),
        )
        interval = max(low, 0.0), high
        blocks = evidence.rows / self.rows
        patience = int(min(max(blocks, _LEAST_PATIENCE), _MOST_PATIENCE))
        alarm = RiskAlarm(mean, interval, mean, evidence.began_us, now_us, patience)
        return attrs.evolve(evidence, open=alarm)

    def _reconsidered(self, evidence: RiskEvidence, alarm: RiskAlarm, mean: float, now_us: int) -> RiskEvidence:
        risk = alarm.risk + (mean - alarm.risk) / alarm.patience
        if risk - self.usual >= _LEFT_OVER * (alarm.noticed_risk - self.usual):
            return attrs.evolve(evidence, open=attrs.evolve(alarm, risk=risk))
        over = attrs.evolve(alarm, risk=risk, ended_us=now_us)
        return attrs.evolve(evidence, open=None, last=over, sums=tuple(self.bets.nothing.tolist()))


def fitted_risk(evaluation: Evaluation, cut: Cut, size: BlockSize, terms: AlarmTerms) -> RiskAlarms | str:
    """Learn what predictions cost in the reference; a reason when it cannot be told.

    Parameters
    ----------
    evaluation
        The reference's rows whose outcome is known, in the order of `cut`.
    cut
        Those rows in blocks.
    """
    losses = losses_of(evaluation)[: len(cut.block)]
    if len(losses) < FEWEST_BLOCKS * FEWEST_ROWS or len(cut) < FEWEST_BLOCKS:
        return f"the reference has {len(losses)} outcomes in {len(cut)} blocks, too few to learn what is usual"
    usual = float(losses.mean())
    deviation = _deviation(losses, evaluation)
    if not 0.0 < deviation < math.inf:
        return f"the reference's losses are all {usual:g}: there is no unit to measure a rise in"
    rows = np.bincount(cut.block, minlength=len(cut)).astype(np.float64)
    means = np.bincount(cut.block, losses, len(cut)) / np.maximum(rows, 1.0)
    deviations = ((means - usual) / deviation)[:, None]
    long_run, error = _long_run(deviations, float(np.median(rows)))
    slack = max(terms.tolerance, _SURE_OF_MEAN * error) * deviation
    told = hashlib.sha256(f"watchkeeper risk 2 {terms.window} {terms.budget} {terms.tolerance!r}\n".encode())
    told.update(losses.tobytes())
    return RiskAlarms(
        title=loss_name(evaluation),
        usual=usual,
        deviation=deviation,
        bets=RiseBets.of(usual + slack, deviation, max(float(np.median(rows)) * long_run, 1.0)),
        rows=size.rows,
        typical_us=size.typical_us,
        period_us=terms.budget.per_us / terms.budget.alarms,
        digest=told.hexdigest(),
        reference_blocks=len(cut),
    )


def _long_run(deviations: NDArray[np.float64], rows: float) -> tuple[float, float]:
    """The variance that block means have in the long run, in sds of a loss, and the standard error of their mean.

    There is one series, and no other tells what weather to expect of it: the variance is the one that is as likely
    too small as too large, so that a short reference makes no alarm wait for weather that it may have had.
    """
    weather = Weather.fit(deviations, None, rows)
    long_run = float(weather.likely_long_run[0]) * (1.0 + 1.0 / len(deviations))
    return long_run, max(math.sqrt(long_run / len(deviations)), float(batch_error(deviations)[0]))


def _deviation(losses: NDArray[np.float64], evaluation: Evaluation) -> float:
    with np.errstate(over="ignore"):
        found = float(losses.std())
    if found == 0.0 and loss_name(evaluation) != "mean squared error":
        share = 1.0 / (len(losses) + 2.0)  # Laplace: none of n was wrong, but one may be
        return math.sqrt(share * (1.0 - share))
    return found


def _alarm(document: Mapping[str, Any] | None) -> RiskAlarm | None:
    return None if document is None else RiskAlarm(**{**document, "interval": tuple(document["interval"])})
