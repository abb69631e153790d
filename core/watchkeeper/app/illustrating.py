"""What a result's page draws beside its numbers: earlier windows from the store, limits, and distributions."""

from __future__ import annotations

from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.table import Column
from watchkeeper.domain.verdict import Status
from watchkeeper.domain.window import Window
from watchkeeper.monitor.estimation.names import estimate_of
from watchkeeper.monitor.estimation.timeline import Point, timeline
from watchkeeper.monitor.history import MEASUREMENTS, kept_measurements
from watchkeeper.monitor.measuring import DRIFT_EVIDENCE
from watchkeeper.monitor.naming import OUTCOME, PREDICTION
from watchkeeper.monitor.page.illustration import Illustration
from watchkeeper.monitor.page.shapes import Shape, shape_of
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.series import kept_series, written_labels
from watchkeeper.monitor.standing import standing_of
from watchkeeper.monitor.stored_windows import records_between
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.monitor.watched_performance import RISK_EVIDENCE

from .assembly import Systems
from .intake import records_of
from .limits import limits_of

MOST_WINDOWS: Final = 400
"""So many windows before the last are drawn."""
_MOST_ROWS: Final = 2_000_000
"""Windows of more stored rows are not read again for their distributions."""
_DAY_US: Final = 86_400_000_000
_LOOKS_BACK_DAYS: Final = (8, 60, 400)
"""How far back to look, until there are enough windows: a page must not read ten years."""
_ENOUGH: Final = 60


def illustrated(systems: Systems, result: CheckResult, data: Any = None) -> CheckResult:
    """The result with its illustration; nothing is measured or kept.

    Parameters
    ----------
    data
        The rows that were checked, where they were not stored ones.
    """
    if result.window is None:  # it could not be checked, and why is all there is to tell
        return result
    watched = systems.models.watched(result.model)
    since_us = _since_us(systems.storage, result)
    found = Illustration(
        points=_points(systems.storage, watched, result, since_us),
        series=_series(systems.storage, watched, result, since_us),
        limits=limits_of(systems, result.model),
        shapes=_shapes(systems, watched, result, data),
        since_us=_status_since_us(systems.storage, result),
        budget=_budget(systems, result.model),
    )
    return attrs.evolve(result, illustration=found)


def _since_us(storage: Storage, result: CheckResult) -> int | None:
    """From when on kept measurements are read: as few days as hold enough windows."""
    span = storage.span(MEASUREMENTS, result.model)
    if span is None:
        return None
    last_us = span[1] if result.window is None else min(span[1], result.window.end_us)
    since_us = last_us
    for days in _LOOKS_BACK_DAYS:
        since_us = last_us - days * _DAY_US
        found = kept_series(storage, result.model, ("samples",), since_us).get(("samples", written_labels({})), {})
        if since_us <= span[0] or sum(time_us <= last_us for time_us in found) >= _ENOUGH:
            break
    return since_us


def _points(
    storage: Storage, watched: WatchedModel, result: CheckResult, since_us: int | None
) -> dict[str, tuple[Point, ...]]:
    """By metric the windows up to this one, and this one."""
    names = {name for metric in watched.metrics for name in (metric, estimate_of(metric))}
    found = [one for _, one in kept_measurements(storage, result.model, names, since_us)]
    found = [one for one in found if _is_by(one.window, result)]
    found += [one for one in result.measurements if one.name in names]
    return {metric: timeline(found, metric)[-MOST_WINDOWS:] for metric in watched.metrics}


def _series(
    storage: Storage, watched: WatchedModel, result: CheckResult, since_us: int | None
) -> dict[str, tuple[tuple[int, float], ...]]:
    """Evidence and distances of the columns that are not well, and the evidence that performance fell."""
    concerning = {name for finding in result.verdict.findings for name in _features(finding.measurements)}
    names = (DRIFT_EVIDENCE, RISK_EVIDENCE, *watched.detectors)
    wanted = [one for one in result.measurements if one.name in names and _is_wanted(one, concerning)]
    kept = kept_series(storage, result.model, names, since_us)
    newest_us = max((time_us for points in kept.values() for time_us in points), default=0)
    series = {}
    for one in wanted:
        points = {
            time_us: number
            for time_us, number in kept.get((one.name, written_labels(one.labels)), {}).items()
            if result.window is None or time_us <= result.window.end_us
        }
        is_past = one.name in (DRIFT_EVIDENCE, RISK_EVIDENCE) and max(points, default=0) < newest_us
        if one.value.number is not None and not is_past:  # a look at the past has today's evidence
            points[one.window.end_us] = one.value.number
        series[one.title] = tuple(sorted(points.items()))[-MOST_WINDOWS:]
    return series


def _is_wanted(one: Measurement, concerning: set[str]) -> bool:
    return one.labels.get("feature") in concerning if one.labels else True


def _features(measurements: tuple[Measurement, ...]) -> set[str]:
    return {one.labels["feature"] for one in measurements if "feature" in one.labels}


def _is_by(window: Window, result: CheckResult) -> bool:
    return result.window is None or window.end_us <= result.window.end_us


def _shapes(systems: Systems, watched: WatchedModel, result: CheckResult, data: Any) -> dict[str, Shape]:
    """Of the columns that are not well, and of the predictions."""
    records = _records(systems, watched, result, data)
    if records is None:
        return {}
    columns: dict[str, Column] = {**records.features.columns, PREDICTION: records.prediction}
    references = dict(watched.references)
    if watched.outcomes is not None and records.outcome is not None and records.has_outcome.any():
        references[OUTCOME] = watched.outcomes.reference
        columns[OUTCOME] = records.rows(records.has_outcome).outcome  # type: ignore[assignment]  # it has one
    wanted = [
        finding.subject
        for finding in result.verdict.findings
        if finding.status is not Status.OK and finding.subject in references and finding.subject in columns
    ]
    shapes = {name: shape_of(references[name], columns[name]) for name in dict.fromkeys(wanted)}
    return {name: shape for name, shape in shapes.items() if shape is not None}


def _records(systems: Systems, watched: WatchedModel, result: CheckResult, data: Any) -> Records | None:
    """The rows of the window once more; None where they are not at hand."""
    window = result.window
    if window is None:
        return None
    if data is not None:
        config = systems.models.config(result.model)
        return records_of(config, watched.references, data, window.source, kinds=watched.kinds)
    if window.source != "store" or window.rows > _MOST_ROWS:
        return None
    return records_between(systems.storage, result.model, window.start_us, window.end_us, columns=watched.recorded)


def _status_since_us(storage: Storage, result: CheckResult) -> int | None:
    """Since when the model has the status of the result, as its checks found it."""
    found = standing_of(storage, result.model)
    if found is None or found.status is not result.status or found.window != result.window:
        return None
    return found.since_us or None


def _budget(systems: Systems, model: str) -> str:
    config = systems.config
    return str(systems.models.config(model).false_alarms or config.project.false_alarms)
