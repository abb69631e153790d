"""What a deployment does next: a pure function of its state, the time, and what is measured."""

from __future__ import annotations

from enum import StrEnum

import attrs

from .analysis import Counts, Measured, MetricCheck, Outcome, Subject, overall, taken
from .plan import StepKind
from .state import Deployment, Pause, Phase


class Effect(StrEnum):
    """What must be done to the registry before the deployment can go on."""

    PROMOTE = "promote"
    ROLL_BACK = "roll back"


def advanced(deployment: Deployment, now_us: int, measured: Measured) -> tuple[Deployment, Effect | None]:
    """The deployment as far as it comes now, and what it needs done; finished ones stay as they are.

    Weights are set, pauses end, analyses take the measurements that are due. A failure gives up at once: the weight is
    0 in the state that is returned, or the effect is to roll back when the candidate was promoted already.
    """
    if not deployment.phase.is_open:
        return deployment, None
    if deployment.goes_back:
        return deployment, Effect.ROLL_BACK if deployment.phase is Phase.RUNNING else None
    deployment, effect = _watched(deployment, now_us, measured)
    if effect is not None or not deployment.phase.is_open:
        return deployment, effect
    if deployment.phase is Phase.PAUSED and deployment.pause is Pause.INSUFFICIENT_TRAFFIC:
        deployment = attrs.evolve(deployment, phase=Phase.RUNNING, pause=None, reason="")
    while deployment.phase is Phase.RUNNING:
        after, effect = _stepped(deployment, now_us, measured)
        if effect is not None:
            return after, effect
        if after.at == deployment.at and after.phase is Phase.RUNNING:
            return after, None
        deployment = after
    return deployment, None


def given_up(deployment: Deployment, reason: str, now_us: int) -> tuple[Deployment, Effect | None]:
    """The weight is 0 at once; a candidate that was promoted already must be rolled back."""
    if deployment.is_promoted and deployment.stable is not None:
        back = deployment.noted(f"goes back: {reason}", phase=Phase.RUNNING, pause=None, reason=reason, goes_back=True)
        return attrs.evolve(back, step_us=now_us), Effect.ROLL_BACK
    return deployment.noted(f"given up: {reason}", phase=Phase.ABORTED, pause=None, reason=reason, weight=0.0), None


def paused(deployment: Deployment, pause: Pause, reason: str) -> Deployment:
    """Waiting, with the reason; the weight stays."""
    told = f"paused: {reason}" if reason else "paused by hand"
    return deployment.noted(told, phase=Phase.PAUSED, pause=pause, reason=reason)


def resumed(deployment: Deployment, now_us: int) -> Deployment:
    """Going on: past a pause of the plan, and from the beginning of an analysis that came to nothing."""
    step = deployment.step
    if deployment.goes_back:
        return deployment.noted("resumed", phase=Phase.RUNNING, pause=None)
    running = deployment.noted("resumed", phase=Phase.RUNNING, pause=None, reason="")
    if step is not None and step.kind is StepKind.PAUSE and deployment.pause is Pause.APPROVAL:
        return running.at_step(deployment.at + 1, now_us)
    # what was inconclusive beside the steps is judged anew as well, or it would pause again at once
    begun = tuple(
        Counts() if count.outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR) else count for count in deployment.background
    )
    fresh = running if deployment.pause is Pause.PERSON else running.at_step(deployment.at, now_us)
    return attrs.evolve(fresh, background=begun)


def promoted(deployment: Deployment, now_us: int) -> Deployment:
    """After the candidate was put into production."""
    on = deployment.noted(f"{deployment.candidate} is in production", is_promoted=True, weight=1.0)
    return _finished(on.at_step(deployment.at + 1, now_us))


def rolled_back(deployment: Deployment) -> Deployment:
    """After the version before was put back."""
    return deployment.noted(
        f"{deployment.stable} is in production again",
        phase=Phase.ABORTED,
        pause=None,
        weight=0.0,
        is_promoted=False,
        goes_back=False,
    )


def to_promotion(deployment: Deployment, now_us: int) -> Deployment:
    """Past everything before the promotion, because somebody wants it so."""
    steps = deployment.plan.steps
    at = next((place for place, step in enumerate(steps) if step.kind is StepKind.PROMOTE), len(steps))
    ready = tuple(attrs.evolve(count, outcome=Outcome.SUCCESSFUL) for count in deployment.background)
    skipped = deployment.noted("promoted by hand", phase=Phase.RUNNING, pause=None, reason="", background=ready)
    return skipped if deployment.is_promoted else skipped.at_step(max(at, deployment.at), now_us)


def _watched(deployment: Deployment, now_us: int, measured: Measured) -> tuple[Deployment, Effect | None]:
    """The checks beside the steps; they go on while somebody is waited for."""
    checks = deployment.plan.background
    if not checks:
        return deployment, None
    counts = _taken(checks, deployment.background, _subject(deployment, deployment.started_us), now_us, measured)
    deployment = attrs.evolve(deployment, background=counts)
    outcome = overall(checks, counts)
    if outcome is Outcome.FAILED:
        return given_up(deployment, _why(checks, counts, outcome), now_us)
    if deployment.phase is Phase.RUNNING and outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR):
        return paused(deployment, Pause(outcome.value), _why(checks, counts, outcome)), None
    return deployment, None


def _stepped(deployment: Deployment, now_us: int, measured: Measured) -> tuple[Deployment, Effect | None]:
    step = deployment.step
    if step is None:
        return _finished(deployment), None
    if step.kind is StepKind.WEIGHT:
        told = f"{step.weight:.4g} of the requests go to {deployment.candidate}"
        return deployment.noted(told, weight=step.weight).at_step(deployment.at + 1, now_us), None
    if step.kind is StepKind.PAUSE:
        if step.seconds is None:
            return paused(deployment, Pause.APPROVAL, "somebody must resume it"), None
        is_over = now_us - deployment.step_us >= step.seconds * 1e6
        return (deployment.at_step(deployment.at + 1, now_us) if is_over else deployment), None
    if step.kind is StepKind.PROMOTE:
        is_ready = overall(deployment.plan.background, deployment.background) is Outcome.SUCCESSFUL
        return deployment, Effect.PROMOTE if is_ready else None
    return _analysed(deployment, step.checks, now_us, measured)


def _analysed(
    deployment: Deployment, checks: tuple[MetricCheck, ...], now_us: int, measured: Measured
) -> tuple[Deployment, Effect | None]:
    counts = _taken(checks, deployment.counts, _subject(deployment, deployment.step_us), now_us, measured)
    after = attrs.evolve(deployment, counts=counts)
    outcome = overall(checks, counts)
    why = _why(checks, counts, outcome)
    if outcome is Outcome.FAILED:
        return given_up(after, why, now_us)
    if outcome is Outcome.SUCCESSFUL:
        return after.noted(f"analysis successful: {why}").at_step(after.at + 1, now_us), None
    if outcome is Outcome.WAITING:
        # no event for each round of waiting
        return attrs.evolve(after, phase=Phase.PAUSED, pause=Pause.INSUFFICIENT_TRAFFIC, reason=why), None
    if outcome in (Outcome.INCONCLUSIVE, Outcome.ERROR):
        return paused(after, Pause(outcome.value), why), None
    return after, None


def _taken(
    checks: tuple[MetricCheck, ...], counts: tuple[Counts, ...], subject: Subject, now_us: int, measured: Measured
) -> tuple[Counts, ...]:
    return tuple(taken(check, count, subject, now_us, measured) for check, count in zip(checks, counts, strict=True))


def _subject(deployment: Deployment, since_us: int) -> Subject:
    return Subject(deployment.candidate, deployment.stable, since_us)


def _why(checks: tuple[MetricCheck, ...], counts: tuple[Counts, ...], outcome: Outcome) -> str:
    told = [
        count.told
        for check, count in zip(checks, counts, strict=True)
        if count.outcome is outcome and not check.is_dry_run
    ]
    return "; ".join(told)


def _finished(deployment: Deployment) -> Deployment:
    if deployment.step is not None:
        return deployment
    return deployment.noted("succeeded", phase=Phase.SUCCEEDED, pause=None, reason="")
