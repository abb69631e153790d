"""Silences as a project knows them: whether their matchers can mean anything in it, and what JSON can hold of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from watchkeeper.alerting.anomalies.methods import OWN_LABELS
from watchkeeper.alerting.matching import Matcher
from watchkeeper.alerting.silences import Silence
from watchkeeper.config.schema import Config
from watchkeeper.domain.alert import Alert, Severity
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.presets import Preset

_OF_EVERY_ALERT: Final = frozenset({"rule", "model", "version", "severity"})
_OF_MEASUREMENTS: Final = frozenset({"feature", "segment", *OWN_LABELS})


def require_known_labels(matchers: Iterable[Matcher], config: Config, alerts: Iterable[Alert]) -> None:
    """Pass, or a UsageError for a label that neither rules nor open alerts have, with the nearest one that they have.

    Such a matcher fits nothing, or with ``!=`` everything.
    """
    known = {*_OF_EVERY_ALERT, *_OF_MEASUREMENTS}
    known |= {label for rule in config.rules.values() for label in (*rule.labels, *rule.each)}
    known |= {label for alert in alerts for label in alert.labels}
    for matcher in matchers:
        if matcher.label not in known:
            near = did_you_mean(matcher.label, known) or f"; known are {', '.join(sorted(known))}"
            raise UsageError(f"no alert has a label {matcher.label!r}{near}")
        if matcher.label == "severity" and not _fits_one(matcher, Severity):
            near = did_you_mean(matcher.pattern, Severity) or f"; expected one of {', '.join(Severity)}"
            raise UsageError(f"{str(matcher)!r}: no severity is called {matcher.pattern!r}{near}")


def doubts_about_models(matchers: Iterable[Matcher], models: Sequence[str]) -> tuple[str, ...]:
    """A sentence for each matcher that no configured model fits: it may be meant for one that is yet to come."""
    return _doubts(matchers, "model", models)


def doubts_about_rules(matchers: Iterable[Matcher], config: Config) -> tuple[str, ...]:
    """A sentence for each matcher that no configured rule and no preset fits: it may be one that is yet to come."""
    return _doubts(matchers, "rule", (*config.rules, *Preset))


def _doubts(matchers: Iterable[Matcher], label: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"no {label} of the configuration is meant by {matcher}{did_you_mean(matcher.pattern, names)}"
        for matcher in matchers
        if matcher.label == label and not matcher.is_negated and not _fits_one(matcher, names)
    )


def _fits_one(matcher: Matcher, names: Iterable[str]) -> bool:
    return any(fnmatchcase(name, matcher.pattern) for name in names)


def plain_silence(silence: Silence) -> dict[str, Any]:
    """What JSON can hold of it; times are UTC microseconds since 1970."""
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_us": silence.starts_us,
        "ends_us": silence.ends_us,
        "by": silence.by,
        "comment": silence.comment,
    }
