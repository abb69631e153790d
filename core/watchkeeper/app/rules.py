"""The configured rules as alerting takes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import Any

import attrs

from watchkeeper.alerting.anomalies.methods import Method
from watchkeeper.alerting.condition import Condition
from watchkeeper.alerting.parser import parsed
from watchkeeper.alerting.presets import preset_rule
from watchkeeper.alerting.recovery import check_recovery
from watchkeeper.alerting.rules import Rule
from watchkeeper.alerting.summaries import summary_of, words_of
from watchkeeper.config.alerting import RuleConfig
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.schema import Config, ModelConfig
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.presets import Preset, chosen
from watchkeeper.domain.spans import Checks, Duration
from watchkeeper.monitor.estimation.names import estimate_of
from watchkeeper.monitor.labels import LABEL_DRIFT
from watchkeeper.monitor.measuring import DRIFT_EVIDENCE
from watchkeeper.monitor.quality import (
    CONSTANT,
    DUPLICATE_SHARE,
    INFINITE_SHARE,
    MISSING_SHARE,
    OUT_OF_RANGE_SHARE,
    QUALITY_SCORE,
    TYPE_CHANGED,
    UNSEEN_SHARE,
)
from watchkeeper.monitor.schema import SCHEMA_CHANGES
from watchkeeper.monitor.service import SERVICE_NAMES
from watchkeeper.monitor.watched_columns import PREDICTION_DRIFT
from watchkeeper.monitor.watched_performance import RISK_EVIDENCE
from watchkeeper.monitor.whole_window import TOGETHER_DRIFT

from .rule_labels import check_keys, check_labels
from .structured_rules import check_metric, condition_text, recovery_text
from .telling import escalation_of, placed, with_escalations

ALWAYS_MEASURED = (
    "samples",
    "labelled",
    "age_seconds",
    "drift_share",
    DRIFT_EVIDENCE,
    RISK_EVIDENCE,
    PREDICTION_DRIFT,
    LABEL_DRIFT,
    TOGETHER_DRIFT,
    SCHEMA_CHANGES,
    TYPE_CHANGED,
    MISSING_SHARE,
    INFINITE_SHARE,
    OUT_OF_RANGE_SHARE,
    UNSEEN_SHARE,
    CONSTANT,
    DUPLICATE_SHARE,
    QUALITY_SCORE,
    *SERVICE_NAMES,
)
"""What every check measures, beside the model's metrics, their estimates, and drift detectors."""


def rules_of(
    loaded: LoadedConfig, of_references: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[Rule, ...]:
    """Every rule, its condition parsed; a ConfigError names the place of each text that cannot be.

    Parameters
    ----------
    of_references
        By model the features of its reference, where they are known; names of features are looked up among them where
        they are not configured.
    """
    problems: list[str] = []
    reading = _Reading(loaded, of_references, problems)
    rules = [reading.rule(name, config) for name, config in loaded.config.rules.items()]
    if problems:
        raise ConfigError(*problems)
    return with_escalations(loaded, [*(rule for rule in rules if rule is not None), *_presets(loaded.config)])


def _presets(config: Config) -> list[Rule]:
    """Those that are on; a rule of the file with the same name replaces a preset."""
    receivers = tuple(action.target for action in config.project.presets_do)
    with_outcomes = frozenset(name for name, model in config.models.items() if model.columns.outcome is not None)
    about = {Preset.LABEL_DELAY: with_outcomes}
    known = measured_by(list(config.models.values()))
    return [
        preset_rule(preset, known, receivers, about.get(preset))
        for preset in chosen(config.project.presets)
        if preset.value not in config.rules
    ]


@attrs.frozen
class _Reading:
    """Rules as they are read; what is wrong with them is gathered in `problems`."""

    loaded: LoadedConfig
    of_references: Mapping[str, Collection[str]]
    problems: list[str]

    def rule(self, name: str, config: RuleConfig) -> Rule | None:
        """The rule, or None when something is wrong with it."""
        models = {
            key: one for key, one in self.loaded.config.models.items() if config.models is None or key in config.models
        }
        known = None if self._is_in_doubt(config) else measured_by(list(models.values()))
        with self._placed(name, "each"):
            check_keys(config.each, models)
        recover = self._recovery(name, config, models, known)
        rule: Rule | None = None
        with self._placed(name, "anomaly"):
            _check_method(config.anomaly)
        with self._placed(name, "when" if config.metric is None else "metric"):
            is_known = config.anomaly is None or config.anomaly in set(Method)
            told = config if is_known else attrs.evolve(config, anomaly=Method.ALL.value)  # told already
            text = condition_text(told, ALWAYS_MEASURED)
            self._look_up_labels(text, models, name, _key_of_labels(config))
            check_metric(config, known)
            condition = parsed(text, known)
            if recover is not None:
                with self._placed(name, "recover" if config.recovers is None else "recovers"):
                    check_recovery(condition, recover)
            said = _said(name, config, condition, self.loaded, self.problems)
            with self._placed(name, "labels"):  # all else that a Rule refuses is refused as the file is read
                escalation = escalation_of(self.loaded.config, config.escalation)
                rule = _made(name, config, condition, recover=recover, escalation=escalation, **said)
        return rule

    def _recovery(
        self, name: str, config: RuleConfig, models: Mapping[str, ModelConfig], known: Collection[str] | None
    ) -> Condition | None:
        if config.recovers is not None:
            with self._placed(name, "recovers"):
                return parsed(recovery_text(config) or "")
        elif config.recover is not None:
            with self._placed(name, "recover"):
                self._look_up_labels(config.recover, models, name, "recover")
                return parsed(config.recover, known)
        return None

    def _look_up_labels(self, text: str, models: Mapping[str, ModelConfig], name: str, key: str) -> None:
        """Tell of the features and segments that there are not, also where a measurement is unknown."""
        try:
            condition = parsed(text)
        except ConfigError:
            return  # told when the condition itself is read
        with self._placed(name, key):
            check_labels(condition, self._with_columns(models), self.of_references)

    def _with_columns(self, models: Mapping[str, ModelConfig]) -> Mapping[str, ModelConfig]:
        """The models; none where what one of them has as columns was left out: then labels are not looked up."""
        is_known = not any(path[:1] == ("models",) and path[2:3] == ("columns",) for path in self.loaded.left_out)
        return models if is_known else {}

    def _is_in_doubt(self, config: RuleConfig) -> bool:
        """Whether what one of its models measures was left out."""
        names = config.models or (*self.loaded.config.models, *self.loaded.left_out_of("models"))
        doubtful = ("metrics", "drift", "task")
        return any(
            path[:1] == ("models",) and path[1:2] and path[1] in names and (len(path) == 2 or path[2] in doubtful)
            for path in self.loaded.left_out
        )

    def _placed(self, name: str, *key: str) -> AbstractContextManager[None]:
        return placed(self.loaded, self.problems, "rules", name, *key)


def _check_method(method: str | None) -> None:
    """Pass, or a ConfigError with the nearest method of anomalies."""
    if method is not None and method not in set(Method):
        near = did_you_mean(method, Method) or f"; expected one of {', '.join(Method)}"
        raise ConfigError(f"no method is called {method!r}{near}")


def _key_of_labels(config: RuleConfig) -> str:
    if config.metric is None:
        return "when"
    return "feature" if config.feature is not None else "segment"


def _said(
    name: str, config: RuleConfig, condition: Condition, loaded: LoadedConfig, problems: list[str]
) -> dict[str, Any]:
    """The rule's texts, read; what is wrong with them is in `problems`."""
    labels = (*config.labels, *config.each)
    said: dict[str, Any] = {}
    with placed(loaded, problems, "rules", name, "summary"):
        said["summary"] = None if config.summary is None else summary_of(config.summary, condition, labels).of
    with placed(loaded, problems, "rules", name, "next_step"):
        said["next_step"] = words_of(config.next_step, condition, labels)
    with placed(loaded, problems, "rules", name, "link"):
        said["link"] = None if config.link is None else words_of(config.link, condition, labels, is_link=True)
    return said


def _made(name: str, config: RuleConfig, condition: Condition, **others: Any) -> Rule:
    persists = config.for_
    return Rule(
        name=name,
        condition=condition,
        for_checks=persists.count if isinstance(persists, Checks) else 1,
        for_us=0 if isinstance(persists, Checks) else persists.us,
        severity=config.severity,
        receivers=tuple(action.target for action in config.do),
        models=None if config.models is None else frozenset(config.models),
        labels=config.labels,
        cooldown_us=_us(config.cooldown),
        tells_resolved=config.tell_resolved,
        tells_acknowledged=config.tell_acknowledged,
        keep_firing_us=_us(config.keep_firing),
        repeat_us=_us(config.repeat),
        each=config.each,
        no_data=config.no_data,
        **others,
    )


def _us(duration: Duration | None) -> int:
    return 0 if duration is None else duration.us


def measured_by(models: list[ModelConfig]) -> list[str]:
    """The names of everything that checks of these models can measure."""
    names = [use.name for model in models for use in (*model.metrics, *model.drift)]
    estimates = [estimate_of(use.name) for model in models for use in model.metrics]
    return sorted({*names, *estimates, *ALWAYS_MEASURED})
