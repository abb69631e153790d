"""What is said of a window as a whole: its age, its columns' names, repeated rows, and all features together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.domain.table import Table
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Finding, Status

from .alarms.telling import DriftState
from .calibration import Edge
from .collected import Collected
from .judging import age_finding, repetition_finding, stale_after_us, together_finding
from .measuring import Subject, measured_evidence, measured_tables
from .missingness import UsualRepeats
from .naming import ALL_FEATURES
from .quality import DUPLICATE_SHARE, QUALITY_SCORE, duplicate_share, overall_score
from .records import Records
from .scale.profiled import ProfiledRows
from .schema import SCHEMA_CHANGES, SchemaChanges
from .tables import Tables

TOGETHER_DRIFT: Final = "together_drift"
"""1 when all features together are in alarm, or over an edge; else 0."""


def check_age(subject: Subject, now_us: int, last_us: int, longest_gap_us: int, into: Collected) -> None:
    """How long ago the last row was, beside how long that may be."""
    limit = {"limit": stale_after_us(longest_gap_us) / 1e6}
    age = subject.measurement("age_seconds", Value.of(max(now_us - last_us, 0) / 1e6), {}, limit)
    into.add([age], [age_finding(age)])


def check_schema(subject: Subject, changes: SchemaChanges, rows: int, into: Collected) -> None:
    """How a file's columns differ from the reference's."""
    details = {
        "missing": float(len(changes.missing)),
        "new": float(len(changes.new)),
        "renamed": float(len(changes.renamed)),
        "retyped": float(len(changes.retyped)),
    }
    found = subject.measurement(SCHEMA_CHANGES, Value.of(changes.count, samples=rows), {}, details)
    status, told = Status.OK, "the columns are the reference's"
    if changes.count:
        status, told = Status.WARN, changes.sentence
    into.add([found], [Finding(status, "schema", told, (found,))])


def check_together(
    subject: Subject,
    tables: Tables,
    features: Table,
    into: Collected,
    *,
    edges: Mapping[tuple[str, str], Edge],
    state: DriftState | None,
) -> None:
    """All features together beside the reference's."""
    drifts, failed = measured_tables(subject, tables, features.columns, edges)
    into.add(drifts, failures=failed)
    if state is not None and ALL_FEATURES in state.evidence:
        into.measurements.append(measured_evidence(subject, ALL_FEATURES, state.evidence[ALL_FEATURES]))
    if drifts:
        finding = together_finding(drifts, state)
        into.add([subject.measurement(TOGETHER_DRIFT, _is_warned(finding))], [finding])


def check_sample_together(
    subject: Subject, tables: Tables, rows: ProfiledRows, into: Collected, *, edges: Mapping[tuple[str, str], Edge]
) -> None:
    """All features together of rows that were not read: by those chosen of them, or in words why not at all."""
    if rows.together is None:
        titles = ", ".join(tables.detectors)
        reason = (
            f"{titles} compare whole rows, and these were merged from profiles of single columns: check a window or "
            "files for that"
        )
        for title in tables.detectors:
            into.measurements.append(subject.measurement(title, Value.undefined(reason), {"feature": ALL_FEATURES}, {}))
        into.add(findings=[Finding(Status.OK, ALL_FEATURES, f"not compared together: {reason}")])
        return
    chosen = len(rows.together)
    drifts, failed = measured_tables(subject, tables, rows.together.columns, edges)
    drifts = [attrs.evolve(drift, details={**drift.details, "sampled": float(chosen)}) for drift in drifts]
    into.add(drifts, failures=failed)
    if drifts:
        finding = together_finding(drifts, None)
        if chosen < rows.window.rows:
            told = f"{finding.sentence} (by {chosen} of {rows.window.rows} rows, chosen by a hash)"
            finding = attrs.evolve(finding, sentence=told)
        into.add([subject.measurement(TOGETHER_DRIFT, _is_warned(finding))], [finding])


def check_quality(subject: Subject, into: Collected) -> None:
    """The score of all features' quality, from those that were measured."""
    scores = [found.value for found in into.values_of(QUALITY_SCORE)]
    into.measurements.append(subject.measurement(QUALITY_SCORE, overall_score(scores)))


def check_repetition(
    subject: Subject, features: Table, usual: Value, repeats: UsualRepeats | None, into: Collected
) -> None:
    """Whether more rows repeat another in every feature than the reference's, whose share is `usual`."""
    details = {} if usual.number is None else {"reference": usual.number}
    if repeats is not None:
        details["threshold"] = repeats.threshold(len(features))
    repeated = subject.measurement(DUPLICATE_SHARE, duplicate_share(features), {}, details)
    into.add([repeated], [repetition_finding(repeated, usual)])


def features_of(records: Records, names: Sequence[str]) -> Table:
    """The model's features that the window has."""
    return records.features.select(name for name in names if name in records.features)


def _is_warned(finding: Finding) -> Value:
    if finding.status is Status.UNKNOWN:
        return Value.undefined(finding.sentence)
    return Value.of(float(finding.status is Status.WARN))
