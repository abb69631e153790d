"""Alerts counted by what they are about: the way to look at thousands of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert, AlertState, Severity

from .matching import label_of

_STATES: Final = tuple(AlertState)
_WORST_FIRST: Final = tuple(reversed(Severity))
_NAMES: Final = {severity: severity.value for severity in Severity}


@attrs.frozen
class AlertGroup:
    """Alerts that have the same values of some labels."""

    labels: Mapping[str, str]
    """The labels by which they were put together; a value is "" where an alert does not have the label."""
    count: int
    severity: Severity
    """The worst among them."""
    states: Mapping[AlertState, int]
    """How many are in each state."""
    since_us: int
    """Since when the oldest of them holds."""


def grouped(alerts: Iterable[Alert], by: tuple[str, ...] = ("model",)) -> tuple[AlertGroup, ...]:
    """The alerts in groups, the most severe first, then the largest. O(n) for n alerts.

    Parameters
    ----------
    by
        ``rule``, ``model``, ``version``, ``severity``, or labels that alerts have, such as ``feature``.
    """
    members: dict[tuple[str, ...], list[Alert]] = defaultdict(list)
    every = list(alerts)
    values = zip(*(_values(every, label) for label in by), strict=True) if by else [()] * len(every)
    for key, alert in zip(values, every, strict=True):
        members[key].append(alert)
    groups = [_group(dict(zip(by, values, strict=True)), found) for values, found in members.items()]
    return tuple(sorted(groups, key=lambda group: (-group.severity.rank, -group.count, *group.labels.values())))


def _values(alerts: Sequence[Alert], label: str) -> list[str]:
    """What each alert has under that label."""
    if label in {"model", "rule"}:
        return list(map(attrgetter(label), alerts))
    if label == "severity":
        return [_NAMES[alert.severity] for alert in alerts]
    return [label_of(alert, label) for alert in alerts]


def _group(labels: Mapping[str, str], alerts: list[Alert]) -> AlertGroup:
    states = [alert.state for alert in alerts]
    severities = {alert.severity for alert in alerts}
    there = set(states)
    return AlertGroup(
        labels=labels,
        count=len(alerts),
        severity=next(one for one in _WORST_FIRST if one in severities),
        states={state: states.count(state) for state in _STATES if state in there},
        since_us=min([alert.since_us for alert in alerts]),
    )
