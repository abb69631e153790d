"""Deployments that are advanced by what was measured of each of their versions apart."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import attrs

from watchkeeper.domain.errors import DataError, UsageError, WatchkeeperError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.value import Value
from watchkeeper.monitor.evaluating import evaluation_of
from watchkeeper.monitor.measuring import Subject, measured_metrics
from watchkeeper.monitor.records import Records
from watchkeeper.monitor.result import CheckResult
from watchkeeper.monitor.service import SERVICE_NAMES
from watchkeeper.monitor.stored_windows import records_between
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.registry.deployments import Deployment
from watchkeeper.registry.deployments.analysis import Measured

from .assembly import Systems

_log = logging.getLogger("watchkeeper.deployments")
_MOST_TOLD: Final = 12


def advanced_deployments(systems: Systems) -> tuple[Deployment, ...]:
    """Every deployment that is under way, as far as it comes now; one that cannot go on does not stop the others."""
    return tuple(_advanced(systems, found) for found in systems.registry.deployments.open())


def measured_from(systems: Systems) -> Measured:
    """Anything that a check measures, of what one version predicted since a moment.

    A configured metric is over the rows whose outcome is known. Everything else goes by the name that `check` gives it,
    with its labels: ``error_rate``, ``latency_p95``, ``missing_share{feature=ret1}``, ``ks{feature=ret1}``. Predictions
    must be logged with their version. Rows without one, or of another, are not counted.
    """
    checks: dict[tuple[str, int], CheckResult | None] = {}

    def measured(ref: str, name: str, since_us: int) -> Value:
        model, _, number = ref.partition("@")
        watched = systems.models.watched(model)
        is_metric = name in watched.metrics
        if is_metric or (ref, since_us) not in checks:
            columns = () if is_metric else watched.recorded
            until_us = systems.clock.now_us() + 1
            records = records_between(systems.storage, model, since_us, until_us, number, columns=columns)
            if is_metric and records is not None:
                return _metric(watched, records, name)
            checks[ref, since_us] = None if records is None else watched.check(records)
        result = checks[ref, since_us]
        if result is None:
            _require_likely(watched, name)
            return Value.undefined(f"{ref} has predicted nothing since then")
        return _measurement(result, name)

    return measured


def _metric(watched: WatchedModel, records: Records, name: str) -> Value:
    evaluation = evaluation_of(records, watched.judging)
    subject = Subject(watched.name, records.version, records.window)
    found, failures = measured_metrics(subject, evaluation, {name: watched.metrics[name]})
    if failures:
        raise DataError(f"{failures[0].plugin} failed: {failures[0].error}")
    return attrs.evolve(found[0].value, samples=len(evaluation.truth))


def _measurement(result: CheckResult, name: str) -> Value:
    """The one of that title; rows behind it are the window's where it does not count its own."""
    by_title = {found.title: found.value for found in result.measurements}
    if name not in by_title:
        raise _unknown(result.model, name, by_title)
    value = by_title[name]
    rows = 0 if result.window is None else result.window.rows
    return value if value.samples else attrs.evolve(value, samples=rows)


def _require_likely(watched: WatchedModel, name: str) -> None:
    """Refuse a misspelt name while there are no rows yet: what is measured of them is known when they come."""
    of_service = SERVICE_NAMES if watched.service is not None else ()
    known = {*watched.metrics, *watched.detectors, *of_service}
    word = name.partition("{")[0]
    if word not in known and did_you_mean(word, known):
        raise _unknown(watched.name, word, known)


def _unknown(model: str, name: str, known: Iterable[str]) -> UsageError:
    names = sorted(known)
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return UsageError(
        f"{name!r} is nothing that is measured of {model}; there are {', '.join(names[:_MOST_TOLD])}{more}"
        f"{did_you_mean(name, names)}"
    )


def _advanced(systems: Systems, deployment: Deployment) -> Deployment:
    try:
        return systems.registry.deployments.advance(deployment.model, measured_from(systems))
    except WatchkeeperError as error:
        told = {"deployment": deployment.key, "error": str(error)}
        _log.warning("deployment %s was not advanced: %s", deployment.key, error, extra=told)
        return deployment
