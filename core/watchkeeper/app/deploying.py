"""Deployments that are advanced by what was measured of their versions."""

from __future__ import annotations

import logging

from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.errors import WatchkeeperError
from watchkeeper.domain.value import Value
from watchkeeper.monitor.history import kept_measurements
from watchkeeper.registry.deployments import Deployment
from watchkeeper.registry.deployments.analysis import Measured
from watchkeeper.registry.registry import Registry

_log = logging.getLogger("watchkeeper.deployments")


def advanced_deployments(registry: Registry, storage: Storage) -> tuple[Deployment, ...]:
    """Every deployment that is under way, as far as it comes now; one that cannot go on does not stop the others."""
    return tuple(_advanced(registry, storage, found) for found in registry.deployments.open())


def _advanced(registry: Registry, storage: Storage, deployment: Deployment) -> Deployment:
    try:
        return registry.deployments.advance(deployment.model, measured_from(storage))
    except WatchkeeperError as error:
        told = {"deployment": deployment.key, "error": str(error)}
        _log.warning("deployment %s was not advanced: %s", deployment.key, error, extra=told)
        return deployment


def measured_from(storage: Storage) -> Measured:
    """The last measurement of a version since a moment, over all its rows: not of one feature or segment."""

    def measured(ref: str, metric: str, since_us: int) -> Value:
        model, _, number = ref.partition("@")
        found = [
            measurement
            for _, measurement in kept_measurements(storage, model, metric, since_us)
            if measurement.version in (number, ref) and not measurement.labels
        ]
        return found[-1].value if found else Value.undefined(f"{metric} of {ref} was not measured yet")

    return measured
