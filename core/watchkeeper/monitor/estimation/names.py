"""What estimates are called: ``estimated_accuracy`` is the estimate of ``accuracy``."""

from __future__ import annotations

from typing import Final

_BEFORE: Final = "estimated_"


def estimate_of(metric: str) -> str:
    """The name under which the metric's estimate is measured."""
    return _BEFORE + metric


def metric_of(estimate: str) -> str:
    """The metric that an estimate is of."""
    return estimate.removeprefix(_BEFORE)
