"""The configured rules as alerting takes them."""

from __future__ import annotations

from watchkeeper.alerting.parser import parsed
from watchkeeper.alerting.rules import Rule
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.schema import Config, ModelConfig, RuleConfig
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.spans import Checks
from watchkeeper.monitor.estimation.names import estimate_of
from watchkeeper.monitor.quality import (
    CONSTANT,
    DUPLICATE_SHARE,
    INFINITE_SHARE,
    MISSING_SHARE,
    OUT_OF_RANGE_SHARE,
    QUALITY_SCORE,
    UNSEEN_SHARE,
)
from watchkeeper.monitor.watched import DRIFT_EVIDENCE, RISK_EVIDENCE

ALWAYS_MEASURED = (
    "samples",
    "labelled",
    "age_seconds",
    "drift_share",
    DRIFT_EVIDENCE,
    RISK_EVIDENCE,
    MISSING_SHARE,
    INFINITE_SHARE,
    OUT_OF_RANGE_SHARE,
    UNSEEN_SHARE,
    CONSTANT,
    DUPLICATE_SHARE,
    QUALITY_SCORE,
)
"""What every check measures, beside the model's metrics, their estimates, and drift detectors."""


def rules_of(loaded: LoadedConfig) -> tuple[Rule, ...]:
    """Every rule, its condition parsed; a ConfigError names the place of each condition that cannot be."""
    rules: list[Rule] = []
    problems: list[str] = []
    for name, config in loaded.config.rules.items():
        try:
            rules.append(_rule(name, config, loaded.config))
        except ConfigError as error:
            place = loaded.origin("rules", name, "when")
            problems += [f"{place}: rules.{name}.when: {problem}" for problem in error.problems]
    if problems:
        raise ConfigError(*problems)
    return tuple(rules)


def _rule(name: str, config: RuleConfig, project: Config) -> Rule:
    watched = [model for key, model in project.models.items() if config.models is None or key in config.models]
    persists = config.for_
    return Rule(
        name=name,
        condition=parsed(config.when, _measured_by(watched)),
        for_checks=persists.count if isinstance(persists, Checks) else 1,
        for_us=0 if isinstance(persists, Checks) else persists.us,
        severity=config.severity,
        receivers=tuple(action.target for action in config.do),
        models=None if config.models is None else frozenset(config.models),
        next_step=config.next_step,
        cooldown_us=config.cooldown.us if config.cooldown else 0,
    )


def _measured_by(models: list[ModelConfig]) -> list[str]:
    names = [use.name for model in models for use in (*model.metrics, *model.drift)]
    estimates = [estimate_of(use.name) for model in models for use in model.metrics]
    return sorted({*names, *estimates, *ALWAYS_MEASURED})
