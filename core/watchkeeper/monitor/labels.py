"""Label drift: whether what turns out to be true is still distributed as in the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from watchkeeper.contracts.drift import DriftDetector
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.table import Column, ColumnKind, kind_of
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure, Finding

from .calibration import Allowance, Edge, edges_of_tests
from .judging import drift_finding, has_drifted
from .learned import Learned
from .measuring import Subject, measured_drift, undefined_by
from .naming import OUTCOME
from .records import Records

LABEL_DRIFT: Final = "label_drift"
"""1 when the outcomes' distribution is over an edge, else 0."""
LABEL_BUDGET: Final = 0.05
"""The part of a model's budget that the outcomes' distribution has."""


@attrs.frozen(eq=False)
class WatchedOutcomes:
    """The reference's outcomes, and how far a window's may be from them."""

    reference: ReferenceColumn
    detectors: Mapping[str, DriftDetector]
    edges: Mapping[tuple[str, str], Edge]
    min_rows: int

    @classmethod
    def fit(
        cls,
        outcome: Column,
        detectors: Mapping[str, DriftDetector],
        *,
        rows_per_window: int,
        budget: FalseAlarmBudget,
        step_us: float | None,
        min_rows: int,
        learned: Learned | None = None,
    ) -> WatchedOutcomes | None:
        """Fitted and calibrated; None where no detector is for such outcomes, or there are none."""
        kind = kind_of(outcome)
        chosen = {title: detector for title, detector in detectors.items() if kind in detector.columns}
        reference = ReferenceColumn.fit(OUTCOME, outcome)
        if not chosen or not reference.present or kind not in (ColumnKind.NUMERIC, ColumnKind.CATEGORY):
            return None
        part = FalseAlarmBudget(budget.alarms * LABEL_BUDGET, budget.per_us)
        allowance = Allowance.of(part, step_us, len(chosen))
        edges = edges_of_tests(chosen, OUTCOME, outcome, rows_per_window, allowance, learned=learned)
        return cls(reference, chosen, edges, min_rows)

    def check(self, subject: Subject, records: Records) -> tuple[list[Measurement], list[Finding], list[Failure]]:
        """The outcomes known so far beside the reference's; too few are told of by the performance's finding."""
        known = int(records.has_outcome.sum())
        if records.outcome is None or known < self.min_rows:
            told = f"{known} rows have an outcome, at least {self.min_rows} are needed"
            return [subject.measurement(LABEL_DRIFT, Value.undefined(told, samples=known))], [], []
        outcome = records.outcome[records.has_outcome]
        drifts, failures = measured_drift(subject, self.reference, outcome, self.detectors, self.edges)
        verdict = has_drifted(OUTCOME, drifts)
        value = Value.undefined("the reference does not tell what is usual", samples=known)
        if failures and len(failures) == len(drifts):
            value = undefined_by(failures[0])
        if verdict is not None:
            value = Value.of(float(verdict), samples=known)
        findings = [drift_finding(OUTCOME, drifts)]
        return [*drifts, subject.measurement(LABEL_DRIFT, value)], findings, failures
