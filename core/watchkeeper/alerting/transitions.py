"""What one check changes: each rule's outcomes beside the alerts that are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from . import life
from .changes import Change
from .measured import Measured
from .outcome import outcomes, vanished
from .record import Record
from .rules import Rule

RULE_GONE: Final = "watchkeeper"
"""Who resolves an alert whose rule is no longer there."""


def changes_of_check(
    rules: Mapping[str, Rule], records: Sequence[Record], model: str, measured: Measured, now_us: int
) -> list[Change]:
    """What becomes of every alert of a model, `records` being all that there are, and of those that begin."""
    by_fingerprint = {record.alert.fingerprint: record for record in records}
    firing_rows = {
        fingerprint: frozenset(record.rows) for fingerprint, record in by_fingerprint.items() if record.is_open
    }
    changes = []
    for rule in rules.values():
        if not rule.watches(model):
            continue
        for outcome in outcomes(rule, model, measured, firing_rows):
            before = by_fingerprint.pop(outcome.fingerprint, None)
            changes.append(Change(before, life.after(before, outcome, now_us), rule, outcome))
    unseen = (record for record in by_fingerprint.values() if record.is_open)
    return changes + [_unseen(rules.get(record.alert.rule), record, now_us) for record in unseen]


def _unseen(rule: Rule | None, record: Record, now_us: int) -> Change:
    """An open alert that no outcome is about: its rule is gone, or what it was about is not measured now."""
    if rule is None or not rule.watches(record.alert.model):
        ended = life.resolved(record, RULE_GONE, "its rule is no longer there", now_us)
        return Change(record, ended)
    outcome = vanished(rule, record.alert.model, record.identity)
    return Change(record, life.after(record, outcome, now_us), rule, outcome)
