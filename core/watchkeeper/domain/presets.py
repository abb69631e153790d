"""The names of the rules that watchkeeper brings along."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias


class Preset(StrEnum):
    """A rule that is there without being written; what each of them says stands in `watchkeeper.alerting.presets`."""

    PERFORMANCE_DROP = "performance-drop"
    PREDICTION_DRIFT = "prediction-drift"
    FEATURE_DRIFT = "feature-drift"
    DATA_QUALITY = "data-quality"
    MISSING_PREDICTIONS = "missing-predictions"
    LABEL_DELAY = "label-delay"
    SLOW_OR_FAILING = "slow-or-failing"


PresetChoice: TypeAlias = bool | tuple[Preset, ...]
"""All of them, none of them, or these."""

PRESETS_EXPECTED: Final = f"true, false, or an array of {', '.join(Preset)}"


def chosen(choice: PresetChoice) -> tuple[Preset, ...]:
    """Those that are on, in their order."""
    if isinstance(choice, bool):
        return tuple(Preset) if choice else ()
    return tuple(preset for preset in Preset if preset in choice)
