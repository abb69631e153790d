"""Who is told when, and when not, as the configuration says it: escalations, inhibitions, maintenance and limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import attrs

from watchkeeper.alerting.escalation import Escalation, Step
from watchkeeper.alerting.grouping import Grouping
from watchkeeper.alerting.limits import Limit
from watchkeeper.alerting.maintenance import MaintenanceWindow
from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.muting import Inhibition
from watchkeeper.alerting.rules import Rule
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.schema import Config
from watchkeeper.domain.alert import Severity
from watchkeeper.domain.errors import ConfigError, UsageError

from .alert_labels import AlertLabels

T = TypeVar("T")
_MIDNIGHT: Final = "0 0 * * *"


def escalation_of(config: Config, name: str | None) -> Escalation | None:
    """The escalation of that name; None for none, and for one that was left out as it could not be understood."""
    found = None if name is None else config.escalations.get(name)
    if name is None or found is None:
        return None
    return Escalation(name, tuple(Step(step.wait.us, step.notify) for step in found.steps), found.repeats)


def with_escalations(loaded: LoadedConfig, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules with the escalations of their severities, where they have none of their own and tell somebody.

    Raises
    ------
    ConfigError
        When two escalations are for the same severity, with the place of the second.
    """
    problems: list[str] = []
    names: dict[Severity, str] = {}
    for name, found in loaded.config.escalations.items():
        for severity in found.severities:
            with placed(loaded, problems, "escalations", name, "severities"):
                if severity in names:
                    raise UsageError(f"{severity} alerts have the escalation {names[severity]!r} already; expected one")
                names[severity] = name
    _all_or_error([], problems)
    return tuple(
        attrs.evolve(rule, escalation=escalation_of(loaded.config, names.get(rule.severity)))
        if rule.escalation is None and rule.receivers
        else rule
        for rule in rules
    )


def grouping_of(config: Config) -> Grouping | None:
    """How alerts are told together; None when each is told by itself."""
    found = config.grouping
    if not found.by:
        return None
    return Grouping(found.by, found.wait.us if found.wait else 0, found.interval.us if found.interval else 0)


def check_groups(loaded: LoadedConfig) -> None:
    """Pass, or a ConfigError with the place of the labels by which alerts are grouped and that none can have."""
    problems: list[str] = []
    with placed(loaded, problems, "grouping", "by"):
        AlertLabels.of(loaded).require(loaded.config.grouping.by)
    _all_or_error([], problems)


def limits_of(config: Config) -> dict[str, Limit]:
    """By notifier, how much it is told."""
    return {name: Limit(found.per_minute, found.burst) for name, found in config.limits.items()}


def inhibitions_of(loaded: LoadedConfig) -> tuple[Inhibition, ...]:
    """Which alerts explain others; a ConfigError names the place of each matcher that is none."""
    problems: list[str] = []
    made: list[Inhibition] = []
    known = AlertLabels.of(loaded)
    for name, found in loaded.config.inhibitions.items():
        with placed(loaded, problems, "inhibitions", name, "equal"):
            known.require(found.equal)
        with placed(loaded, problems, "inhibitions", name, "target"):
            known.matchers(found.target)
        with placed(loaded, problems, "inhibitions", name, "source"):
            source = known.matchers(found.source)
            if not problems:
                made.append(Inhibition(source, known.matchers(found.target), found.equal))
    return _all_or_error(made, problems)


def windows_of(loaded: LoadedConfig) -> tuple[MaintenanceWindow, ...]:
    """Times in which nobody is told; a ConfigError names the place of each that cannot be."""
    problems: list[str] = []
    made: list[MaintenanceWindow] = []
    known = AlertLabels.of(loaded)
    for name, found in loaded.config.maintenance.items():
        matchers: tuple[Matcher, ...] = (Matcher("model", "*"),)
        with placed(loaded, problems, "maintenance", name, "matchers"):
            matchers = known.matchers(found.matchers)
        for key, cron, zone in (("timezone", _MIDNIGHT, found.timezone), ("begins", found.begins, "UTC")):
            with placed(loaded, problems, "maintenance", name, key), _without_title(name):
                MaintenanceWindow(name, cron, found.lasts.us, matchers, zone)
        if not problems:
            made.append(MaintenanceWindow(name, found.begins, found.lasts.us, matchers, found.timezone))
    return _all_or_error(made, problems)


@contextmanager
def _without_title(name: str) -> Iterator[None]:
    """What a window says of itself without its name, which the place in the file tells."""
    try:
        yield
    except ConfigError as error:
        title = f"maintenance window {name!r}: "
        raise ConfigError(*(told.removeprefix(title) for told in error.problems)) from None


@contextmanager
def placed(loaded: LoadedConfig, problems: list[str], *path: str) -> Iterator[None]:
    """What is refused inside becomes problems that begin with the place of that value in the file."""
    try:
        yield
    except ConfigError as error:
        problems += [f"{loaded.origin(*path)}: {'.'.join(path)}: {problem}" for problem in error.problems]
    except UsageError as error:
        problems.append(f"{loaded.origin(*path)}: {'.'.join(path)}: {error}")


def _all_or_error(made: list[T], problems: list[str]) -> tuple[T, ...]:
    if problems:
        raise ConfigError(*problems)
    return tuple(made)
