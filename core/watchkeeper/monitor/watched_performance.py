"""How well a window was predicted: metrics, of segments too, their estimates, and evidence of performance alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure, Finding, Status

from .alarms.performance import RiskState, risk_alone, risk_of
from .alarms.risk import RiskAlarms
from .collected import Collected
from .estimation.by_segment import SegmentEstimators
from .estimation.estimator import Estimator
from .estimation.telling import estimates_told
from .evaluating import Judging, evaluation_of
from .judging import performance_findings, risk_finding
from .measuring import Subject, measured_cells, measured_metrics
from .records import Records
from .scale.profiled import ProfiledRows
from .segments import segments_of

RISK_EVIDENCE: Final = "risk_evidence"
"""How far performance is on the way to an alarm, which is raised at 1."""


@attrs.frozen(eq=False)
class WatchedPerformance:
    """What outcomes are held against, and what tells of performance while they are not known."""

    judging: Judging
    metrics: Mapping[str, Metric]
    min_rows: int
    risk: RiskAlarms | str
    """What raises performance alarms, or why nothing does."""
    segments: tuple[Segment, ...] = ()
    estimator: Estimator | None = None
    segment_estimators: SegmentEstimators | None = None

    def check(self, subject: Subject, records: Records, labelled: Measurement, into: Collected) -> None:
        """Measure and judge the window by each metric; `labelled` is how many of its rows have an outcome."""
        if not self.metrics:
            return
        estimates, expectation = self._estimates(subject, records)
        try:
            evaluation = evaluation_of(records, self.judging)
        except DataError as error:
            told = f"performance UNKNOWN, not OK: {error}" + (f"; {expectation}" if expectation else "")
            into.add(estimates, [Finding(Status.UNKNOWN, "performance", told)])
            return
        found, failed = measured_metrics(subject, evaluation, self.metrics)
        findings = performance_findings(_answered(found, failed), labelled, self.min_rows, expectation)
        into.add([*found, *estimates, *measured_cells(subject, evaluation, self.metrics)], findings, failed)
        into.add(self._by_segment(subject, records))

    def check_profiles(self, subject: Subject, rows: ProfiledRows, labelled: Measurement, into: Collected) -> None:
        """The same of rows that were not read: by those of them that were kept."""
        expectation = ""
        if self.metrics and rows.expected is not None:
            estimates, expectation = self._estimates(subject, rows.expected)
            into.add(estimates)
        if not self.metrics or rows.evaluation is None:
            return
        found, failed = measured_metrics(subject, rows.evaluation, self.metrics)
        findings = performance_findings(_answered(found, failed), labelled, self.min_rows, expectation)
        into.add([*found, *measured_cells(subject, rows.evaluation, self.metrics)], findings, failed)
        if rows.outcomes is not None:
            into.add(self._by_segment(subject, rows.outcomes), _unmeasured(self.segments, rows.outcomes))
        if not isinstance(self.risk, str):
            _add_risk(subject, risk_of(self.risk, rows.answers or rows.evaluation), into)

    def check_risk(self, subject: Subject, records: Records, state: RiskState | None, into: Collected) -> None:
        """Tell how far performance is on the way to an alarm; by the window alone where there is no `state`."""
        if not isinstance(self.risk, str):
            _add_risk(subject, state or risk_alone(self.risk, self.judging, records), into)

    def _estimates(self, subject: Subject, records: Records) -> tuple[list[Measurement], str]:
        """The metrics' estimates, and in words what they let expect."""
        if self.estimator is None:
            return [], ""
        estimates = self.estimator.estimated(subject, records)
        return estimates, estimates_told(estimates, self.estimator.assumption)

    def _by_segment(self, subject: Subject, records: Records) -> list[Measurement]:
        """The metrics of each segment, labelled with its column and value; a plugin that fails was told of above."""
        measurements: list[Measurement] = []
        for segment in self.segments:
            for name, rows in segments_of(records, segment):
                found, _ = measured_metrics(subject, evaluation_of(rows, self.judging), self.metrics, {"segment": name})
                measurements += found
                if self.segment_estimators is not None and not rows.has_outcome.all():
                    measurements += self.segment_estimators.estimated(subject, name, rows)
        return measurements


def _answered(metrics: list[Measurement], failures: list[Failure]) -> list[Measurement]:
    """Those whose plugin did not fail: a failure is a finding of its own."""
    failed = {failure.subject for failure in failures}
    return [metric for metric in metrics if metric.name not in failed]


def _unmeasured(segments: tuple[Segment, ...], records: Records) -> list[Finding]:
    """A finding for each segment that cannot be told: not all rows have its columns."""
    told: list[Finding] = []
    for segment in segments:
        lacking = [name for name in segment.columns if name not in records.features]
        if lacking:
            sentence = (
                f'segment "{segment.name}" UNKNOWN, not OK: not all rows have "{lacking[0]}" as the reference has it'
            )
            told.append(Finding(Status.UNKNOWN, segment.name, sentence))
    return told


def _add_risk(subject: Subject, state: RiskState | None, into: Collected) -> None:
    if state is not None:
        details = {"usual": state.usual, "limit": state.limit, "open": float(state.alarm is not None)}
        evidence = subject.measurement(RISK_EVIDENCE, Value.of(state.evidence), {}, details)
        into.add([evidence], [risk_finding(state, evidence)])
