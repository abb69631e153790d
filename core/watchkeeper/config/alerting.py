"""What watchkeeper.toml says about alerts: rules, escalations, and what holds news back."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

import attrs

from watchkeeper.domain.alert import NoData, Severity
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.spans import Checks, Duration, Persistence

from .constraints import AtLeast, Distinct, Inside, NameIn, NotEmpty
from .keys import told

Text = Annotated[str, NotEmpty("character")]
Matchers = Annotated[tuple[Text, ...], NotEmpty("item"), Distinct()]
_MOST_REPEATS: Final = 20
_MOST_A_MINUTE: Final = 60_000


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


@attrs.frozen(kw_only=True)
class RuleConfig:
    """``[rules.NAME]``: a condition over measurements and what happens when it holds."""

    when: Text = attrs.field(metadata=told('the condition, such as "accuracy < 0.8 and samples >= 500"'))
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
        default=("model",), metadata=told("labels that must be the same in both")
    )


@attrs.frozen(kw_only=True)
class MaintenanceConfig:
    """``[maintenance.NAME]``: times that come again and again in which nobody is told about certain alerts."""

    begins: Text = attrs.field(metadata=told('when it begins, as a cron expression: "30 22 * * MON-FRI"'))
    lasts: Duration = attrs.field(metadata=told("how long it lasts, at most 7d"))
    matchers: Matchers = attrs.field(metadata=told('the alerts that are not told, such as "severity!=critical"'))
    timezone: Text = attrs.field(default="UTC", metadata=told('the time zone of `begins`, such as "Europe/Berlin"'))


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
