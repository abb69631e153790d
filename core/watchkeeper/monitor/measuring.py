"""Measurements of one window: every metric, detector and quality share, each behind the plugin boundary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Final

import attrs

from watchkeeper.contracts.drift import Drift, DriftDetector
from watchkeeper.contracts.metric import Metric
from watchkeeper.domain.comparison import Comparison
from watchkeeper.domain.evaluation import Evaluation
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.model import Task
from watchkeeper.domain.profile import LabelProfile, NumberProfile, Profile
from watchkeeper.domain.reference import ReferenceColumn
from watchkeeper.domain.table import Column
from watchkeeper.domain.value import Value
from watchkeeper.domain.verdict import Failure
from watchkeeper.domain.window import Window
from watchkeeper.plugins.boundary import attempt

from .calibration import Edge
from .missingness import UsualMissing
from .naming import ALL_FEATURES
from .quality import (
    MISSING_SHARE,
    OUT_OF_RANGE_SHARE,
    RARE,
    UNSEEN_SHARE,
    most_outside,
    most_unseen,
    quality_of,
    quality_of_profile,
)
from .tables import Tables

DRIFT_EVIDENCE: Final = "drift_evidence"
"""How far a feature is on the way to an alarm: one is raised when the evidence of all adds up to 1."""


@attrs.frozen
class Subject:
    """What is being measured: whose numbers they are."""

    model: str
    version: str | None
    window: Window

    def measurement(
        self,
        name: str,
        value: Value,
        labels: Mapping[str, str] | None = None,
        details: Mapping[str, float] | None = None,
    ) -> Measurement:
        """One number of this model in this window."""
        return Measurement(name, value, self.model, self.version, self.window, labels or {}, details or {})


def measured_metrics(
    subject: Subject,
    evaluation: Evaluation,
    metrics: Mapping[str, Metric],
    labels: Mapping[str, str] | None = None,
) -> tuple[list[Measurement], list[Failure]]:
    """Each metric's value over the labelled rows, in the metrics' order; of one that fails undefined, with why."""
    measurements: list[Measurement] = []
    failures: list[Failure] = []
    for name, metric in metrics.items():
        found = _metric_value(name, metric, evaluation)
        if isinstance(found, Failure):
            failures.append(found)
            measurements.append(subject.measurement(name, undefined_by(found), labels))
        else:
            measurements.append(subject.measurement(name, found, labels, _explained(name, metric, evaluation, found)))
    return measurements, failures


def undefined_by(failure: Failure) -> Value:
    """What a plugin that failed has measured: nothing, and why, so that no history has a silent gap."""
    return Value.undefined(f"{failure.plugin} failed: {failure.error}")


def measured_cells(subject: Subject, evaluation: Evaluation, metrics: Mapping[str, Metric]) -> list[Measurement]:
    """The numbers of metrics that are tables, each with its labels; of one that fails, none."""
    measurements: list[Measurement] = []
    for name, metric in metrics.items():
        cells = getattr(metric, "cells", None)
        if cells is None or evaluation.task not in metric.tasks:
            continue
        found = attempt(f"metric.{name}", name, partial(cells, evaluation))
        if not isinstance(found, Failure):
            measurements += [subject.measurement(name, value, labels) for labels, value in found]
    return measurements


def _metric_value(name: str, metric: Metric, evaluation: Evaluation) -> Value | Failure:
    if evaluation.task not in metric.tasks:
        told = " and ".join(sorted(task.value for task in Task if task in metric.tasks))
        return Value.undefined(f"{name} is for {told}, the model's task is {evaluation.task.value}")
    found: object = attempt(f"metric.{name}", name, lambda: metric.compute(evaluation))
    if isinstance(found, (Value, Failure)):
        return found
    return Failure(f"metric.{name}", f"it returned {type(found).__name__}, expected Value", name)


def _explained(name: str, metric: Metric, evaluation: Evaluation, value: Value) -> Mapping[str, float] | None:
    """The numbers that the metric tells beside its own; none where that fails, as its number holds without them."""
    details = getattr(metric, "details", None)
    if details is None or not value.is_defined:
        return None
    found = attempt(f"metric.{name}", name, lambda: {key: float(one) for key, one in details(evaluation).items()})
    return None if isinstance(found, Failure) else {key: one for key, one in found.items() if math.isfinite(one)}


def measured_drift(
    subject: Subject,
    reference: ReferenceColumn,
    column: Column | Profile,
    detectors: Mapping[str, DriftDetector],
    edges: Mapping[tuple[str, str], Edge],
    *,
    importance: float | None = None,
) -> tuple[list[Measurement], list[Failure]]:
    """Each detector's distance for one feature: effect, p-value, threshold, direction, and how important it is."""
    measurements: list[Measurement] = []
    failures: list[Failure] = []
    comparison = Comparison(reference, column)
    for title, detector in detectors.items():
        if reference.kind not in detector.columns:
            continue
        found = _drift(title, reference.name, detector, comparison)
        if isinstance(found, Failure):
            failures.append(found)
            measurements.append(subject.measurement(title, undefined_by(found), {"feature": reference.name}))
            continue
        details = drift_details(found, edges.get((title, reference.name)))
        if found.statistic.is_defined and comparison.tendency is not None:
            details["direction"] = comparison.tendency
        if importance is not None:
            details["importance"] = importance
        measurements.append(subject.measurement(title, found.statistic, {"feature": reference.name}, details))
    return measurements, failures


def _drift(title: str, name: str, detector: DriftDetector, comparison: Comparison) -> Drift | Failure:
    found: object = attempt(f"drift.{title}", name, lambda: detector.compare(comparison))
    if isinstance(found, (Drift, Failure)):
        return found
    return Failure(f"drift.{title}", f"it returned {type(found).__name__}, expected Drift", name)


def drift_details(drift: Drift, edge: Edge | None) -> dict[str, float]:
    """The numbers that explain a distance: p-value, effect, and what it is held against."""
    details: dict[str, float] = {}
    if drift.p_value is not None:
        details["p_value"] = drift.p_value
    if drift.effect is not None:
        details["effect"] = drift.effect
    if edge is not None and edge.threshold.number is not None:
        details["threshold"] = edge.threshold.number
    if edge is not None and edge.p_limit is not None and drift.p_value is not None:
        details["p_limit"] = edge.p_limit
    return details


def measured_tables(
    subject: Subject, tables: Tables, columns: Mapping[str, Column], edges: Mapping[tuple[str, str], Edge]
) -> tuple[list[Measurement], list[Failure]]:
    """Each table detector's distance of all features together.

    Thresholds are for all columns: where one cannot be compared, the p-value is held against its limit.
    """
    found = tables.compare(columns)
    measurements: list[Measurement] = []
    failures: list[Failure] = []
    for title, drift in found.drifts.items():
        if isinstance(drift, Failure):
            failures.append(drift)
            measurements.append(subject.measurement(title, undefined_by(drift), {"feature": ALL_FEATURES}))
            continue
        edge = edges.get((title, ALL_FEATURES))
        if edge is not None and found.lacking:
            edge = Edge(Value.undefined("it is for all columns"), edge.p_limit)
        details = drift_details(drift, edge) | {"lacking": float(len(found.lacking))}
        measurements.append(subject.measurement(title, drift.statistic, {"feature": ALL_FEATURES}, details))
    return measurements, failures


def measured_evidence(subject: Subject, name: str, evidence: float, importance: float | None = None) -> Measurement:
    """How far a feature, or all together, is on the way to a drift alarm."""
    details = {} if importance is None else {"importance": importance}
    return subject.measurement(DRIFT_EVIDENCE, Value.of(evidence), {"feature": name}, details)


def measured_quality(
    subject: Subject, reference: ReferenceColumn, column: Column | Profile, usual: UsualMissing | None = None
) -> list[Measurement]:
    """The quality shares of one feature; the missing share with the threshold that it is held against."""
    labels = {"feature": reference.name}
    allowed = RARE if usual is None else usual.per_test
    if isinstance(column, NumberProfile | LabelProfile):
        found = quality_of_profile(column, reference, allowed)
    else:
        found = quality_of(column, reference, allowed)
    details = {MISSING_SHARE: _missing_details(found[MISSING_SHARE], reference, usual)}
    for name, most in ((UNSEEN_SHARE, most_unseen), (OUT_OF_RANGE_SHARE, most_outside)):
        if name in found:
            details[name] = {"threshold": most(reference, found[name].samples or 0, allowed)}
    return [subject.measurement(name, value, labels, details.get(name)) for name, value in found.items()]


def _missing_details(share: Value, reference: ReferenceColumn, usual: UsualMissing | None) -> dict[str, float]:
    details = {"reference": reference.missing_share.number or 0.0}
    if usual is None or share.number is None:
        return details
    return details | {
        "effect": usual.effect(share.number, share.samples or 0),
        "p_value": usual.p_value(share.number, share.samples or 0),
        "threshold": usual.threshold(share.samples or 0),
    }
