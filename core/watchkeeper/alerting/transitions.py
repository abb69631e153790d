"""What one check changes: each rule's outcomes beside the alerts that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from . import by_hand, life
from .changes import Change
from .flapping import Recent
from .measured import Measured
from .outcome import outcomes, vanished
from .record import Record
from .rules import Rule

RULE_GONE: Final = "watchkeeper"
"""Who resolves an alert whose rule is no longer there, or is about something else."""
_OTHERWISE: Final = "its rule tells alerts apart by other labels now"
_AGAIN: Final = "what its rule tells apart is measured (again)"


def changes_of_check(
    rules: Mapping[str, Rule], records: Sequence[Record], model: str, measured: Measured, now_us: int
) -> list[Change]:
    """What becomes of every alert of a model, `records` being all that there are, and of those that begin."""
    by_fingerprint = {record.alert.fingerprint: record for record in records}
    firing_rows = {
        fingerprint: frozenset(record.rows) for fingerprint, record in by_fingerprint.items() if record.is_open
    }
    changes: list[Change] = []
    told_apart: set[str] = set()
    for rule in rules.values():
        if not rule.watches(model):
            continue
        for outcome in outcomes(rule, model, measured, firing_rows):
            if set(outcome.identity) == set(rule.each):
                told_apart.add(rule.name)
            before = by_fingerprint.pop(outcome.fingerprint, None)
            changes.append(Change(before, life.after(before, outcome, now_us), rule, outcome))
    for record in by_fingerprint.values():
        if record.is_open:
            rule_of_it = rules.get(record.alert.rule)
            changes.append(_unseen(rule_of_it, record, now_us, is_told_apart=record.alert.rule in told_apart))
    return changes


def no_longer_configured(record: Record, now_us: int, what: str) -> Change:
    """The end of an alert, open or in a lull, whose rule or model is no longer configured: no check will end it."""
    comment = f"its {what} is no longer configured"
    if record.is_open:
        return Change(record, by_hand.resolved(record, RULE_GONE, comment, now_us), by=RULE_GONE)
    alert = attrs.evolve(record.alert, by=RULE_GONE, comment=comment, is_flapping=False)
    return Change(record, attrs.evolve(record, alert=alert, recent=Recent(), course=None), by=RULE_GONE)


def _unseen(rule: Rule | None, record: Record, now_us: int, *, is_told_apart: bool) -> Change:
    """An open alert that no outcome is about: its rule is gone, or what it was about is not measured now.

    Parameters
    ----------
    is_told_apart
        Whether the check has found something with all of the rule's labels.
    """
    if rule is None or not rule.watches(record.alert.model):
        return no_longer_configured(record, now_us, "rule")
    labels, each = set(record.identity), set(rule.each)
    if not labels <= each:
        return Change(record, by_hand.resolved(record, RULE_GONE, _OTHERWISE, now_us), rule, by=RULE_GONE)
    if labels < each and is_told_apart:
        return Change(record, by_hand.resolved(record, RULE_GONE, _AGAIN, now_us), rule, by=RULE_GONE)
    outcome = vanished(rule, record.alert.model, record.identity)
    return Change(record, life.after(record, outcome, now_us), rule, outcome)
