"""Why nobody is told about an alert now: a silence, a maintenance window, or another alert that explains it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert, AlertState
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.window import iso_time

from .maintenance import MaintenanceWindow
from .matching import Matcher, fits_all, label_of
from .silences import Silence

_SPEAKING: Final = frozenset({AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RECOVERING})


@attrs.frozen
class Inhibition:
    """While an alert fires that fits `source`, nobody is told about those that fit `target` and have equal labels.

    An alert that fits both sides is not inhibited by another that fits both, so that no two silence each other.

    Raises
    ------
    ConfigError
        When a side has no matcher, or nothing must be equal.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ("model",)
    """Labels that both must have, and the same; unlike Alertmanager's, where two without a label have it equal."""

    def __attrs_post_init__(self) -> None:
        if not self.source or not self.target:
            raise ConfigError("an inhibition needs matchers for its source and for its target, such as rule=no-data")
        if not self.equal:
            raise ConfigError("an inhibition needs labels that are equal in both alerts, such as model")

    def inhibits(self, source: Alert, target: Alert) -> bool:
        """Whether `source` explains `target`."""
        if source.fingerprint == target.fingerprint or source.state not in _SPEAKING:
            return False
        if not (fits_all(self.source, source) and fits_all(self.target, target)):
            return False
        if fits_all(self.target, source) and fits_all(self.source, target):
            return False
        return all(label_of(source, label) == label_of(target, label) != "" for label in self.equal)


@attrs.frozen
class Held:
    """Why news is held back."""

    reason: str
    """In words."""
    until_us: int | None
    """Until when; None while another alert fires."""
    may_end_early: bool = True
    """Whether it may end before, which then is said; a maintenance window does not."""


@attrs.frozen(eq=False)
class Muting:
    """What holds back news at one moment."""

    silences: Sequence[Silence] = ()
    windows: Sequence[tuple[MaintenanceWindow, int]] = ()
    """Maintenance windows that are open, and when they end."""
    inhibitions: Sequence[Inhibition] = ()
    alerts: Sequence[Alert] = ()
    """Alerts that may explain others."""

    def held(self, alert: Alert) -> Held | None:
        """Why nobody is told about it now, and how long; None when somebody may be."""
        for silence in self.silences:
            if silence.covers(alert):
                reason = f"silenced by {silence.by} until {iso_time(silence.ends_us)}: {silence.comment}"
                return Held(reason, silence.ends_us)
        for window, ends_us in self.windows:
            if window.covers(alert):
                return Held(
                    f"in the maintenance window {window.name} until {iso_time(ends_us)}", ends_us, may_end_early=False
                )
        for inhibition in self.inhibitions:
            for source in self.alerts:
                if inhibition.inhibits(source, alert) and not self._is_turned_round(source, alert):
                    return Held(f"explained by {source.rule} ({source.fingerprint[:8]})", None)
        return None

    def _is_turned_round(self, source: Alert, alert: Alert) -> bool:
        """Whether `alert` explains `source`, too, and comes first: of alerts that explain each other one is told."""
        return _order(alert) < _order(source) and source.fingerprint in self._explained_by(alert)

    def _explained_by(self, alert: Alert) -> set[str]:
        """The fingerprints of the sources that it explains, by way of others too."""
        found: set[str] = set()
        ways = [alert.fingerprint]
        while ways:
            new = self._explains.get(ways.pop(), frozenset()) - found
            found |= new
            ways += new
        return found

    @cached_property
    def _explains(self) -> dict[str, frozenset[str]]:
        """By the fingerprint of each source that may be explained itself, the others of this kind that it explains."""
        both = [one for one in self.alerts if any(fits_all(inhibition.target, one) for inhibition in self.inhibitions)]
        return {
            source.fingerprint: frozenset(
                target.fingerprint
                for target in both
                if any(inhibition.inhibits(source, target) for inhibition in self.inhibitions)
            )
            for source in both
        }


def _order(alert: Alert) -> tuple[int, int, str]:
    """Who comes first of those that explain each other: the most severe, the oldest."""
    return (-alert.severity.rank, alert.since_us, alert.fingerprint)


def has_ended(inhibitions: Iterable[Inhibition], before: Alert, after: Alert | None) -> bool:
    """Whether an alert may have explained others and does not any more."""
    if before.state not in _SPEAKING or (after is not None and after.state in _SPEAKING):
        return False
    return any(fits_all(inhibition.source, before) for inhibition in inhibitions)


def has_targets(inhibitions: Iterable[Inhibition], alerts: Iterable[Alert]) -> bool:
    """Whether one of these alerts fires and could be explained by another."""
    firing = [alert for alert in alerts if alert.state is AlertState.FIRING]
    return any(fits_all(inhibition.target, alert) for inhibition in inhibitions for alert in firing)


def possible_sources(inhibitions: Iterable[Inhibition], alerts: Iterable[Alert]) -> list[Alert]:
    """Alerts that fit the source of at least one inhibition: all that `Muting` must look at."""
    wanted = list(inhibitions)
    return [alert for alert in alerts if any(fits_all(inhibition.source, alert) for inhibition in wanted)]
