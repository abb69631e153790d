"""Estimates in words, with what they assume."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.domain.measurement import Measurement

from .names import metric_of

_MOST_TOLD = 5


def estimates_told(estimates: Sequence[Measurement], assumption: str) -> str:
    """``estimated accuracy 0.91 (0.89 to 0.93; reference 0.94), if …``; or why nothing is estimated."""
    told = [_told(estimate) for estimate in estimates if estimate.value.number is not None]
    if told:
        more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
        return f"estimated {', '.join(told[:_MOST_TOLD])}{more}, if {assumption}"
    reasons = dict.fromkeys(str(estimate.value.reason) for estimate in estimates)
    return f"no estimate: {next(iter(reasons))}" if reasons else ""


def _told(estimate: Measurement) -> str:
    value = estimate.value
    around = [f"{value.interval[0]:.4g} to {value.interval[1]:.4g}"] if value.interval else []
    if "reference" in estimate.details:
        around.append(f"reference {estimate.details['reference']:.4g}")
    return f"{metric_of(estimate.name)} {value.number:.4g}" + (f" ({'; '.join(around)})" if around else "")
