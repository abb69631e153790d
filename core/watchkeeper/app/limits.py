"""What measurements are held against by rules and by thresholds of health, and what rules say should be done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from watchkeeper.domain.alert import Alert
from watchkeeper.domain.health import Worse
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.verdict import Finding
from watchkeeper.monitor.page.lines import Limit
from watchkeeper.monitor.result import CheckResult

from .assembly import Systems


def limits_of(systems: Systems, model: str) -> dict[str, tuple[Limit, ...]]:
    """By a measurement's name: the numbers that rules and health compare it with, of the window as a whole."""
    found: dict[str, list[Limit]] = {}
    for name, limit in [*_of_rules(systems, model), *_of_health(systems, model)]:
        found.setdefault(name, []).append(limit)
    return {name: tuple(limits) for name, limits in found.items()}


def told_with_rules(systems: Systems, result: CheckResult, alerts: Sequence[Alert] = ()) -> CheckResult:
    """The result: what rules and alerts say comes first among what is as bad, with what they say should be done.

    Parameters
    ----------
    alerts
        Those that are open, for the words of rules that speak of their alert.
    """
    steps = _steps(systems, result.model, result.measurements, alerts)
    first: list[Finding] = []
    rest: list[Finding] = []
    for finding in result.verdict.findings:
        if finding.subject in steps and not finding.measurements:
            first.append(attrs.evolve(finding, next_step=steps[finding.subject]))
        else:
            rest.append(finding)
    return attrs.evolve(result, verdict=attrs.evolve(result.verdict, findings=(*first, *rest)))


def _steps(
    systems: Systems, model: str, measurements: Sequence[Measurement], alerts: Sequence[Alert]
) -> dict[str, str]:
    """By rule what it says should be done; "" where it says nothing."""
    by_rule = {alert.rule: alert for alert in alerts}
    found = {}
    for rule in systems.alerting.rules_for(model):
        step = rule.next_step
        if not isinstance(step, str):
            alert = by_rule.get(rule.name)
            step = "" if alert is None else step.beside(None, alert, measurements)
        found[rule.name] = step
    return found


def _of_rules(systems: Systems, model: str) -> Iterator[tuple[str, Limit]]:
    for rule in systems.alerting.rules_for(model):
        for threshold in rule.condition.thresholds:
            series = rule.condition.series[threshold.series]
            if series.detail is None and not series.labels:
                yield series.name, Limit(threshold.number, f"rule {rule.name}: {threshold}")


def _of_health(systems: Systems, model: str) -> Iterator[tuple[str, Limit]]:
    for name, edges in systems.models.watched(model).health.items():
        side = "below" if edges.worse is Worse.LOWER else "above"
        for look, edge in (("warn", edges.warn), ("alert", edges.alert)):
            if edge is not None:
                yield name, Limit(edge, f"health: {look.upper()} {side} {edge:g}", look)
