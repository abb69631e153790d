"""What the evidence says about one window's columns, and an alarm in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from watchkeeper.domain.table import Table
from watchkeeper.domain.window import told_time
from watchkeeper.monitor.naming import ALL_FEATURES
from watchkeeper.monitor.records import Records

from .drift import DriftAlarms
from .evidence import DriftAlarm, Evidence
from .legs import MEAN, MIDDLE, MISSING, OTHER, SPREAD, UNSEEN


@attrs.frozen
class DriftState:
    """Which columns are in alarm as of one window."""

    open: Mapping[str, DriftAlarm]
    """By column."""
    evidence: Mapping[str, float]
    """Of every column that is watched; an alarm is raised when they add up to 1."""
    has_times: bool
    """Whether the alarms' times are times; positions in a file otherwise."""
    is_accumulated: bool = True
    """Whether blocks before the window were counted; by the window's own rows otherwise."""


def drift_state(alarms: DriftAlarms, evidence: Evidence | None, records: Records, prediction_name: str) -> DriftState:
    """The state as of the end of the window; by the window's own rows when no block has been counted before them.

    Parameters
    ----------
    evidence
        What the blocks up to now have told; None for rows that are no part of the stored history.
    prediction_name
        The name under which `alarms` know the predictions.
    """
    is_alone = evidence is None or not evidence.blocks
    if evidence is None or is_alone:
        table = Table({**records.features.columns, prediction_name: records.prediction})
        evidence = alarms.judged_alone(table, records.time)
    by_column = alarms.by_column(evidence) / len(alarms.legs)
    return DriftState(
        open=evidence.open if is_alone else evidence.open_at(records.window.end_us),
        evidence=dict(zip(alarms.legs, by_column.tolist(), strict=True)),
        has_times=not is_alone or records.time is not None,
        is_accumulated=not is_alone,
    )


def alarm_sentence(alarm: DriftAlarm, *, has_times: bool = True) -> str:
    """``drifted since 2007-07-24: its mean is higher by 1.2 sd (noticed 2007-08-07)``."""
    moved = _movement(alarm)
    if not has_times:
        return f"drifted: {moved}"
    return f"drifted since {told_time(alarm.since_us)}: {moved} (noticed {told_time(alarm.noticed_us)})"


def _movement(alarm: DriftAlarm) -> str:
    if alarm.column == ALL_FEATURES:
        where = "farther from" if alarm.is_up else "nearer to"
        return f"by {alarm.leg} they are {where} the reference than chance explains"
    more = "more" if alarm.is_up else "fewer"
    told = {
        MEAN: f"its mean is {'higher' if alarm.is_up else 'lower'} by {abs(alarm.size):.2g} sd",
        SPREAD: f"it spreads {math.exp(alarm.size / math.sqrt(2.0)):.2g} times as far",
        MIDDLE: f"{more} of its values lie in the reference's middle half than its mean and spread explain",
        MISSING: f"{more} values are missing",
        UNSEEN: f"{more} values are labels that the reference never had",
        OTHER: f"{more} values are rare labels",
    }
    return told.get(alarm.leg, f"the {alarm.leg} is {'larger' if alarm.is_up else 'smaller'}")
