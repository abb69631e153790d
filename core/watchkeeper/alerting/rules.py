"""A rule: a condition over measurements, and what happens when it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from watchkeeper.domain.alert import NoData, Severity
from watchkeeper.domain.errors import ConfigError

from .condition import Condition
from .escalation import Escalation

if TYPE_CHECKING:
    from .outcome import Outcome
    from .summaries import Text


NAMED: Final = ("rule", "model", "version", "severity")
"""What matchers call by these names is no label."""


def _distinct(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


@attrs.frozen(kw_only=True, eq=False)
class Rule:
    """A condition over measurements, and what happens when it holds.

    Raises
    ------
    ConfigError
        When a number is out of range.
    """

    name: str
    condition: Condition
    for_checks: int = 1
    """How many checks in a row must find it true, at least 1."""
    for_us: int = 0
    """How long it must have been true, in microseconds; both must be fulfilled."""
    severity: Severity = attrs.field(default=Severity.WARNING, converter=Severity)
    receivers: tuple[str, ...] = ()
    """Names of notifiers."""
    models: frozenset[str] | None = attrs.field(default=None, converter=_distinct)
    """Only these; every model when None."""
    summary: Callable[[Outcome], str] | None = None
    """The alert's own words, such as those of `summaries.summary_of`; must not raise. None: what was found."""
    next_step: Text | str = ""
    link: Text | str | None = None
    """Where the run book is."""
    cooldown_us: int = 0
    """The least time between two notifications that the same alert has begun to fire."""
    no_data: NoData = attrs.field(default=NoData.KEEP, converter=NoData)
    silence_us: int = 0
    """It holds, too, when nothing at all could be measured of a model for so long, in microseconds; 0: never."""
    labels: Mapping[str, str] = attrs.field(factory=dict)
    """What all its alerts carry along, such as ``team``: for matchers, groups and texts; no part of their identity."""
    each: tuple[str, ...] = ()
    """Labels by which it raises alerts apart, such as ``feature``; without them it raises one alert for a model."""
    recover: Condition | None = None
    """What must be true before it resolves; when None, that the condition is no longer true."""
    keep_firing_us: int = 0
    """How long it must be over before it resolves."""
    repeat_us: int = 0
    """Tell again so long after the last notification while it fires and nobody has acknowledged it; 0: never."""
    escalation: Escalation | None = None
    """Who is told next when nobody acknowledges it."""
    tells_resolved: bool = True
    """Whether receivers that were told of the firing are told of its end."""
    tells_acknowledged: bool = False
    """Whether receivers that were told of the firing are told who takes care of it."""

    def __attrs_post_init__(self) -> None:
        if self.for_checks < 1:
            raise ConfigError(f"rule {self.name!r}: for_checks: expected at least 1, found {self.for_checks}")
        if clash := set(self.labels) & {*self.each, *NAMED}:
            told = "every alert has one anyway; choose another name"
            raise ConfigError(*(f"no label can be called {label!r}: {told}" for label in sorted(clash)))
        for name in ("for_us", "cooldown_us", "keep_firing_us", "repeat_us", "silence_us"):
            if getattr(self, name) < 0:
                raise ConfigError(f"rule {self.name!r}: {name}: expected at least 0, found {getattr(self, name)}")

    def watches(self, model: str) -> bool:
        """Whether it is about that model."""
        return self.models is None or model in self.models
