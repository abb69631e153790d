"""Deployments that are advanced by what was measured of each of their versions apart."""

from __future__ import annotations

import logging

import attrs

from watchkeeper.domain.errors import DataError, UsageError, WatchkeeperError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.value import Value
from watchkeeper.monitor.evaluating import evaluation_of
from watchkeeper.monitor.measuring import Subject, measured_metrics
from watchkeeper.monitor.records import records_between
from watchkeeper.registry.deployments import Deployment
from watchkeeper.registry.deployments.analysis import Measured

from .assembly import Systems

_log = logging.getLogger("watchkeeper.deployments")


def advanced_deployments(systems: Systems) -> tuple[Deployment, ...]:
    """Every deployment that is under way, as far as it comes now; one that cannot go on does not stop the others."""
    return tuple(_advanced(systems, found) for found in systems.registry.deployments.open())


def measured_from(systems: Systems) -> Measured:
    """A configured metric over what one version predicted since a moment, as far as outcomes are known.

    Predictions must be logged with their version. Rows without one, or of another, are not counted.
    """

    def measured(ref: str, metric: str, since_us: int) -> Value:
        model, _, number = ref.partition("@")
        watched = systems.models.watched(model)
        if metric not in watched.metrics:
            known = ", ".join(watched.metrics) or "none"
            raise UsageError(
                f"{metric!r} is no metric of {model}; configured are {known}{did_you_mean(metric, watched.metrics)}"
            )
        until_us = systems.clock.now_us() + 1
        columns = watched.judging.probabilities
        records = records_between(systems.storage, model, since_us, until_us, number, columns=columns)
        if records is None:
            return Value.undefined(f"{ref} has predicted nothing since then")
        evaluation = evaluation_of(records, watched.judging)
        subject = Subject(model, number, records.window)
        found, failures = measured_metrics(subject, evaluation, {metric: watched.metrics[metric]})
        if failures:
            raise DataError(f"{failures[0].plugin} failed: {failures[0].error}")
        return attrs.evolve(found[0].value, samples=len(evaluation.truth))

    return measured


def _advanced(systems: Systems, deployment: Deployment) -> Deployment:
    try:
        return systems.registry.deployments.advance(deployment.model, measured_from(systems))
    except WatchkeeperError as error:
        told = {"deployment": deployment.key, "error": str(error)}
        _log.warning("deployment %s was not advanced: %s", deployment.key, error, extra=told)
        return deployment
