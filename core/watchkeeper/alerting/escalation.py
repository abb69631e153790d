"""Escalation: who is told next when nobody acknowledges an alert.

A policy is copied into the alert when the alert fires, so that editing the policy changes what begins later and never
what is under way. Acknowledging pauses it, giving back resumes it with a full wait, resolving ends it. While an alert
comes and goes it is one escalation: a step that comes due in a lull is taken when the alert fires again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Namespace
from watchkeeper.domain.alert import Background
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.plain import background_of, measurement_of, plain_background, plain_measurement

COURSES: Final = Namespace("escalations", ("next_us",))
"""One document for each escalation under way, to find those that are due; what it is stands in the alert."""
MOST_REPEATS: Final = 20
LOOK_AGAIN_US: Final = 60_000_000
"""By so much a step is put off while news is held back."""


@attrs.frozen
class Step:
    """After `wait_us` without an acknowledgement, tell these."""

    wait_us: int
    """Microseconds since the alert was told, or since the step before."""
    receivers: tuple[str, ...]


@attrs.frozen
class Escalation:
    """A policy: its steps, in order, and how often they begin again.

    Raises
    ------
    ConfigError
        When there is no step, a step tells nobody, or a number is out of range.
    """

    name: str
    steps: tuple[Step, ...]
    repeats: int = 0
    """How many times the steps are gone through again when even the last has not helped; at most `MOST_REPEATS`."""

    def __attrs_post_init__(self) -> None:
        title = f"escalation {self.name!r}"
        if not self.steps:
            raise ConfigError(f"{title} has no steps; expected at least one, such as 15 minutes and a receiver")
        if not 0 <= self.repeats <= MOST_REPEATS:
            raise ConfigError(f"{title}: repeats: expected 0 to {MOST_REPEATS}, found {self.repeats}")
        for number, step in enumerate(self.steps, 1):
            if not step.receivers:
                raise ConfigError(f"{title}, step {number} tells nobody; expected the name of a notifier")
            if step.wait_us < 0:
                raise ConfigError(
                    f"{title}, step {number}: wait: expected at least 0, found {step.wait_us} microseconds"
                )
        if self.repeats and not any(step.wait_us for step in self.steps):
            raise ConfigError(f"{title} repeats without ever waiting; give one of its steps a wait")


@attrs.frozen
class Course:
    """An escalation under way."""

    policy: Escalation
    """As it was when it began."""
    next_us: int | None
    """When the next step is due; None while somebody has acknowledged the alert, or after the last step."""
    taken: int = 0
    """How many steps have been taken, over all rounds."""
    measurements: tuple[Measurement, ...] = ()
    """What led to the alert."""
    background: Background = attrs.field(factory=Background)
    """What was known of the model then."""
    since_us: int | None = None
    """Since when nobody has acknowledged the alert: since it was told, or given back; None: that was not kept."""

    @property
    def step(self) -> Step | None:
        """The step that comes next; None when all are taken."""
        rounds, at = divmod(self.taken, len(self.policy.steps))
        return self.policy.steps[at] if rounds <= self.policy.repeats else None

    @property
    def from_us(self) -> int | None:
        """From when on the wait for the next step counts; None when nothing is waited for.

        A step that was put off for a while has waited for longer.
        """
        if self.next_us is None or self.step is None:
            return None
        return self.next_us - max(self.step.wait_us, LOOK_AGAIN_US)

    @property
    def is_waiting(self) -> bool:
        """Whether a step will be taken if nothing happens."""
        return self.next_us is not None

    def paused(self) -> Course:
        """Somebody takes care of the alert."""
        return attrs.evolve(self, next_us=None)

    def resumed(self, now_us: int) -> Course:
        """Nobody takes care of it any more: the next step comes after its full wait."""
        return attrs.evolve(self, next_us=None if self.step is None else now_us + self.step.wait_us)

    def given_back(self, now_us: int) -> Course:
        """Nobody takes care of it any more, and when every step has been taken the last one comes once more."""
        again = attrs.evolve(self, since_us=now_us, taken=self.taken - int(self.step is None))
        return again.resumed(now_us)

    def gone_on(self, now_us: int) -> Course:
        """The alert fires again after a lull: a step that came due in it is due now."""
        return self if self.is_waiting or self.step is None else self.postponed(now_us)

    def advanced(self, now_us: int) -> Course:
        """One step has been taken."""
        return attrs.evolve(self, taken=self.taken + 1).resumed(now_us)

    def postponed(self, next_us: int | None) -> Course:
        """The next step comes later, because of a silence; None: when the alert fires again."""
        return attrs.evolve(self, next_us=next_us)

    def reason(self, now_us: int, changed_us: int) -> str:
        """Why somebody is told, in words; `changed_us` is when the alert's state changed last."""
        waited_us = max(0, now_us - (changed_us if self.since_us is None else self.since_us))
        total = len(self.policy.steps) * (self.policy.repeats + 1)
        return (
            f"nobody has acknowledged it for {_words(waited_us)}: "
            f"step {self.taken + 1} of {total} of escalation {self.policy.name}"
        )


def begun(policy: Escalation, measurements: tuple[Measurement, ...], now_us: int, background: Background) -> Course:
    """An escalation that begins now."""
    return Course(policy, None, 0, measurements, background, now_us).resumed(now_us)


def plain_course(course: Course) -> dict[str, Any]:
    """What JSON can hold of it."""
    return {
        "policy": {
            "name": course.policy.name,
            "repeats": course.policy.repeats,
            "steps": [{"wait_us": step.wait_us, "receivers": list(step.receivers)} for step in course.policy.steps],
        },
        "next_us": course.next_us,
        "taken": course.taken,
        "since_us": course.since_us,
        "measurements": [plain_measurement(found) for found in course.measurements],
        "background": plain_background(course.background),
    }


def course_of(plain: Mapping[str, Any]) -> Course:
    """What `plain_course` wrote."""
    policy = plain["policy"]
    steps = tuple(Step(step["wait_us"], tuple(step["receivers"])) for step in policy["steps"])
    measurements = tuple(measurement_of(found) for found in plain["measurements"])
    copied = Escalation(policy["name"], steps, policy["repeats"])
    background = background_of(plain.get("background", {}))
    return Course(copied, plain["next_us"], plain["taken"], measurements, background, plain.get("since_us"))


def _words(duration_us: int) -> str:
    minutes = round(duration_us / 60_000_000)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
