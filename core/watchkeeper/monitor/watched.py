"""One watched model: fitted once on its reference, then asked about window after window."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from watchkeeper.contracts.drift import DriftDetector, TableDetector
from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.health import Thresholds
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.profile import Profile, profile
from watchkeeper.domain.reference import EXACT_ROWS, ReferenceColumn
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure, Finding, Status

from .alarms.drift import DriftAlarms
from .alarms.evidence import Evidence
from .alarms.fitting import TOLERANCE, AlarmTerms, fitted_alarms, in_order
from .alarms.performance import RISK_SHARE, RiskState, reference_risk, risk_alone, risk_of, shared
from .alarms.risk import RiskAlarms
from .alarms.telling import DriftState, drift_state
from .calibration import FEWEST_WINDOWS, Allowance, Edge, edges_of, table_edge
from .estimation.by_segment import SegmentEstimators
from .estimation.estimator import Estimator
from .estimation.telling import estimates_told
from .evaluating import Judging, evaluation_of
from .judging import (
    age_finding,
    drift_finding,
    has_drifted,
    performance_findings,
    quality_finding,
    repeated_finding,
    repetition_finding,
    risk_finding,
    sample_finding,
    stale_after_us,
    together_finding,
    verdict_of,
)
from .labels import LABEL_BUDGET, WatchedOutcomes
from .learned import Learned
from .measuring import Subject, measured_cells, measured_drift, measured_metrics, measured_quality, measured_tables
from .missingness import MISSING_BUDGET, UsualMissing, usual_missing
from .naming import ALL_FEATURES, PREDICTION
from .quality import DUPLICATE_SHARE, MISSING_SHARE, QUALITY_SCORE, duplicate_share, overall_score
from .records import Records
from .result import CheckResult
from .scale.profiled import ProfiledRows
from .schema import SCHEMA_CHANGES
from .segments import segments_of
from .service import Service
from .tables import TOGETHER_BUDGET, WINDOWS, Tables

DRIFT_EVIDENCE = "drift_evidence"
"""How far a feature is on the way to an alarm: one is raised when the evidence of all adds up to 1."""

RISK_EVIDENCE = "risk_evidence"
"""How far performance is on the way to an alarm, which is raised at 1."""

TOGETHER_DRIFT = "together_drift"
"""1 when all features together are in alarm, or over an edge; else 0."""

PREDICTION_DRIFT = "prediction_drift"
"""1 when the predictions' distribution is in alarm, or over an edge where there are no alarms; else 0."""

__all__ = [
    "DRIFT_EVIDENCE",
    "PREDICTION",
    "PREDICTION_DRIFT",
    "RISK_EVIDENCE",
    "TOGETHER_DRIFT",
    "WatchedModel",
    "fitted",
]


@attrs.frozen(eq=False)
class WatchedModel:
    """What is known of a model before any window is looked at. Make one with `fitted`."""

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
        samples = subject.measurement("samples", Value.of(len(records)))
        labelled = subject.measurement("labelled", Value.of(int(records.has_outcome.sum())))
        measurements = [samples, labelled]
        findings = [sample_finding(samples, self.min_rows)]
        if repeated := records.repeated:
            findings.append(repeated_finding(samples, repeated))
        failures: list[Failure] = []
        if now_us is not None and records.time is not None:
            longest_us = int(np.diff(records.time).max(initial=0))
            age = _age(subject, now_us, int(records.time[-1]), longest_us)
            measurements.append(age)
            findings.append(age_finding(age))
        if self.service is not None:
            measurements += self.service.measured(subject, records)
        self._check_performance(subject, records, labelled, (measurements, findings, failures))
        self._check_risk(subject, records, risk, (measurements, findings, failures))
        state = None
        if isinstance(self.alarms, DriftAlarms) and len(records):
            state = drift_state(self.alarms, evidence, records, PREDICTION)
        self._check_schema(subject, records, (measurements, findings, failures))
        self._check_columns(subject, self._columns(records), state, (measurements, findings, failures), records.strange)
        self._check_together(subject, records, state, (measurements, findings, failures))
        whole = self._whole_quality(subject, records, measurements)
        measurements += whole
        findings.append(repetition_finding(whole[-1], self.duplicates))
        if len(records) < self.min_rows:  # too few rows to judge anything: what was found is kept, not acted upon
            findings = [finding for finding in findings if finding.status is not Status.WARN]
        return CheckResult(
            self.name, records.version, records.window, verdict_of(findings, failures), tuple(measurements)
        )

    def check_profiles(self, rows: ProfiledRows, now_us: int | None = None) -> CheckResult:
        """Measure and judge rows that were profiled, not read: a long stretch of history, files beyond memory.

        Distances are between profiles, with their bounds. They are held against the edges that were calibrated for a
        window: chance leads more rows less far, so that those stay on the safe side. No evidence of drift alarms is
        counted; that of performance is by the labelled rows alone. With `now_us` the age of the last row is judged.
        """
        subject = Subject(self.name, rows.version, rows.window)
        samples = subject.measurement("samples", Value.of(rows.window.rows))
        labelled = subject.measurement("labelled", Value.of(rows.labelled))
        measurements = [samples, labelled]
        findings = [sample_finding(samples, self.min_rows), *rows.findings]
        failures: list[Failure] = []
        expectation = ""
        if self.estimator is not None and self.metrics and rows.expected is not None:
            estimates = self.estimator.estimated(subject, rows.expected)
            expectation = estimates_told(estimates, self.estimator.assumption)
            measurements += estimates
        if self.metrics and rows.evaluation is not None:
            found, failures = measured_metrics(subject, rows.evaluation, self.metrics)
            measurements += found
            measurements += measured_cells(subject, rows.evaluation, self.metrics)
            findings += performance_findings(found, labelled, self.min_rows, expectation)
            if not isinstance(self.risk, str) and not self.judging.probabilities:
                self._add_risk(subject, risk_of(self.risk, rows.evaluation), (measurements, findings, failures))
        if now_us is not None and rows.window.end_us > 0:
            age = _age(subject, now_us, rows.window.end_us - 1, rows.longest_gap_us)
            measurements.append(age)
            findings.append(age_finding(age))
        self._check_columns(subject, rows.profiles, None, (measurements, findings, failures), {})
        scores = [found.value for found in measurements if found.name == QUALITY_SCORE]
        measurements.append(subject.measurement(QUALITY_SCORE, overall_score(scores)))
        return CheckResult(self.name, rows.version, rows.window, verdict_of(findings, failures), tuple(measurements))

    def _check_performance(self, subject: Subject, records: Records, labelled: Measurement, into: _Collected) -> None:
        measurements, findings, failures = into
        if not self.metrics:
            return
        estimates, expectation = [], ""
        if self.estimator is not None:
            estimates = self.estimator.estimated(subject, records)
            expectation = estimates_told(estimates, self.estimator.assumption)
        try:
            evaluation = evaluation_of(records, self.judging)
        except DataError as error:
            told = f"performance UNKNOWN, not OK: {error}" + (f"; {expectation}" if expectation else "")
            findings.append(Finding(Status.UNKNOWN, "performance", told))
            measurements += estimates
            return
        found, failed = measured_metrics(subject, evaluation, self.metrics)
        measurements += [*found, *estimates, *measured_cells(subject, evaluation, self.metrics)]
        measurements += self._by_segment(subject, records)
        failures += failed
        findings += performance_findings(found, labelled, self.min_rows, expectation)

    def _check_risk(self, subject: Subject, records: Records, risk: RiskState | None, into: _Collected) -> None:
        if not isinstance(self.risk, str):
            self._add_risk(subject, risk or risk_alone(self.risk, self.judging, records), into)

    def _add_risk(self, subject: Subject, state: RiskState | None, into: _Collected) -> None:
        measurements, findings, _ = into
        if state is not None:
            is_open = float(state.alarm is not None)
            details = {"usual": state.usual, "limit": state.limit, "open": is_open}
            evidence = subject.measurement(RISK_EVIDENCE, Value.of(state.evidence), {}, details)
            measurements.append(evidence)
            findings.append(risk_finding(state, evidence))

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

    def _check_columns(
        self,
        subject: Subject,
        columns: Mapping[str, Column | Profile],
        state: DriftState | None,
        into: _Collected,
        strange: Mapping[str, str],
    ) -> None:
        measurements, findings, failures = into
        judged: list[bool] = []
        for name, reference in self._by_importance():
            if name not in columns:
                findings.append(_absent(name, subject, strange.get(name)))
                measurements += _no_quality(subject, name, is_strange=name in strange)
                continue
            quality = measured_quality(subject, reference, columns[name], self.usual_missing.get(name))
            drifts, failed = measured_drift(
                subject, reference, columns[name], self.detectors, self.edges, importance=self.importance.get(name)
            )
            measurements += [*quality, *drifts]
            if state is not None and name in state.evidence:
                measurements.append(_evidence(subject, name, state, self.importance))
            failures += failed
            findings += self._column_findings(name, reference, quality, drifts, state)
            verdict = has_drifted(name, drifts, state)
            if verdict is not None and name != PREDICTION:
                judged.append(verdict)
            elif verdict is not None:
                measurements.append(subject.measurement(PREDICTION_DRIFT, Value.of(float(verdict))))
        if self._watches_drift:
            measurements.append(subject.measurement("drift_share", _drift_share(judged)))

    @property
    def _watches_drift(self) -> bool:
        return bool(self.detectors) or self.tables is not None

    def _by_importance(self) -> list[tuple[str, ReferenceColumn]]:
        """The columns, those that matter most first: what is found of them is told in this order."""
        return sorted(self.references.items(), key=lambda pair: -self.importance.get(pair[0], 0.0))

    def _check_together(self, subject: Subject, records: Records, state: DriftState | None, into: _Collected) -> None:
        """All features together, and the outcomes."""
        measurements, findings, failures = into
        if self.tables is not None:
            features = {name: records.features[name] for name in self.features if name in records.features}
            drifts, failed = measured_tables(subject, self.tables, features, self.edges)
            measurements += drifts
            failures += failed
            if state is not None and ALL_FEATURES in state.evidence:
                measurements.append(_evidence(subject, ALL_FEATURES, state, {}))
            if drifts:
                finding = together_finding(drifts, state)
                findings.append(finding)
                measurements.append(subject.measurement(TOGETHER_DRIFT, _is_warned(finding)))
        if self.outcomes is not None:
            found, told, failed = self.outcomes.check(subject, records)
            measurements += found
            findings += told
            failures += failed

    def _whole_quality(self, subject: Subject, records: Records, measurements: list[Measurement]) -> list[Measurement]:
        """What is said of the window and not of one feature."""
        scores = [found.value for found in measurements if found.name == QUALITY_SCORE]
        rows = records.features.select(name for name in self.features if name in records.features)
        repeated = duplicate_share(rows)
        return [
            subject.measurement(QUALITY_SCORE, overall_score(scores)),
            subject.measurement(DUPLICATE_SHARE, repeated, {}, _reference_share(self.duplicates)),
        ]

    def _check_schema(self, subject: Subject, records: Records, into: _Collected) -> None:
        measurements, findings, _ = into
        changes = records.changes
        if changes is None:
            return
        details = {
            "missing": float(len(changes.missing)),
            "new": float(len(changes.new)),
            "renamed": float(len(changes.renamed)),
            "retyped": float(len(changes.retyped)),
        }
        found = subject.measurement(SCHEMA_CHANGES, Value.of(changes.count, samples=len(records)), {}, details)
        measurements.append(found)
        status, told = Status.OK, "the columns are the reference's"
        if changes.count:
            status, told = Status.WARN, changes.sentence
        findings.append(Finding(status, "schema", told, (found,)))

    def _columns(self, records: Records) -> dict[str, Column | Profile]:
        """The columns that are compared with the reference; profiled where there are very many rows."""
        columns = {**records.features.columns, PREDICTION: records.prediction}
        return {
            name: _condensed(columns[name], reference) for name, reference in self.references.items() if name in columns
        }

    def _column_findings(
        self,
        name: str,
        reference: ReferenceColumn,
        quality: list[Measurement],
        drifts: list[Measurement],
        state: DriftState | None,
    ) -> list[Finding]:
        shares = {share.name: share.value for share in quality}
        gone = shares[MISSING_SHARE]
        if gone.number == 1.0:
            sentence = f'feature "{name}" is all missing ({gone.samples} of {gone.samples} rows): drift UNKNOWN, not OK'
            return [Finding(Status.UNKNOWN, name, sentence, tuple(quality))]
        findings = [quality_finding(name, quality, reference.missing_share.number or 0.0)]
        if self._watches_drift:
            findings.append(drift_finding(name, drifts, state))
        return findings


_Collected = tuple[list[Measurement], list[Finding], list[Failure]]


def _condensed(column: Column, reference: ReferenceColumn) -> Column | Profile:
    """The column; of more than `EXACT_ROWS` rows its profile, where the reference can count it."""
    if len(column) <= EXACT_ROWS or reference.cells is None:
        return column
    try:
        return profile(column, reference.cells)
    except DataError:
        return column  # of another kind than the reference, which detectors tell


def _is_warned(finding: Finding) -> Value:
    if finding.status is Status.UNKNOWN:
        return Value.undefined(finding.sentence)
    return Value.of(float(finding.status is Status.WARN))


def _age(subject: Subject, now_us: int, last_us: int, longest_gap_us: int) -> Measurement:
    """How long ago the last row was, beside how long that may be."""
    limit = {"limit": stale_after_us(longest_gap_us) / 1e6}
    return subject.measurement("age_seconds", Value.of(max(now_us - last_us, 0) / 1e6), {}, limit)


def _absent(name: str, subject: Subject, reason: str | None) -> Finding:
    sentence = f'feature "{name}" is in none of the {subject.window.rows} rows: drift UNKNOWN, not OK'
    if reason is not None:
        sentence = f'feature "{name}" cannot be compared: drift UNKNOWN, not OK: {reason}'
    return Finding(Status.UNKNOWN, name, sentence)


def _no_quality(subject: Subject, name: str, *, is_strange: bool) -> list[Measurement]:
    """A feature that is not there, or cannot be read, has the lowest score."""
    value = Value.of(0.0, samples=subject.window.rows)
    return [subject.measurement(QUALITY_SCORE, value, {"feature": name})] if is_strange or subject.window.rows else []


def _evidence(subject: Subject, name: str, state: DriftState, importance: Mapping[str, float]) -> Measurement:
    details = {"importance": importance[name]} if name in importance else {}
    return subject.measurement(DRIFT_EVIDENCE, Value.of(state.evidence[name]), {"feature": name}, details)


def _reference_share(share: Value) -> dict[str, float]:
    return {} if share.number is None else {"reference": share.number}


def _drift_share(judged: list[bool]) -> Value:
    if not judged:
        return Value.undefined("no feature's drift could be judged")
    return Value.of(sum(judged) / len(judged), samples=len(judged))


def fitted(  # noqa: PLR0913 - what a model is configured with, each once
    name: str,
    judging: Judging,
    reference: Table,
    metrics: Mapping[str, Metric],
    detectors: Mapping[str, DriftDetector | TableDetector],
    *,
    window: WindowSize,
    budget: FalseAlarmBudget,
    min_rows: int,
    step: WindowSize | None = None,
    tolerance: float = TOLERANCE,
    outcome: Column | None = None,
    importance: Mapping[str, float] | None = None,
    learned: Learned | None = None,
) -> WatchedModel:
    """Learn from the reference: `reference` holds the features, `PREDICTION`, and ``time`` as int64 µs when known.

    `step` is how far apart windows are, when they overlap: evidence is gathered in such pieces, each counted once.
    With the reference's `outcome` performance alarms have a part of the budget. What is found in `learned` is not
    calibrated again.
    """
    times = reference.columns.get("time")
    at = None if times is None or isinstance(times, Categories) else times
    columns = {name: reference[name] for name in reference if name != "time" and _is_comparable(reference[name])}
    references = {name: ReferenceColumn.fit(name, column) for name, column in columns.items()}
    single = {title: one for title, one in detectors.items() if isinstance(one, DriftDetector)}
    together = {title: one for title, one in detectors.items() if isinstance(one, TableDetector)}
    rows, _ = _window_in_reference(window, times, len(reference))
    _, step_us = _window_in_reference(step or window, times, len(reference))
    tables = None
    if together:
        features = {name: found for name, found in references.items() if name != PREDICTION}
        tables = Tables.fit(together, features, in_order(Table(columns), at), learned)
    fitting = sum(found.kind in detector.columns for found in references.values() for detector in single.values())
    allowance = Allowance.of(budget, step_us, fitting)
    edges = edges_of(single, columns, references, rows, allowance, learned=learned)
    if tables is not None:
        single_windows = Allowance.of(_part(budget, TOGETHER_BUDGET), step_us, len(together))
        edges |= _table_edges(tables, in_order(Table(columns), at), rows, single_windows)
    outcomes = None
    if single and outcome is not None:
        outcomes = WatchedOutcomes.fit(
            outcome, single, rows_per_window=rows, budget=budget, step_us=step_us, min_rows=min_rows, learned=learned
        )
    terms = AlarmTerms(step or window, budget, tolerance)
    risk: RiskAlarms | str = "no metric is configured"
    if metrics:
        share = RISK_SHARE if detectors else 1.0
        risk = reference_risk(judging, reference[PREDICTION], outcome, at, shared(terms, share))
    alarms: DriftAlarms | str = "no drift detector is configured"
    if detectors:
        others = (not isinstance(risk, str)) * RISK_SHARE + MISSING_BUDGET
        others += (outcomes is not None) * LABEL_BUDGET + (tables is not None) * TOGETHER_BUDGET
        alarms = fitted_alarms(references, Table(columns), at, shared(terms, 1.0 - others), tables)
    for_missing = Allowance.of(_part(budget, MISSING_BUDGET), step_us, len(references))
    return WatchedModel(
        name,
        judging,
        references,
        metrics,
        single,
        edges,
        allowance,
        min_rows,
        alarms,
        risk,
        tables=tables,
        outcomes=outcomes,
        usual_missing=usual_missing(columns, references, rows, for_missing),
        duplicates=duplicate_share(Table({name: found for name, found in columns.items() if name != PREDICTION})),
        importance=importance or {},
    )


def _part(budget: FalseAlarmBudget, share: float) -> FalseAlarmBudget:
    return FalseAlarmBudget(budget.alarms * share, budget.per_us)


def _table_edges(tables: Tables, ordered: Table, rows: int, allowance: Allowance) -> dict[tuple[str, str], Edge]:
    """An edge for each table detector, from windows of the reference."""
    windows = len(ordered) // max(rows, 1)
    block = np.arange(windows * rows, dtype=np.int64) // max(rows, 1)
    usual = tables.usual(ordered, block, windows, WINDOWS) if windows >= FEWEST_WINDOWS else {}
    return {
        (title, ALL_FEATURES): table_edge(usual[title].distances if title in usual else (), windows, allowance)
        for title in tables.detectors
    }


def _is_comparable(column: Column) -> bool:
    return kind_of(column) in (ColumnKind.NUMERIC, ColumnKind.CATEGORY)


def _window_in_reference(window: WindowSize, times: Column | None, rows: int) -> tuple[int, float | None]:
    """How many reference rows a window holds, and how long it lasts in µs (None when there are no times)."""
    span_us = 0.0
    if times is not None and not isinstance(times, Categories) and rows > 1:
        span_us = float(np.max(times) - np.min(times))
    if window.rows is not None:
        return window.rows, span_us * window.rows / rows if span_us else None
    duration = float(window.duration.us) if window.duration else 0.0
    return (max(int(rows * duration / span_us), 1) if span_us else max(rows // 20, 1)), duration
