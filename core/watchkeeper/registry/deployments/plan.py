"""What a deployment shall do, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import attrs

from watchkeeper.domain.errors import UsageError

from .analysis import MetricCheck


class Strategy(StrEnum):
    """How the candidate meets the world."""

    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    SHADOW = "shadow"


class StepKind(StrEnum):
    """What a step does."""

    WEIGHT = "weight"
    """Give the candidate a share of the requests."""
    PAUSE = "pause"
    """Wait for a time, or for somebody."""
    ANALYSIS = "analysis"
    """Go on when the checks are successful, give up when they failed, wait for somebody otherwise."""
    PROMOTE = "promote"
    """Put the candidate into production."""


@attrs.frozen(kw_only=True)
class Step:
    """One step."""

    kind: StepKind
    weight: float = 0.0
    """0 to 1."""
    seconds: float | None = None
    """How long a pause lasts; None: until somebody resumes."""
    checks: tuple[MetricCheck, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise UsageError(f"a weight is {self.weight}; expected 0 to 1")
        if self.kind is StepKind.ANALYSIS and not self.checks:
            raise UsageError("an analysis has no checks: expected at least one")


@attrs.frozen(kw_only=True)
class Plan:
    """The steps, and the checks that go on beside them; make one with `canary`, `blue_green` or `shadow`."""

    strategy: Strategy
    steps: tuple[Step, ...]
    background: tuple[MetricCheck, ...] = ()
    """Go on from the first step to the last, also while somebody is waited for."""
    rollback_window: int = 3
    """A version that was in production so many versions ago goes back there without steps and analysis."""


def canary(
    weights: Sequence[float],
    checks: Sequence[MetricCheck] = (),
    *,
    pause_seconds: float | None = 600.0,
    background: Sequence[MetricCheck] = (),
) -> Plan:
    """Rising shares of the requests, each followed by a pause and the checks; at the end the candidate is promoted.

    Parameters
    ----------
    weights
        The shares in order, such as ``(0.05, 0.2, 0.5)``.
    pause_seconds
        None: until somebody resumes.
    """
    if not weights or list(weights) != sorted(set(weights)):
        raise UsageError(
            f"the weights of a canary are {list(weights)}; expected at least one, each above the one before"
        )
    steps: list[Step] = []
    for weight in weights:
        steps += [Step(kind=StepKind.WEIGHT, weight=weight), Step(kind=StepKind.PAUSE, seconds=pause_seconds)]
        steps += _analysis(checks)
    steps.append(Step(kind=StepKind.PROMOTE))
    return Plan(strategy=Strategy.CANARY, steps=tuple(steps), background=tuple(background))


def blue_green(
    before: Sequence[MetricCheck] = (),
    after: Sequence[MetricCheck] = (),
    *,
    needs_approval: bool = False,
    warm_seconds: float = 30.0,
) -> Plan:
    """The candidate is looked at beside production, then takes all requests at once, and is looked at again.

    Parameters
    ----------
    after
        When these fail, the version before comes back.
    warm_seconds
        How long the version before is kept loaded at the end, so that going back is a change of pointers.
    """
    steps = [*_analysis(before)]
    if needs_approval:
        steps.append(Step(kind=StepKind.PAUSE))
    steps += [Step(kind=StepKind.PROMOTE), *_analysis(after), Step(kind=StepKind.PAUSE, seconds=warm_seconds)]
    return Plan(strategy=Strategy.BLUE_GREEN, steps=tuple(steps))


def shadow(checks: Sequence[MetricCheck], *, seconds: float = 0.0) -> Plan:
    """The candidate sees every request and answers none; at the end it stays where it was, with what was found."""
    return Plan(strategy=Strategy.SHADOW, steps=(Step(kind=StepKind.PAUSE, seconds=seconds), *_analysis(checks)))


def _analysis(checks: Sequence[MetricCheck]) -> list[Step]:
    return [Step(kind=StepKind.ANALYSIS, checks=tuple(checks))] if checks else []
