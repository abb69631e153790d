"""What watchkeeper.toml says about alerts: rules, escalations, and what holds news back."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

import attrs

from watchkeeper.domain.alert import NoData, Severity
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.spans import Checks, Duration, FalseAlarmBudget, Persistence

from .constraints import AtLeast, Distinct, Inside, NameIn, NotEmpty
from .keys import told

Text = Annotated[str, NotEmpty("character")]
Matchers = Annotated[tuple[Text, ...], NotEmpty("item"), Distinct()]
_MOST_REPEATS: Final = 20
_MOST_A_MINUTE: Final = 60_000
_LONGEST_WINDOW: Final = Duration.parse("7d")


class Verb(StrEnum):
    """What a rule can do when it fires."""

    NOTIFY = "notify"


@attrs.frozen
class Action:
    """One thing that a rule does when it fires, written ``notify:ops``."""

    verb: Verb
    target: str
    """The notifier's name."""

    def __str__(self) -> str:
        return f"{self.verb}:{self.target}"


_STRUCTURED: Final = (
    "below", "above", "anomaly", "false_alarms", "samples", "feature", "segment", "detail", "recovers",
)  # fmt: skip
"""The keys that belong to `metric`."""


@attrs.frozen(kw_only=True)
class RuleConfig:
    """``[rules.NAME]``: a condition over measurements and what happens when it holds.

    The condition is either written, `when`, or said by `metric` and what belongs to it.
    """

    when: Text | None = attrs.field(
        default=None,
        metadata=told('the condition, such as "accuracy < 0.8 and accuracy.samples >= 500"; or `metric` and its keys'),
    )
    metric: Text | None = attrs.field(
        default=None, metadata=told("instead of `when`: the measurement that is looked at")
    )
    below: float | None = attrs.field(
        default=None, metadata=told("with `metric`: it holds when the number is below this")
    )
    above: float | None = attrs.field(
        default=None, metadata=told("with `metric`: it holds when the number is above this")
    )
    anomaly: Text | None = attrs.field(
        default=None,
        metadata=told('with `metric`: it holds when the number is unlike its history, by the method "all", "z", ...'),
    )
    false_alarms: FalseAlarmBudget | None = attrs.field(
        default=None, metadata=told("with `anomaly`: the false alarms of this rule, instead of the model's budget")
    )
    samples: Annotated[int, AtLeast(1)] | None = attrs.field(
        default=None,
        metadata=told("with `metric`: of how many samples it must be to hold; of a metric, rows with an outcome"),
    )
    feature: Text | None = attrs.field(default=None, metadata=told("with `metric`: of this feature"))
    segment: Text | None = attrs.field(default=None, metadata=told('with `metric`: of this segment, "venue=NYSE"'))
    detail: Text | None = attrs.field(
        default=None, metadata=told('with `metric`: this detail of it, such as "p_value" or "low"')
    )
    recovers: float | None = attrs.field(
        default=None, metadata=told("with `below` or `above`: how far back the number must come before the alert ends")
    )
    for_: Persistence = attrs.field(
        default=Checks(1),
        metadata=told('how long it must hold before the alert fires: "3 checks", or a length of time', "for"),
    )
    severity: Severity = attrs.field(
        default=Severity.WARNING, metadata=told("how much it matters: info, warning or critical")
    )
    do: Annotated[tuple[Action, ...], Distinct()] = attrs.field(
        default=(), metadata=told('what to do when it fires: "notify:NAME" of a notifier')
    )
    models: Annotated[tuple[Annotated[str, NameIn("models")], ...], NotEmpty("item"), Distinct()] | None = attrs.field(
        default=None, metadata=told("only these models; every model when left out")
    )
    recover: Text | None = attrs.field(
        default=None,
        metadata=told("the condition that must hold before the alert ends; if left out, that `when` is over"),
    )
    keep_firing: Duration | None = attrs.field(
        default=None, metadata=told("how long it must be over before the alert ends")
    )
    repeat: Duration | None = attrs.field(
        default=None, metadata=told("how often it is told again while it fires and nobody has acknowledged it")
    )
    labels: Mapping[Text, Text] = attrs.field(
        factory=dict, metadata=told('what its alerts carry along for matchers and groups, such as { team = "quant" }')
    )
    each: Annotated[tuple[Text, ...], Distinct()] = attrs.field(
        default=(), metadata=told('labels by which it raises alerts apart, such as "feature"; one a model if left out')
    )
    no_data: NoData = attrs.field(
        default=NoData.KEEP,
        metadata=told("what a missing measurement means: keep the alert as it is, ok, or alert"),
    )
    escalation: Annotated[str, NameIn("escalations")] | None = attrs.field(
        default=None, metadata=told("who is told next when nobody acknowledges it: a name of [escalations]")
    )
    summary: Text | None = attrs.field(
        default=None, metadata=told('its own words, such as "accuracy of {model} fell to {accuracy:.1%}"')
    )
    link: Text | None = attrs.field(default=None, metadata=told("where the run book is: a URL"))
    next_step: str = attrs.field(
        default="", metadata=told("what the reader of a notification should do first, in one sentence")
    )
    cooldown: Duration | None = attrs.field(
        default=None, metadata=told("the least time between two notifications of the same alert")
    )
    tell_resolved: bool = attrs.field(
        default=True, metadata=told("whether those who were told that it fires are told that it is over")
    )
    tell_acknowledged: bool = attrs.field(
        default=False, metadata=told("whether those who were told that it fires are told who takes care of it")
    )

    def __attrs_post_init__(self) -> None:
        given = [key for key in _STRUCTURED if getattr(self, key) is not None]
        if self.when is not None and given == ["recovers"]:
            raise UsageError('recovers belongs to metric; beside when write a condition: recover = "accuracy > 0.85"')
        if self.when is not None and (given or self.metric is not None):
            other = "metric" if self.metric is not None else given[0]
            raise UsageError(f"the condition is given by when and by {other}; expected one of the two")
        if self.when is None and self.metric is None:
            raise UsageError(
                'there is no condition; expected when = "accuracy < 0.8", or metric = "accuracy", below = 0.8'
            )
        if self.metric is not None:
            self._check_structure()

    def _check_structure(self) -> None:
        has_limit = self.below is not None or self.above is not None
        if has_limit and self.anomaly is not None:
            limit = "below" if self.below is not None else "above"
            raise UsageError(f"the condition is given by {limit} and by anomaly; expected one of the two")
        if not has_limit and self.anomaly is None:
            raise UsageError("metric needs what is wrong with it; expected below or above, or else anomaly")
        if self.anomaly is None and self.false_alarms is not None:
            raise UsageError("false_alarms belongs to anomaly; expected anomaly beside it")
        if self.anomaly is not None and self.detail is not None:
            raise UsageError("anomaly looks at the measurement itself; expected no detail beside it")
        if self.recovers is None:
            return
        if self.recover is not None:
            raise UsageError("the recovery is given by recover and by recovers; expected one of the two")
        if (self.below is None) == (self.above is None):
            raise UsageError("recovers needs one limit; expected either below or above beside it")
        if self.below is not None and self.recovers < self.below:
            raise UsageError(
                f"recovers is {self.recovers:g}, below {self.below:g} where it fires; expected at least that"
            )
        if self.above is not None and self.recovers > self.above:
            raise UsageError(
                f"recovers is {self.recovers:g}, above {self.above:g} where it fires; expected at most that"
            )


@attrs.frozen(kw_only=True)
class StepConfig:
    """One of the `steps` of an escalation."""

    wait: Duration = attrs.field(
        metadata=told("how long nobody may have acknowledged the alert since it was told, or since the step before")
    )
    notify: Annotated[tuple[Annotated[str, NameIn("notifiers")], ...], NotEmpty("item"), Distinct()] = attrs.field(
        metadata=told("the notifiers that are told then")
    )


@attrs.frozen(kw_only=True)
class EscalationConfig:
    """``[escalations.NAME]``: who is told next when nobody acknowledges an alert."""

    steps: Annotated[tuple[StepConfig, ...], NotEmpty("item")] = attrs.field(
        metadata=told("tables with `wait` and `notify`, in order")
    )
    severities: Annotated[tuple[Severity, ...], Distinct()] = attrs.field(
        default=(),
        metadata=told("rules of these severities that tell somebody have it without naming it"),
    )
    repeats: Annotated[int, AtLeast(0)] = attrs.field(
        default=0, metadata=told("how many times the steps are gone through again, at most 20")
    )

    def __attrs_post_init__(self) -> None:
        if self.repeats > _MOST_REPEATS:
            raise UsageError(f"repeats is {self.repeats}; expected 0 to {_MOST_REPEATS}")


@attrs.frozen(kw_only=True)
class InhibitionConfig:
    """``[inhibitions.NAME]``: alerts that explain others, about which nobody is told meanwhile."""

    source: Matchers = attrs.field(metadata=told('matchers of the alerts that explain, such as "rule=feed-down"'))
    target: Matchers = attrs.field(metadata=told('matchers of those that are not told, such as "rule!=feed-down"'))
    equal: Annotated[tuple[Text, ...], NotEmpty("item"), Distinct()] = attrs.field(
        default=("model",), metadata=told("labels that both must have, and the same")
    )


@attrs.frozen(kw_only=True)
class MaintenanceConfig:
    """``[maintenance.NAME]``: times that come again and again in which nobody is told about certain alerts."""

    begins: Text = attrs.field(metadata=told('when it begins, as a cron expression: "30 22 * * MON-FRI"'))
    lasts: Duration = attrs.field(metadata=told("how long it lasts, at most 7d"))
    matchers: Matchers = attrs.field(metadata=told('the alerts that are not told, such as "severity!=critical"'))
    timezone: Text = attrs.field(default="UTC", metadata=told('the time zone of `begins`, such as "Europe/Berlin"'))

    def __attrs_post_init__(self) -> None:
        if self.lasts.us > _LONGEST_WINDOW.us:
            raise UsageError(f"lasts is {self.lasts}; expected at most 7d")


@attrs.frozen(kw_only=True)
class LimitConfig:
    """``[limits.NAME]``: how much a notifier is told; NAME is one of ``[notifiers]``."""

    per_minute: Annotated[float, Inside(0, _MOST_A_MINUTE)] = attrs.field(
        metadata=told("how many notifications a minute; what is above waits, critical ones never do")
    )
    burst: Annotated[int, AtLeast(1)] = attrs.field(
        default=10, metadata=told("how many may come at once when it has been quiet")
    )


@attrs.frozen(kw_only=True)
class GroupingConfig:
    """``[grouping]``: which alerts are told in one message, and how long a message waits for more."""

    by: Annotated[tuple[Text, ...], Distinct()] = attrs.field(
        default=(), metadata=told('labels whose values make a group, such as "model"; without any, each alert is alone')
    )
    wait: Duration | None = attrs.field(
        default=None, metadata=told("how long the first message about a group waits for more; critical ones never do")
    )
    interval: Duration | None = attrs.field(
        default=None, metadata=told("the least time between two messages about the same group")
    )

    def __attrs_post_init__(self) -> None:
        if self.by:
            return
        for key in ("wait", "interval"):
            if getattr(self, key) is not None:
                raise UsageError(
                    f'{key} belongs to by; expected the labels that make a group beside it: by = ["model"]'
                )
