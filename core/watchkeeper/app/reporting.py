"""A model's compliance report: the registry's evidence with what monitoring has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from watchkeeper.alerting.system import Alerting
from watchkeeper.contracts.storage import Storage
from watchkeeper.domain.window import iso_time
from watchkeeper.monitor.history import kept_measurements
from watchkeeper.registry.evidence import evidence_of
from watchkeeper.registry.registry import Registry
from watchkeeper.registry.report import Report, report_of

_MOST_MEASUREMENTS: Final = 200


def reported(registry: Registry, alerting: Alerting, storage: Storage, model: str) -> Report:
    """The report, with every alert of the model and its last drift measurements."""
    monitoring: Mapping[str, Sequence[Mapping[str, Any]]] = {
        "alerts": [
            {"rule": alert.rule, "severity": alert.severity, "state": alert.state, "summary": alert.summary}
            for alert in alerting.alerts(model=model)
        ],
        "drift": _drift(storage, model),
    }
    return report_of(evidence_of(registry, model, monitoring))


def _drift(storage: Storage, model: str) -> list[Mapping[str, Any]]:
    """The last measurements of single features that have a threshold to be held against."""
    found = [
        (at_us, measurement)
        for at_us, measurement in kept_measurements(storage, model)
        if "feature" in measurement.labels and "threshold" in measurement.details
    ]
    return [
        {
            "at": iso_time(at_us),
            "measurement": measurement.title,
            "value": measurement.value.number if measurement.value.is_defined else measurement.value.reason,
            "threshold": measurement.details["threshold"],
        }
        for at_us, measurement in found[-_MOST_MEASUREMENTS:]
    ]
