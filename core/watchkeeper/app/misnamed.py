"""Features that a rule names and that no model of it has, where only the references tell which features there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from watchkeeper.alerting.condition import Condition
from watchkeeper.alerting.rules import Rule
from watchkeeper.config.schema import Config
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.verdict import Finding, Status

from .rule_labels import check_labels


def misnamed(rules: Sequence[Rule], config: Config, of_references: Mapping[str, Collection[str]]) -> list[Finding]:
    """A finding for each rule that can never fire, or never end, for the name of a feature.

    Parameters
    ----------
    of_references
        By model the features of its reference, of those that were fitted. A rule about others, too, is not looked at.
    """
    return [
        Finding(Status.WARN, "rules", f"rules.{rule.name}: {told}")
        for rule in rules
        for condition in (rule.condition, rule.recover)
        if condition is not None and any(one.labels for one in condition.series)
        for told in _told(rule, condition, config, of_references)
    ]


def _told(
    rule: Rule, condition: Condition, config: Config, of_references: Mapping[str, Collection[str]]
) -> tuple[str, ...]:
    models = {name: one for name, one in config.models.items() if rule.watches(name)}
    try:
        check_labels(condition, models, of_references)
    except ConfigError as error:
        return error.problems
    return ()
