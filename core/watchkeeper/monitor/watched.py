"""One watched model: what is known of it before any window, asked about window after window."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from watchkeeper.contracts.drift import DriftDetector
from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.health import Thresholds
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.table import ColumnKind
from watchkeeper.domain.value import Value

from .alarms.drift import DriftAlarms
from .alarms.evidence import Evidence
from .alarms.performance import RiskState
from .alarms.promise import promise_finding
from .alarms.risk import RiskAlarms
from .alarms.telling import DriftState, drift_state
from .calibration import Allowance, Edge
from .collected import Collected
from .estimation.by_segment import SegmentEstimators
from .estimation.estimator import Estimator
from .evaluating import Judging
from .judging import before_reference_finding, repeated_finding, sample_finding
from .labels import WatchedOutcomes
from .measuring import Subject
from .missingness import UsualMissing, UsualRepeats
from .naming import PREDICTION
from .records import Records
from .result import CheckResult
from .scale.profiled import ProfiledRows
from .service import Service
from .tables import Tables
from .watched_columns import WatchedColumns
from .watched_performance import WatchedPerformance
from .whole_window import (
    check_age,
    check_quality,
    check_repetition,
    check_sample_together,
    check_schema,
    check_together,
    features_of,
)


@attrs.frozen(eq=False)
class WatchedModel:
    """What is known of a model before any window is looked at. Make one with `fitting.fitted`."""

    name: str
    judging: Judging
    references: Mapping[str, ReferenceColumn]
    """The features, and the prediction under `PREDICTION`."""
    metrics: Mapping[str, Metric]
    detectors: Mapping[str, DriftDetector]
    edges: Mapping[tuple[str, str], Edge]
    allowance: Allowance
    min_rows: int
    alarms: DriftAlarms | str
    """What raises drift alarms, or why the reference is too short for it: then the edges do."""
    risk: RiskAlarms | str
    """What raises performance alarms, or why nothing does."""
    segments: tuple[Segment, ...] = ()
    """What the metrics are given apart by."""
    health: Mapping[str, Thresholds] = attrs.field(factory=dict)
    """By measurement, from where on it is bad."""
    estimator: Estimator | None = None
    """What tells the metrics of rows whose outcomes are not known; None: nothing does."""
    segment_estimators: SegmentEstimators | None = None
    """The same for each segment, while outcomes of its rows are not known."""
    tables: Tables | None = None
    """What compares all features together; None: nothing does."""
    outcomes: WatchedOutcomes | None = None
    """What outcomes are compared with; None: the reference has none, or no detector is configured."""
    usual_missing: Mapping[str, UsualMissing] = attrs.field(factory=dict)
    """How large a share of each column may be missing."""
    kinds: Mapping[str, ColumnKind] = attrs.field(factory=dict)
    """What each column of the reference held, also of those that are no features."""
    duplicates: Value = attrs.field(factory=lambda: Value.undefined("the reference was not looked at"))
    """The share of the reference's rows that repeat another."""
    usual_repeats: UsualRepeats | None = None
    """How large a share of a window's rows may repeat another; None: nothing says."""
    importance: Mapping[str, float] = attrs.field(factory=dict)
    """How much features matter to the model, where somebody measured it."""
    service: Service | None = None
    """How it answers: latency and errors; None: nothing says."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names."""
        return tuple(name for name in self.references if name != PREDICTION)

    @property
    def recorded(self) -> tuple[str, ...]:
        """The columns stored with a prediction: features, and those of segments, probabilities and its service."""
        of_segments = (name for part in self.segments for name in part.columns)
        of_service = self.service.columns if self.service else ()
        return tuple(dict.fromkeys((*self.features, *of_segments, *self.judging.probabilities, *of_service)))

    def check(
        self,
        records: Records,
        now_us: int | None = None,
        evidence: Evidence | None = None,
        risk: RiskState | None = None,
    ) -> CheckResult:
        """Measure and judge one window. One plugin's failure, or one broken column, leaves the others' results.

        Parameters
        ----------
        now_us
            The age of the last row is judged too: rows that stopped coming are UNKNOWN.
        evidence
            What all blocks up to now have told about drift; the window's own rows do when it is left out.
        risk
            What all outcomes up to now have told about performance; the window's own do when it is left out.
        """
        subject = Subject(self.name, records.version, records.window)
        into = self._counted(subject, len(records), int(records.has_outcome.sum()))
        samples, labelled = into.measurements
        watches_drift = bool(self.detectors) or self.tables is not None
        if (promise := promise_finding(self.alarms if watches_drift else None, self.risk)) is not None:
            into.findings.append(promise)
        if repeated := records.repeated:
            into.findings.append(repeated_finding(samples, repeated))
        if now_us is not None and records.time is not None:
            longest_us = int(np.diff(records.time).max(initial=0))
            check_age(subject, now_us, int(records.time[-1]), longest_us, into)
            end_us = None if isinstance(self.alarms, str) else self.alarms.reference_end_us
            if evidence is not None and end_us is not None and int(records.time[-1]) < end_us:
                into.findings.append(before_reference_finding(samples, end_us))
        if self.service is not None:
            into.add(self.service.measured(subject, records))
        self._performance.check(subject, records, labelled, into)
        self._performance.check_risk(subject, records, risk, into)
        self._check_data(subject, records, evidence, into)
        return into.result(subject, is_judged=len(records) >= self.min_rows)

    def check_profiles(self, rows: ProfiledRows) -> CheckResult:
        """Measure and judge rows that were profiled, not read: a long stretch of history, files beyond memory.

        Distances are between profiles, with their bounds. They are held against the edges that were calibrated for a
        window: chance leads more rows less far, so that those stay on the safe side. No evidence of drift alarms is
        counted; that of performance is by the labelled rows alone. How old the rows are is not judged.
        """
        subject = Subject(self.name, rows.version, rows.window)
        into = self._counted(subject, rows.window.rows, rows.labelled)
        _, labelled = into.measurements
        into.add(findings=rows.findings)
        if self.service is not None:
            sampled = {} if rows.latencies is None else {"sampled": float(len(rows.latencies))}
            latencies = np.empty(0) if rows.latencies is None else rows.latencies
            into.add(self.service.told(subject, latencies, rows.failed, sampled))
        self._performance.check_profiles(subject, rows, labelled, into)
        self._columns.check(subject, rows.profiles, into)
        if self.tables is not None:
            check_sample_together(subject, self.tables, rows, into, edges=self.edges)
        if self.outcomes is not None and rows.outcomes is not None:
            into.add(*self.outcomes.check(subject, rows.outcomes))
        check_quality(subject, into)
        return into.result(subject)

    def _counted(self, subject: Subject, rows: int, labelled: int) -> Collected:
        """How many rows there are, and how many of them have an outcome: what every check begins with."""
        samples = subject.measurement("samples", Value.of(rows))
        known = subject.measurement("labelled", Value.of(labelled))
        return Collected([samples, known], [sample_finding(samples, self.min_rows)])

    def _check_data(self, subject: Subject, records: Records, evidence: Evidence | None, into: Collected) -> None:
        """What the rows hold: their columns one by one, all together, and the outcomes."""
        state = self._drift_state(records, evidence)
        features = features_of(records, self.features)
        if records.changes is not None:
            check_schema(subject, records.changes, len(records), into)
        columns = self._columns
        columns.check(subject, columns.of(records), into, state=state, strange=records.strange)
        if self.tables is not None:
            check_together(subject, self.tables, features, into, edges=self.edges, state=state)
        if self.outcomes is not None:
            into.add(*self.outcomes.check(subject, records))
        check_quality(subject, into)
        check_repetition(subject, features, self.duplicates, self.usual_repeats, into)

    def _drift_state(self, records: Records, evidence: Evidence | None) -> DriftState | None:
        if isinstance(self.alarms, str) or not len(records):
            return None
        return drift_state(self.alarms, evidence, records, PREDICTION)

    @property
    def _columns(self) -> WatchedColumns:
        return WatchedColumns(
            self.references,
            self.detectors,
            self.edges,
            self.usual_missing,
            self.importance,
            watches_drift=bool(self.detectors) or self.tables is not None,
        )

    @property
    def _performance(self) -> WatchedPerformance:
        return WatchedPerformance(
            self.judging,
            self.metrics,
            self.min_rows,
            self.risk,
            self.segments,
            self.estimator,
            self.segment_estimators,
        )
