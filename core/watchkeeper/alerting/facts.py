"""What the texts of a rule can speak of: names, numbers, the measurements that led to an alert, drifted features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert
from watchkeeper.domain.measurement import Measurement

from .outcome import Outcome

WORDS: Final = ("model", "version", "rule", "severity", "found")
LISTS: Final = ("measurements", "features")
_MOST_FEATURES: Final = 10


@attrs.frozen
class Told:
    """One measurement, as a text can speak of it; what is not known is None."""

    name: str
    title: str
    number: float | None
    samples: float
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    effect: float | None = None
    feature: str | None = None
    segment: str | None = None
    reason: str | None = None


TOLD_FIELDS: Final = tuple(field.name for field in attrs.fields(Told))


@attrs.frozen(eq=False)
class Facts:
    """What a text is filled with."""

    words: Mapping[str, str | None]
    """`WORDS`, and labels by their names."""
    numbers: Mapping[str, float | None]
    """By the names of the measurements that led to it."""
    make_lists: Callable[[], Mapping[str, tuple[Told, ...]]]
    """`LISTS`: what led to it, and the features beyond their thresholds, the furthest first; only templates ask."""

    def known(self) -> dict[str, str | float | None]:
        """Words and numbers by their names; a word goes before a number."""
        return {**self.numbers, **self.words}


def example(words: Iterable[str], numbers: Iterable[str]) -> Facts:
    """Facts such as there could be, for trying a text."""
    told = Told("ks", "ks{feature=vol10}", 0.5, 500.0, 0.4, 0.6, 0.3, 0.01, 0.2, "vol10", "venue=NYSE", "none")
    lists = dict.fromkeys(LISTS, (told, told))
    return Facts(dict.fromkeys(words, "word"), dict.fromkeys(numbers, 0.5), lambda: lists)


def nothing_known(words: Iterable[str], numbers: Iterable[str]) -> Facts:
    """Facts of which none is known, for trying a text."""
    return Facts(dict.fromkeys(words), dict.fromkeys(numbers), lambda: dict.fromkeys(LISTS, ()))


def facts_of(outcome: Outcome) -> Facts:
    """What one check found."""
    rule = outcome.rule
    words = {
        **rule.labels,
        **outcome.identity,
        "model": outcome.model,
        "version": outcome.version,
        "rule": rule.name,
        "severity": rule.severity.value,
        "found": outcome.sentence,
    }
    return _facts(words, outcome.measurements, outcome.check)


def facts_of_alert(alert: Alert, measurements: Sequence[Measurement]) -> Facts:
    """What is known of an alert when no check is at hand, such as at a step of its escalation."""
    words = {
        **alert.labels,
        "model": alert.model,
        "version": alert.version,
        "rule": alert.rule,
        "severity": alert.severity.value,
        "found": alert.summary,
    }
    return _facts(words, measurements, lambda: measurements)


def _facts(
    words: Mapping[str, str | None], measurements: Sequence[Measurement], check: Callable[[], Iterable[Measurement]]
) -> Facts:
    numbers = {found.name: found.value.number for found in reversed(measurements)}

    def lists() -> dict[str, tuple[Told, ...]]:
        return {"measurements": tuple(_told(found) for found in measurements), "features": _drifted(check())}

    return Facts(words, numbers, lists)


def _told(found: Measurement) -> Told:
    low, high = found.value.interval or (None, None)
    return Told(
        name=found.name,
        title=found.title,
        number=found.value.number,
        samples=float(found.value.samples),
        low=low,
        high=high,
        threshold=found.details.get("threshold"),
        p_value=found.details.get("p_value"),
        effect=found.details.get("effect"),
        feature=found.labels.get("feature"),
        segment=found.labels.get("segment"),
        reason=found.value.reason,
    )


def _drifted(check: Iterable[Measurement]) -> tuple[Told, ...]:
    """Each feature that is beyond a detector's threshold, by the measurement that is furthest beyond."""
    furthest: dict[str, tuple[float, Measurement]] = {}
    for found in check:
        feature, threshold = found.labels.get("feature"), found.details.get("threshold")
        if feature is None or threshold is None or found.value.number is None or found.value.number <= threshold:
            continue
        excess = found.value.number / max(threshold, 1e-9)
        if feature not in furthest or excess > furthest[feature][0]:
            furthest[feature] = excess, found
    ordered = sorted(furthest.values(), key=lambda one: -one[0])
    return tuple(_told(found) for _, found in ordered[:_MOST_FEATURES])
