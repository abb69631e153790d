"""Who is told when, and when not, as the configuration says it: escalations, inhibitions, maintenance and limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

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

T = TypeVar("T")


def escalation_of(config: Config, name: str | None) -> Escalation | None:
    """The escalation of that name; None for none."""
    if name is None:
        return None
    found = config.escalations[name]
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


def limits_of(config: Config) -> dict[str, Limit]:
    """By notifier, how much it is told."""
    return {name: Limit(found.per_minute, found.burst) for name, found in config.limits.items()}


def inhibitions_of(loaded: LoadedConfig) -> tuple[Inhibition, ...]:
    """Which alerts explain others; a ConfigError names the place of each matcher that is none."""
    problems: list[str] = []
    made: list[Inhibition] = []
    for name, found in loaded.config.inhibitions.items():
        with placed(loaded, problems, "inhibitions", name, "source"):
            source = _matchers(found.source)
            with placed(loaded, problems, "inhibitions", name, "target"):
                made.append(Inhibition(source, _matchers(found.target), found.equal))
    return _all_or_error(made, problems)


def windows_of(loaded: LoadedConfig) -> tuple[MaintenanceWindow, ...]:
    """Times in which nobody is told; a ConfigError names the place of each that cannot be."""
    problems: list[str] = []
    made: list[MaintenanceWindow] = []
    for name, found in loaded.config.maintenance.items():
        with placed(loaded, problems, "maintenance", name, "matchers"):
            matchers = _matchers(found.matchers)
            with placed(loaded, problems, "maintenance", name):
                made.append(MaintenanceWindow(name, found.begins, found.lasts.us, matchers, found.timezone))
    return _all_or_error(made, problems)


@contextmanager
def placed(loaded: LoadedConfig, problems: list[str], *path: str) -> Iterator[None]:
    """What is refused inside becomes problems that begin with the place of that value in the file."""
    try:
        yield
    except ConfigError as error:
        problems += [f"{loaded.origin(*path)}: {'.'.join(path)}: {problem}" for problem in error.problems]
    except UsageError as error:
        problems.append(f"{loaded.origin(*path)}: {'.'.join(path)}: {error}")


def _matchers(texts: Iterable[str]) -> tuple[Matcher, ...]:
    return tuple(Matcher.parse(text) for text in texts)


def _all_or_error(made: list[T], problems: list[str]) -> tuple[T, ...]:
    if problems:
        raise ConfigError(*problems)
    return tuple(made)
