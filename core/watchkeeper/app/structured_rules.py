"""Rules that are said by keys become the same conditions as those that are written."""

from __future__ import annotations

from collections.abc import Collection

from watchkeeper.config.alerting import RuleConfig
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean


def check_metric(rule: RuleConfig, known: Collection[str] | None) -> None:
    """Pass, or a ConfigError for a `metric` that is none of the `known`, with the nearest; None: any name will do."""
    if rule.metric is not None and known is not None and rule.metric not in known:
        near = did_you_mean(rule.metric, known) or f"; known are {', '.join(sorted(known)[:12])}"
        raise ConfigError(f"no measurement is called {rule.metric!r}{near}")


def condition_text(rule: RuleConfig, of_rows: Collection[str]) -> str:
    """The condition of a rule, as it would be written in `when`.

    Parameters
    ----------
    of_rows
        Those among them that are of all rows of a window and count nothing of their own: for them `samples` means the
        rows, for others what the measurement itself was made of, which for a metric are rows with an outcome.

    Raises
    ------
    ConfigError
        For a label that cannot be quoted.
    """
    if rule.metric is None:
        return rule.when or ""
    measured = f"{rule.metric}{_labels(rule)}"
    if rule.anomaly is not None:
        budget = "" if rule.false_alarms is None else f', false_alarms = "{rule.false_alarms}"'
        holds = f'anomaly({measured}, method = "{rule.anomaly}"{budget})'
    else:
        number = measured if rule.detail is None else f"{measured}.{rule.detail}"
        limits = [f"{number} < {rule.below!r}"] if rule.below is not None else []
        limits += [f"{number} > {rule.above!r}"] if rule.above is not None else []
        holds = limits[0] if len(limits) == 1 else f"({' or '.join(limits)})"
    counted = "samples" if rule.metric in of_rows else f"{measured}.samples"
    return holds if rule.samples is None else f"{holds} and {counted} >= {rule.samples}"


def recovery_text(rule: RuleConfig) -> str | None:
    """The recovery of a rule, as it would be written in `recover`; None when it is that the condition is over."""
    if rule.recovers is None:
        return rule.recover
    detail = "" if rule.detail is None else f".{rule.detail}"
    sign = ">=" if rule.below is not None else "<="
    return f"{rule.metric}{_labels(rule)}{detail} {sign} {rule.recovers!r}"


def _labels(rule: RuleConfig) -> str:
    named = [("feature", rule.feature), ("segment", rule.segment)]
    given = [f"{key}={_quoted(value)}" for key, value in named if value is not None]
    return f"{{{', '.join(given)}}}" if given else ""


def _quoted(text: str) -> str:
    for sign in ('"', "'"):
        if sign not in text and "\n" not in text:
            return f"{sign}{text}{sign}"
    raise ConfigError(f"{text!r} has both kinds of quotes or a line break: no condition can name it")
