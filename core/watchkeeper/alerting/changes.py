"""A change of an alert, and the circumstances in which it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from watchkeeper.domain.alert import Alert, AlertState, Background, Note
from watchkeeper.domain.measurement import Measurement

from . import notices
from .muting import Muting
from .outcome import Outcome
from .record import Record
from .rules import Rule

History: TypeAlias = "Callable[[Measurement], Sequence[tuple[int, float]]]"
Backgrounds: TypeAlias = "Callable[[Alert, Sequence[Measurement]], Background]"
"""What is known of an alert's model, given everything that the check measured."""


@attrs.frozen(eq=False)
class Change:
    """A record's way from what is stored to what is to be stored."""

    before: Record | None
    after: Record | None
    rule: Rule | None = None
    """None when it is gone."""
    outcome: Outcome | None = None
    """What led to it; None when a person or the time did."""
    occasion: notices.Occasion | None = None
    """To be told in any case; None: what `notices.due` says."""
    said: Note | None = None
    """What somebody said of it."""
    by: str | None = None
    """Who did it, when it was a person or the configuration; None when a check or the time did."""

    @property
    def is_transition(self) -> bool:
        """Whether the alert is in another state, or in other hands."""
        return _standing(self.before) != _standing(self.after)


@attrs.frozen(eq=False)
class Circumstances:
    """What else counts when a change is written."""

    now_us: int
    history: History
    muting: Muting
    backgrounds: Backgrounds
    measurements: Sequence[Measurement] = ()
    """Everything that the check measured; empty when none led to the change."""


def no_history(_measurement: Measurement) -> tuple[tuple[int, float], ...]:
    """Nothing is known of earlier times."""
    return ()


def no_background(_alert: Alert, _measurements: Sequence[Measurement]) -> Background:
    """Nothing is known of the model."""
    return Background()


def _standing(record: Record | None) -> tuple[AlertState, str | None, str] | None:
    return None if record is None else (record.alert.state, record.alert.by, record.alert.comment)
