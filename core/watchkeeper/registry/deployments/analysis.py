"""Judging a version by what was measured of it: success, failure, and the gap between them that is neither.

References
----------
The outcomes and limits are those of Argo Rollouts' analysis, with two differences: what ended early or was never
finished is inconclusive and not successful, and too little traffic is waited for instead of judged.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import attrs

from watchkeeper.domain.errors import UsageError, WatchkeeperError
from watchkeeper.domain.value import Value

_CONDITION: Final = re.compile(r"(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)")
_OPERATORS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
Measured = Callable[[str, str, int], Value]
"""(``name@1.4.0``, metric, since in UTC microseconds) -> the metric of that version since then; may raise."""


class Outcome(StrEnum):
    """What an analysis has come to."""

    RUNNING = "running"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    """Neither condition held, or there was no number; somebody must look."""
    ERROR = "error"
    """The metric could not be asked for; that says nothing about the version."""
    WAITING = "waiting"
    """There is too little traffic to judge."""


@attrs.frozen(kw_only=True)
class MetricCheck:
    """One metric, and when it is good or bad. Without one of the conditions, it is the opposite of the other."""

    metric: str
    success: str | None = None
    """Such as ``>= 0.8``."""
    failure: str | None = None
    """Such as ``< 0.7``; between the two the check is inconclusive."""
    against_stable: bool = False
    """Judge the difference to the version in production, instead of the number itself."""
    count: int = 1
    """How many measurements must be good."""
    interval_seconds: float = 60.0
    """Time from one measurement to the next."""
    initial_delay_seconds: float = 0.0
    min_samples: int = 0
    """Rows that a measurement needs, of each version that is compared."""
    failure_limit: int = 0
    """How many bad measurements are borne."""
    inconclusive_limit: int = 0
    error_limit: int = 4
    """How many errors in a row are borne."""
    traffic_deadline_seconds: float | None = None
    """How long too little traffic is waited for before somebody must look; None: for ever."""
    is_dry_run: bool = False
    """Recorded, not obeyed."""

    def __attrs_post_init__(self) -> None:
        if self.success is None and self.failure is None:
            raise UsageError(f"the check of {self.metric!r} has neither a success nor a failure condition")
        for text in (self.success, self.failure):
            if text is not None and not _CONDITION.fullmatch(text):
                raise UsageError(f"{text!r} is no condition: expected a comparison with a number, such as >= 0.8")
        if self.count < 1 or self.interval_seconds <= 0:
            raise UsageError(f"the check of {self.metric!r} needs a count of at least 1 and an interval above 0")

    def judged(self, number: float) -> Outcome:
        """SUCCESSFUL, FAILED or INCONCLUSIVE; where both conditions hold, it is FAILED."""
        succeeds = None if self.success is None else _holds(self.success, number)
        fails = None if self.failure is None else _holds(self.failure, number)
        if fails or (fails is None and not succeeds):
            return Outcome.FAILED
        return Outcome.SUCCESSFUL if succeeds or succeeds is None else Outcome.INCONCLUSIVE


@attrs.frozen(kw_only=True)
class Counts:
    """What one check has seen so far."""

    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    errors: int = 0
    errors_in_a_row: int = 0
    last_us: int | None = None
    """When the last measurement was taken."""
    waits_since_us: int | None = None
    """Since when there is too little traffic."""
    outcome: Outcome = Outcome.RUNNING
    told: str = ""
    """The last measurement in words."""


@attrs.frozen
class Subject:
    """What is judged: the version that takes over, beside the one in production, since a moment."""

    candidate: str
    stable: str | None
    since_us: int


def taken(check: MetricCheck, counts: Counts, subject: Subject, now_us: int, measured: Measured) -> Counts:
    """The counts after one more measurement, if one is due; a finished check stays as it is."""
    if counts.outcome not in (Outcome.RUNNING, Outcome.WAITING) or not _is_due(check, counts, subject, now_us):
        return counts
    try:
        value, samples = _read(check, subject, measured)
    except WatchkeeperError as error:
        return _after_error(check, counts, now_us, str(error))
    if samples < check.min_samples:
        return _after_silence(check, counts, now_us, f"{check.metric} has {samples} of {check.min_samples} rows")
    seen = attrs.evolve(counts, last_us=now_us, errors_in_a_row=0, waits_since_us=None, outcome=Outcome.RUNNING)
    if value.number is None:
        told = f"{check.metric} is undefined: {value.reason}"
        return _decided(check, attrs.evolve(seen, inconclusive=seen.inconclusive + 1, told=told))
    found = check.judged(value.number)
    told = f"{check.metric} is {value.number:.6g}: {found}"
    fields = {Outcome.SUCCESSFUL: "successful", Outcome.FAILED: "failed", Outcome.INCONCLUSIVE: "inconclusive"}
    field = fields[found]
    return _decided(check, attrs.evolve(seen, told=told, **{field: getattr(seen, field) + 1}))


def overall(checks: tuple[MetricCheck, ...], counts: tuple[Counts, ...]) -> Outcome:
    """What all checks that are obeyed come to: a failure decides, and only if all are successful it is a success."""
    outcomes = {count.outcome for check, count in zip(checks, counts, strict=True) if not check.is_dry_run}
    for decisive in (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.WAITING, Outcome.RUNNING):
        if decisive in outcomes:
            return decisive
    return Outcome.SUCCESSFUL


def _holds(condition: str, number: float) -> bool:
    found = _CONDITION.fullmatch(condition)
    assert found is not None, "checked when the check was made"  # noqa: S101 - the constructor has refused others
    return _OPERATORS[found[1]](number, float(found[2]))


def _is_due(check: MetricCheck, counts: Counts, subject: Subject, now_us: int) -> bool:
    if counts.last_us is None:
        return now_us - subject.since_us >= check.initial_delay_seconds * 1e6
    return now_us - counts.last_us >= check.interval_seconds * 1e6


def _read(check: MetricCheck, subject: Subject, measured: Measured) -> tuple[Value, int]:
    """The number to judge, and the rows behind it: the fewer of the two versions' where they are compared."""
    mine = measured(subject.candidate, check.metric, subject.since_us)
    if not check.against_stable or subject.stable is None:
        return mine, mine.samples
    other = measured(subject.stable, check.metric, subject.since_us)
    samples = min(mine.samples, other.samples)
    if mine.number is None or other.number is None:
        return (mine if mine.number is None else other), samples
    return Value.of(mine.number - other.number, samples=samples), samples


def _after_error(check: MetricCheck, counts: Counts, now_us: int, told: str) -> Counts:
    in_a_row = counts.errors_in_a_row + 1
    outcome = Outcome.ERROR if in_a_row > check.error_limit else Outcome.RUNNING
    return attrs.evolve(
        counts, errors=counts.errors + 1, errors_in_a_row=in_a_row, last_us=now_us, outcome=outcome, told=told
    )


def _after_silence(check: MetricCheck, counts: Counts, now_us: int, told: str) -> Counts:
    since = now_us if counts.waits_since_us is None else counts.waits_since_us
    deadline = check.traffic_deadline_seconds
    is_over = deadline is not None and now_us - since >= deadline * 1e6
    outcome = Outcome.INCONCLUSIVE if is_over else Outcome.WAITING
    return attrs.evolve(counts, last_us=now_us, waits_since_us=since, outcome=outcome, told=told, errors_in_a_row=0)


def _decided(check: MetricCheck, counts: Counts) -> Counts:
    if counts.failed > check.failure_limit:
        return attrs.evolve(counts, outcome=Outcome.FAILED)
    if counts.inconclusive > check.inconclusive_limit:
        return attrs.evolve(counts, outcome=Outcome.INCONCLUSIVE)
    return attrs.evolve(counts, outcome=Outcome.SUCCESSFUL) if counts.successful >= check.count else counts
