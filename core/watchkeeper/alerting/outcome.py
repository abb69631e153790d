"""What a rule finds in one check's measurements: true, not true, or held because there are no data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final

import attrs

from watchkeeper.domain.alert import NoData
from watchkeeper.domain.measurement import Measurement

from .anomalies.methods import ANOMALY, LEFT_OUT, OF, OWN_LABELS
from .condition import Condition, Threshold
from .measured import Measured, Row, number_of, why_nothing
from .rules import Rule

MOST_MEASUREMENTS: Final = 10
"""How many measurements an outcome carries along, those of the worst rows first."""


@attrs.frozen(eq=False)
class Outcome:
    """What one rule found about one model (and one value of the labels in `Rule.each`) in one check."""

    rule: Rule
    model: str
    identity: Mapping[str, str]
    """The labels of `Rule.each`."""
    is_true: bool
    """Whether the condition holds, `Rule.no_data` considered."""
    is_held: bool
    """Whether it has no data and everything stays as it is."""
    is_recovered: bool
    """Whether it is not true, and `Rule.recover` is fulfilled."""
    rows: tuple[str, ...] = ()
    """Titles of the rows for which it is true."""
    evidence: tuple[Row, ...] = ()
    """The rows that led to it; none when nothing is measured any more."""
    is_silence: bool = False
    """Whether it is true because nothing at all was measured, see `Rule.silence_us`."""
    check: Callable[[], Iterable[Measurement]] = tuple
    """Everything that the check measured."""

    @cached_property
    def sentence(self) -> str:
        """What was found, in words: the worst row, and how many more there are."""
        if not self.evidence:
            return "no data: it is not measured any more"
        return _sentence(self.rule.condition, self.evidence, len(self.rows))

    @cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """What led to it, worst first, with the rule's threshold in the details; at most `MOST_MEASUREMENTS`."""
        return tuple(islice(_measurements(self.rule.condition, self.evidence), MOST_MEASUREMENTS))

    @property
    def version(self) -> str | None:
        """The version that it is about, as far as it is known."""
        return next((one.version for row in self.evidence for one in row.measurements if one and one.version), None)

    @property
    def until_us(self) -> int:
        """Where the latest window that it is about ends; 0 when nothing is measured."""
        ends = (one.window.end_us for row in self.evidence for one in row.measurements if one is not None)
        return int(max(ends, default=0))

    @property
    def fingerprint(self) -> str:
        """The alert's identity: rule, model and identity labels; never a value, a time, a version in passing."""
        return fingerprint_of(self.rule.name, self.model, self.identity)


def fingerprint_of(rule: str, model: str, identity: Mapping[str, str]) -> str:
    """32 hexadecimal digits of SHA-256 over the names, each with its length so that none runs into the next.

    >>> fingerprint_of("accuracy-fell", "momentum", {})
    '4f3adb58ba1c397abd99e5ff6c3e95e9'
    """
    parts = [rule, model, *(part for key in sorted(identity) for part in (key, identity[key]))]
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def outcomes(
    rule: Rule, model: str, measured: Measured, firing_rows: Mapping[str, frozenset[str]] | None = None
) -> list[Outcome]:
    """What the rule finds: one outcome, or one for each value of the labels in `Rule.each`.

    Parameters
    ----------
    firing_rows
        By fingerprint, the rows for which open alerts were true the last time: where one of those has no data now, a
        rule that keeps is held.
    """
    groups = measured.groups(rule.condition.series, rule.each)
    return [
        _outcome(rule, model, dict(identity), rows, measured=measured, firing_rows=firing_rows or {})
        for identity, rows in groups.items()
    ]


def vanished(rule: Rule, model: str, identity: Mapping[str, str]) -> Outcome:
    """The outcome for an open alert whose identity labels are not measured any more."""
    is_over = rule.no_data is NoData.OK
    return Outcome(rule, model, identity, is_true=False, is_held=not is_over, is_recovered=is_over)


def _outcome(
    rule: Rule,
    model: str,
    identity: dict[str, str],
    rows: Sequence[Row],
    *,
    measured: Measured,
    firing_rows: Mapping[str, frozenset[str]],
) -> Outcome:
    true, unknown = _parted(rule.condition, rows)
    is_silence = rule.silence_us > 0 and measured.is_empty
    if rule.no_data is NoData.ALERT or is_silence:
        true += unknown
    is_held = False
    if unknown and not true and rule.no_data is NoData.KEEP:
        was_true = firing_rows.get(fingerprint_of(rule.name, model, identity), frozenset())
        is_held = _holds(rows, unknown, was_true)
    return Outcome(
        rule=rule,
        model=model,
        identity=identity,
        is_true=bool(true),
        is_held=is_held,
        is_recovered=not true and not is_held and _is_recovered(rule, measured, identity),
        rows=tuple(row.title for row in true),
        evidence=tuple(true or (unknown if is_held else rows)),
        is_silence=is_silence,
        check=measured.every,
    )


def _parted(condition: Condition, rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows for which it is true, and those of which nothing is known."""
    true: list[Row] = []
    unknown: list[Row] = []
    truth = condition.truth
    for row in rows:
        found = truth(row.values)
        if found is None:
            unknown.append(row)
        elif found:
            true.append(row)
    return true, unknown


def _holds(rows: Sequence[Row], unknown: Sequence[Row], was_true: frozenset[str]) -> bool:
    """Whether silence decides: nothing has data, or something that was bad has none now."""
    return len(unknown) == len(rows) or any(row.title in was_true for row in unknown)


def _is_recovered(rule: Rule, measured: Measured, identity: Mapping[str, str]) -> bool:
    if rule.recover is None:
        return True
    groups = measured.groups(rule.recover.series, rule.each)
    rows = groups.get(frozenset(identity.items())) or groups.get(frozenset(), ())
    truths = {rule.recover.truth(row.values) for row in rows}
    return True in truths and False not in truths


def _sentence(condition: Condition, rows: Sequence[Row], true: int) -> str:
    row = max(rows, key=lambda candidate: _excess(condition, candidate))
    gone = [
        why_nothing(series, found)
        for series, found in zip(condition.series, row.measurements, strict=True)
        if number_of(series, found) is None
    ]
    if gone:
        return f"no data: {', '.join(gone)}"
    holding = [
        _unlike(row, threshold.series) or f"{_told(condition, row, threshold.series)} {threshold}"
        for threshold in condition.thresholds
        if true and threshold.holds(row.values[threshold.series])
    ]
    told = holding or [*(_told(condition, row, at) for at in range(len(condition.series))), f"rule {condition}"]
    return ", ".join(told) + (f"; the same for {true - 1} more" if true > 1 else "")


def _told(condition: Condition, row: Row, series: int) -> str:
    """``ks{feature=vol10}.p_value 0.0004``."""
    found, detail = row.measurements[series], condition.series[series].detail
    title = found.title if found else str(condition.series[series])
    return f"{title}{f'.{detail}' if detail else ''} {row.values[series]:.4g}"


def _unlike(row: Row, series: int) -> str | None:
    """``recall 0.9 is unlike its history, usually 0.5``; None for what is no anomaly."""
    found = row.measurements[series]
    if found is None or found.name != ANOMALY or not found.details.keys() >= {"found", "usual", "series"}:
        return None
    name = found.labels[OF].split(", ")[int(found.details["series"])]
    others = ", ".join(f"{key}={value}" for key, value in sorted(found.labels.items()) if key not in OWN_LABELS)
    title = f"{name}{{{others}}}" if others else name
    still = [
        f"; {key.removeprefix(LEFT_OUT)} is left out, always {number:.4g}"
        for key, number in sorted(found.details.items())
        if key.startswith(LEFT_OUT)
    ]
    told = f"{title} {found.details['found']:.4g} is unlike its history, usually {found.details['usual']:.4g}"
    return told + "".join(still)


def _excess(condition: Condition, row: Row) -> float:
    """How far a row is beyond the threshold that it exceeds most, relative to the threshold; -1 when beyond none."""
    return max(
        (
            abs(value - threshold.number) / max(abs(threshold.number), 1e-9)
            for threshold in condition.thresholds
            if (value := row.values[threshold.series]) is not None and threshold.holds(value)
        ),
        default=-1.0,
    )


def _measurements(condition: Condition, rows: Sequence[Row]) -> Iterator[Measurement]:
    """What led to it, once each, worst rows first, with the rule's threshold among the details."""
    seen: set[int] = set()
    for row in sorted(rows, key=lambda candidate: -_excess(condition, candidate)):
        for at, found in enumerate(row.measurements):
            if found is not None and id(found) not in seen:
                seen.add(id(found))
                yield _with_threshold(found, condition, row, at)


def _with_threshold(found: Measurement, condition: Condition, row: Row, at: int) -> Measurement:
    if condition.series[at].detail is not None:
        return found
    own: list[Threshold] = [threshold for threshold in condition.thresholds if threshold.series == at]
    exceeded = [threshold for threshold in own if threshold.holds(row.values[at])]
    for threshold in (exceeded or own)[:1]:
        return attrs.evolve(found, details={**found.details, "threshold": threshold.number})
    return found
