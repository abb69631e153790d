"""A measured value in words: its number, its interval, and what chance alone gives where that is known."""

from __future__ import annotations

from watchkeeper.domain.measurement import Measurement


def value_told(found: Measurement) -> str:
    """``0.04 (0.01 to 0.07; 0.03 expected from chance alone)``; of an undefined one the reason."""
    value = found.value
    if value.number is None:
        return f"undefined: {value.reason}"
    around = [f"{value.interval[0]:.4g} to {value.interval[1]:.4g}"] if value.interval else []
    if "by_chance" in found.details:
        around.append(f"{found.details['by_chance']:.4g} expected from chance alone")
    return f"{value.number:.4g}" + (f" ({'; '.join(around)})" if around else "")
