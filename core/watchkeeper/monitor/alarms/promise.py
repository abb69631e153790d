"""From how long a reference on the budget of false alarms is a promise, and what is said of a shorter one."""

from __future__ import annotations

from typing import Final

from watchkeeper.domain.verdict import Finding, Status

from .drift import DriftAlarms
from .legs import MEAN
from .risk import RiskAlarms

BUDGET: Final = "false alarms"
"""What the finding is about."""
ENOUGH: Final = 100
"""So many blocks of reference keep the budget where levels do not wander, or not for long."""
ENOUGH_IN_WEATHER: Final = 200
"""So many keep it where levels wander for a good part of the reference."""
_FEWEST_WITNESSES: Final = 8.0
"""A mean that fewer independent blocks would tell as well is of a level that wanders for long."""


def promise_finding(drift: DriftAlarms | str | None, risk: RiskAlarms | str) -> Finding | None:
    """That the reference is too short for the promise, or for evidence at all; None where it is long enough.

    It is told, and judges nothing: the data are as well as they were. `drift` is None where nothing watches it.
    """
    told = no_evidence_told(drift) if isinstance(drift, str) else _fitted_told(drift, risk)
    return None if told is None else Finding(Status.OK, BUDGET, told, is_judged=False)


def no_evidence_told(reason: str) -> str:
    """What comes of a reference that is too short for blocks."""
    return f"no evidence of drift is gathered, and single windows are held against thresholds: {reason}"


def too_few_told(blocks: int, wanders: str | None = None) -> str | None:
    """From how many blocks on the budget is a promise; None when there are as many. `wanders`: a column in weather."""
    needed = ENOUGH if wanders is None else ENOUGH_IN_WEATHER
    if blocks >= needed:
        return None
    why = "" if wanders is None else f' where levels wander for as long as that of "{wanders}" does'
    return (
        f"the budget of false alarms is promised from {needed} blocks of reference on{why} (a block is a window, or an "
        f"even part of one); this one has {blocks}: until it is longer alarms may come more often"
    )


def _fitted_told(drift: DriftAlarms | None, risk: RiskAlarms | str) -> str | None:
    blocks = [alarms.reference_blocks for alarms in (drift, risk) if alarms is not None and not isinstance(alarms, str)]
    if not blocks:
        return None
    is_long = min(blocks) >= ENOUGH
    return too_few_told(min(blocks), _wanders_longest(drift) if drift is not None and is_long else None)


def _wanders_longest(drift: DriftAlarms) -> str | None:
    """The column whose mean has the fewest witnesses, where that is too few."""
    witnesses = {
        column: float(found)
        for (column, leg), found in zip(drift.series, drift.whitening.witnesses, strict=True)
        if leg == MEAN
    }
    column = min(witnesses, key=witnesses.__getitem__, default=None)
    return column if column is not None and witnesses[column] < _FEWEST_WITNESSES else None
