"""What a reader of a notification wants to know of the model: what was deployed last, what drifts, what matters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs

from watchkeeper.domain.alert import Alert, Background, Drifted
from watchkeeper.domain.errors import IntegrityError, NotFound
from watchkeeper.domain.measurement import Measurement
from watchkeeper.explain.explaining import Explaining
from watchkeeper.registry.registry import Registry

_MOST: Final = 3
"""Features that are named."""
_MOST_TIMES: Final = 1e6
"""A detector's p-value can be 0: no feature is told to be further beyond its edge than this."""


@attrs.frozen(eq=False)
class Backgrounds:
    """Gives the background of an alert; nothing that is unknown or broken here keeps it from being told."""

    registry: Registry
    explaining: Explaining

    def __call__(self, alert: Alert, measurements: Sequence[Measurement]) -> Background:
        """What is known of the alert's model, `measurements` being what its check found."""
        known = Background(drifted=drifted(measurements), important=self._important(alert))
        try:
            tenures = self.registry.tenures(alert.model)
        except (NotFound, IntegrityError):
            return known
        if not tenures:
            return known
        last = tenures[-1]
        return attrs.evolve(known, deployed=str(last.number), deployed_us=last.since_us, deployed_by=last.by)

    def _important(self, alert: Alert) -> tuple[tuple[str, float], ...]:
        """Shares of the latest explanation of the alert's version, or of the model's latest."""
        found = self.explaining.summaries(alert.model)
        own = [summary for summary in found if summary.version == alert.version]
        summary = max(own or found, key=lambda one: one.at_us, default=None)
        total = sum(summary.importance.values()) if summary is not None else 0.0
        if summary is None or not 0 < total < math.inf:
            return ()
        return tuple((feature, size / total) for feature, size in list(summary.importance.items())[:_MOST] if size > 0)


def drifted(measurements: Sequence[Measurement]) -> tuple[Drifted, ...]:
    """The features that are furthest beyond the edge of a detector, each by the detector that says most. O(n)."""
    found: dict[str, Drifted] = {}
    for one in measurements:
        feature, times = one.labels.get("feature"), _times(one)
        if feature is None or one.value.number is None or not times > 1.0:
            continue
        if feature not in found or found[feature].times < times:
            found[feature] = Drifted(feature, one.name, one.value.number, times)
    return tuple(sorted(found.values(), key=lambda drift: -drift.times)[:_MOST])


def _times(measurement: Measurement) -> float:
    """How many times the detector's edge it is; 0 where there is no edge."""
    number, details = measurement.value.number, measurement.details
    if number is None or not math.isfinite(number):
        return 0.0
    if details.get("threshold", 0.0) > 0:
        return min(number / details["threshold"], _MOST_TIMES)
    if "p_limit" in details and "p_value" in details:
        return min(details["p_limit"] / max(details["p_value"], 1e-300), _MOST_TIMES)
    return 0.0
