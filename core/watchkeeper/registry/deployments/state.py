"""A deployment as it is kept: where it stands, why, and what it has seen."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final

import attrs
from cattrs import Converter

from watchkeeper.contracts.storage import Document, Namespace, Put, Scalar

from .analysis import Counts
from .plan import Plan, Step, StepKind, Strategy
from .weights import Arm, WeightTable

DEPLOYMENTS: Final = Namespace("deployments", ("model", "is_open", "candidate", "stable"))
TABLES: Final = Namespace("weight-tables")
_MOST_EVENTS: Final = 200


class Phase(StrEnum):
    """How a deployment is."""

    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    ABORTED = "aborted"

    @property
    def is_open(self) -> bool:
        """Whether it can still go on."""
        return self in (Phase.RUNNING, Phase.PAUSED)


class Pause(StrEnum):
    """Why it waits."""

    APPROVAL = "approval"
    """The plan says that somebody must resume it."""
    PERSON = "person"
    """Somebody paused it."""
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    INSUFFICIENT_TRAFFIC = "insufficient_traffic"
    """It goes on by itself when there is more."""
    GUARD = "guard"
    """A check, an approval or a signature for production is missing."""
    ROLLBACK = "rollback"
    """It should have gone back, and the version before cannot be loaded."""


@attrs.frozen(kw_only=True)
class Deployment:
    """One deployment; every change is a commit."""

    model: str
    number: int
    """Counts from 1 for each model."""
    candidate: str
    stable: str | None
    """The version in production when it began, None for none."""
    plan: Plan
    salt: str
    started_us: int
    started_by: str
    phase: Phase = Phase.RUNNING
    pause: Pause | None = None
    reason: str = ""
    at: int = 0
    """The step that is under way, counting from 0; the number of steps when all are done."""
    step_us: int = 0
    """When that step began."""
    weight: float = 0.0
    """The candidate's share of the requests now."""
    is_promoted: bool = False
    goes_back: bool = False
    """Whether the version before must be put back into production: decided, perhaps not done yet."""
    counts: tuple[Counts, ...] = ()
    """Of the checks of the step under way."""
    background: tuple[Counts, ...] = ()
    events: tuple[str, ...] = ()
    """What happened, in words, oldest first; the last 200."""

    @property
    def key(self) -> str:
        """``momentum/7``."""
        return f"{self.model}/{self.number}"

    @property
    def step(self) -> Step | None:
        """The step that is under way."""
        return self.plan.steps[self.at] if self.at < len(self.plan.steps) else None

    def noted(self, event: str, **changes: Any) -> Deployment:
        """With an event, and the fields that it changes."""
        return attrs.evolve(self, events=(*self.events, event)[-_MOST_EVENTS:], **changes)

    def at_step(self, at: int, now_us: int) -> Deployment:
        """At the beginning of a step, with its checks not begun."""
        step = self.plan.steps[at] if at < len(self.plan.steps) else None
        counts = tuple(Counts() for _ in step.checks) if step is not None and step.kind is StepKind.ANALYSIS else ()
        return attrs.evolve(self, at=at, step_us=now_us, counts=counts)

    def table(self, version: int) -> WeightTable:
        """Who answers while it is so."""
        salt = self.salt
        live = self.candidate if self.is_promoted or self.stable is None else self.stable
        if not self.phase.is_open:
            live = self.candidate if self.is_promoted else (self.stable or self.candidate)
            return WeightTable(self.model, version, (Arm(live, 1.0),), salt)
        if self.plan.strategy is Strategy.SHADOW:
            return WeightTable(self.model, version, (Arm(live, 1.0),), salt, shadow=self.candidate)
        if self.is_promoted or self.stable is None or not self.weight:
            return WeightTable(self.model, version, (Arm(live, 1.0),), salt)
        arms = (Arm(self.candidate, self.weight), Arm(self.stable, 1.0 - self.weight))
        return WeightTable(self.model, version, arms, salt)


def deployment_put(deployment: Deployment, *, expect: int) -> Put:
    """The operation that stores it."""
    index: dict[str, Scalar] = {
        "model": deployment.model,
        "is_open": int(deployment.phase.is_open),
        "candidate": deployment.candidate,
        "stable": deployment.stable,
    }
    return Put(DEPLOYMENTS, deployment.key, _converter().unstructure(deployment), index, expect)


def deployment_of(document: Document) -> Deployment:
    """The deployment in a document."""
    return _converter().structure(document.value, Deployment)


def plan_of(value: Mapping[str, Any]) -> Plan:
    """The plan in what JSON gives."""
    return _converter().structure(value, Plan)


def table_put(table: WeightTable, *, expect: int) -> Put:
    """The operation that publishes a table."""
    return Put(TABLES, table.model, attrs.asdict(table), {}, expect)


def table_of(document: Document) -> WeightTable:
    """The table in a document."""
    return _converter().structure(document.value, WeightTable)


@cache
def _converter() -> Converter:
    return Converter(forbid_extra_keys=True)
