"""A verdict: OK, WARN, ALERT or UNKNOWN, with the measurements that led to it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import attrs

from .measurement import Measurement


class Status(StrEnum):
    """How something is. UNKNOWN is a status of its own: silence is not health."""

    OK = "OK"
    WARN = "WARN"
    ALERT = "ALERT"
    UNKNOWN = "UNKNOWN"


_WORST_FIRST = (Status.ALERT, Status.UNKNOWN, Status.WARN, Status.OK)


def worst(statuses: Iterable[Status]) -> Status:
    """The most serious of them; UNKNOWN when there are none."""
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), Status.UNKNOWN)


@attrs.frozen
class Finding:
    """One judged thing: its status, a sentence a person can act on, and the measurements behind it."""

    status: Status
    subject: str
    """What was judged: a feature, a metric, a rule."""
    sentence: str
    measurements: tuple[Measurement, ...] = ()
    is_accumulated: bool = False
    """Whether it rests on evidence gathered over many windows, which holds however few rows this one has."""
    is_judged: bool = True
    """Whether it was held against anything; a number without a limit is told, and OK means no more than that."""
    next_step: str = ""
    """What a rule says should be done about it."""


@attrs.frozen
class Failure:
    """A plugin failed at run time: its name and what it said. The others went on."""

    plugin: str
    """``kind.name``."""
    error: str
    """``TypeName: message``."""
    subject: str = ""
    """What it was working on."""


@attrs.frozen
class Verdict:
    """How a model is, in one window, and why."""

    status: Status
    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def sentence(self) -> str:
        """The most serious finding in words."""
        if not self.findings:
            return "nothing was judged"
        return min(self.findings, key=lambda finding: _WORST_FIRST.index(finding.status)).sentence
