"""A window's columns one by one: quality and drift of each feature and of the predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.drift import DriftDetector
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.profile import Profile, profile
from watchkeeper.domain.reference import EXACT_ROWS, ReferenceColumn
from watchkeeper.domain.table import Column
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Finding, Status

from .alarms.telling import DriftState
from .calibration import Edge
from .collected import Collected
from .judging import drift_finding, has_drifted, quality_finding
from .measuring import Subject, measured_drift, measured_evidence, measured_quality
from .missingness import UsualMissing
from .naming import PREDICTION
from .quality import MISSING_SHARE, QUALITY_SCORE
from .records import Records

PREDICTION_DRIFT: Final = "prediction_drift"
"""1 when the predictions' distribution is in alarm, or over an edge where there are no alarms; else 0."""
DRIFT_SHARE: Final = "drift_share"
"""The share of the features that have drifted."""


@attrs.frozen(eq=False)
class WatchedColumns:
    """The reference's columns, and how far a window's may be from them."""

    references: Mapping[str, ReferenceColumn]
    """The features, and the prediction under `PREDICTION`."""
    detectors: Mapping[str, DriftDetector]
    edges: Mapping[tuple[str, str], Edge]
    usual_missing: Mapping[str, UsualMissing]
    importance: Mapping[str, float]
    watches_drift: bool
    """Whether drift is told of: anything compares the columns, alone or together."""

    def of(self, records: Records) -> dict[str, Column | Profile]:
        """The columns that are compared with the reference; profiled where there are very many rows."""
        columns = {**records.features.columns, PREDICTION: records.prediction}
        return {
            name: _condensed(columns[name], reference) for name, reference in self.references.items() if name in columns
        }

    def check(
        self,
        subject: Subject,
        columns: Mapping[str, Column | Profile],
        into: Collected,
        *,
        state: DriftState | None = None,
        strange: Mapping[str, str] | None = None,
    ) -> None:
        """Measure and judge each column, those that matter most first.

        Parameters
        ----------
        state
            What the evidence says; without it the edges decide.
        strange
            Why columns that are not there could not be read.
        """
        reasons = strange or {}
        judged: list[bool] = []
        for name, reference in sorted(self.references.items(), key=lambda pair: -self.importance.get(pair[0], 0.0)):
            if name not in columns:
                into.add(_no_quality(subject, name, is_strange=name in reasons))
                into.findings.append(_absent(name, subject, reasons.get(name)))
                continue
            verdict = self._check_one(subject, reference, columns[name], state, into)
            if verdict is not None and name != PREDICTION:
                judged.append(verdict)
            elif verdict is not None:
                into.measurements.append(subject.measurement(PREDICTION_DRIFT, Value.of(float(verdict))))
        if self.watches_drift:
            into.measurements.append(subject.measurement(DRIFT_SHARE, _drift_share(judged)))

    def _check_one(
        self,
        subject: Subject,
        reference: ReferenceColumn,
        column: Column | Profile,
        state: DriftState | None,
        into: Collected,
    ) -> bool | None:
        """Whether it has drifted; None when that is not known."""
        name, importance = reference.name, self.importance.get(reference.name)
        quality = measured_quality(subject, reference, column, self.usual_missing.get(name))
        drifts, failed = measured_drift(subject, reference, column, self.detectors, self.edges, importance=importance)
        moved = "" if state is not None and name in state.evidence else self._moved(name, quality)
        into.add([*quality, *drifts], self._findings(reference, quality, drifts, state, moved), failed)
        if state is not None and name in state.evidence:
            into.measurements.append(measured_evidence(subject, name, state.evidence[name], importance))
        return has_drifted(name, drifts, state, missing=moved)

    def _moved(self, name: str, quality: Sequence[Measurement]) -> str:
        """Whether more or fewer values are missing than usual, where drift is told of and no alarm's evidence says."""
        usual, share = self.usual_missing.get(name), _missing_of(quality)
        if usual is None or share.number is None or not self.watches_drift:
            return ""
        return usual.moved(share.number, share.samples or 0)

    def _findings(
        self,
        reference: ReferenceColumn,
        quality: list[Measurement],
        drifts: list[Measurement],
        state: DriftState | None,
        moved: str,
    ) -> list[Finding]:
        name, gone = reference.name, _missing_of(quality)
        if gone.number == 1.0:
            sentence = f'feature "{name}" is all missing ({gone.samples} of {gone.samples} rows): drift UNKNOWN, not OK'
            return [Finding(Status.UNKNOWN, name, sentence, tuple(quality))]
        findings = [quality_finding(name, quality, reference.missing_share.number or 0.0)]
        if self.watches_drift:
            findings.append(drift_finding(name, drifts, state, why=self._why_no_edge(name), missing=moved))
        return findings

    def _why_no_edge(self, name: str) -> str:
        """What the first detector says that has none for this column."""
        edges = (self.edges.get((title, name)) for title in self.detectors)
        return next((edge.threshold.reason or "" for edge in edges if edge is not None), "")


def _missing_of(quality: Sequence[Measurement]) -> Value:
    return next(share.value for share in quality if share.name == MISSING_SHARE)


def _condensed(column: Column, reference: ReferenceColumn) -> Column | Profile:
    """The column; of more than `EXACT_ROWS` rows its profile, where the reference can count it."""
    if len(column) <= EXACT_ROWS or reference.cells is None:
        return column
    try:
        return profile(column, reference.cells)
    except DataError:
        return column  # of another kind than the reference, which detectors tell


def _absent(name: str, subject: Subject, reason: str | None) -> Finding:
    sentence = f'feature "{name}" is in none of the {subject.window.rows} rows: drift UNKNOWN, not OK'
    if reason is not None:
        sentence = f'feature "{name}" cannot be compared: drift UNKNOWN, not OK: {reason}'
    return Finding(Status.UNKNOWN, name, sentence)


def _no_quality(subject: Subject, name: str, *, is_strange: bool) -> list[Measurement]:
    """A feature that is not there, or cannot be read, has the lowest score."""
    value = Value.of(0.0, samples=subject.window.rows)
    return [subject.measurement(QUALITY_SCORE, value, {"feature": name})] if is_strange or subject.window.rows else []


def _drift_share(judged: list[bool]) -> Value:
    if not judged:
        return Value.undefined("no feature's drift could be judged")
    return Value.of(sum(judged) / len(judged), samples=len(judged))
