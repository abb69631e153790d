"""Estimates that cannot be made, each with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchkeeper.domain.measurement import Measurement
from watchkeeper.domain.value import Value
from watchkeeper.monitor.measuring import Subject

from .names import estimate_of


def undefined_estimates(
    subject: Subject, metrics: Iterable[str], reason: str, labels: Mapping[str, str] | None = None
) -> list[Measurement]:
    """``estimated_<metric>`` of every metric, undefined for the same reason."""
    return [subject.measurement(estimate_of(metric), Value.undefined(reason), labels) for metric in metrics]
