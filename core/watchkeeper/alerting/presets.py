"""The presets: rules that are there without being written, one for each thing that goes wrong with every model.

They judge nothing themselves: what they ask for is what the monitor has decided within its budget of false alarms
(an alarm that is open, a feature that has drifted, predictions that stay away), or a share that needs no statistics.
Where a model does not have the measurement, the rule has no data and stays silent; but a model of which nothing at all
can be measured for a day misses its predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.domain.alert import Severity
from watchkeeper.domain.presets import Preset

from .parser import parsed
from .rules import Rule
from .summaries import summary_of


@attrs.frozen
class _Said:
    """What a preset says."""

    when: str
    summary: str
    next_step: str
    for_checks: int = 1
    severity: Severity = Severity.WARNING
    silence_us: int = 0


_DAY_US: Final = 86_400_000_000
"""So long may a model, too, be silent whose predictions come more often."""

SAID: Final[Mapping[Preset, _Said]] = {
    Preset.PERFORMANCE_DROP: _Said(
        "risk_evidence.open > 0",
        "{model} performs worse than in the reference, beyond chance and tolerance",
        "Look for a new version, changed inputs or a changed world, in this order; go back or retrain.",
    ),
    Preset.PREDICTION_DRIFT: _Said(
        "prediction_drift > 0 and samples >= 30",
        "the predictions of {model} are no longer distributed as in the reference",
        "Look which features drifted too; if none did, look at the latest deployment.",
    ),
    Preset.FEATURE_DRIFT: _Said(
        "drift_share > 0 and samples >= 30",
        "{drift_share:.1%} of the features of {model} are no longer distributed as in the reference",
        "Look at the features that the verdict names, and at what feeds them.",
    ),
    Preset.DATA_QUALITY: _Said(
        "quality_score < 90 and samples >= 30",
        "the data of {model} are worse than the reference's: quality {quality_score:.1f} of 100, {samples:.0f} rows",
        "Look at the features that the verdict names: missing, constant or never seen values.",
    ),
    Preset.MISSING_PREDICTIONS: _Said(
        "age_seconds > age_seconds.limit",
        "no prediction of {model} has come for {age_seconds:.0f} s, longer than is usual for it",
        "Look whether the service runs, and whether it still logs here.",
        silence_us=_DAY_US,
    ),
    Preset.LABEL_DELAY: _Said(
        "labelled < samples / 2 and samples >= 30",
        "only {labelled:.0f} of {samples:.0f} predictions of {model} have an outcome",
        "Look whether outcomes still arrive; when they always take longer than a window, leave this preset out.",
        for_checks=3,
        severity=Severity.INFO,
    ),
    Preset.SLOW_OR_FAILING: _Said(
        "(latency_p95 > latency_p95.limit or error_rate > error_rate.limit) and samples >= 30",
        "{model} is slower or fails more often than usual: latency_p95 {latency_p95}, error_rate {error_rate:.1%}",
        "Look at what the service waits for: its load, its inputs, whatever it calls.",
    ),
}
"""In the language of rules: what is written here can be written in watchkeeper.toml."""


def preset_rule(
    preset: Preset, measured: Sequence[str], receivers: tuple[str, ...] = (), models: frozenset[str] | None = None
) -> Rule:
    """A preset as a rule of the same name.

    Parameters
    ----------
    measured
        The names of what is measured.
    receivers
        Who is told; without any, it shows in the verdict alone.
    models
        Those that it is about; None: every model.
    """
    said = SAID[preset]
    condition = parsed(said.when, measured)
    return Rule(
        name=preset.value,
        condition=condition,
        for_checks=said.for_checks,
        severity=said.severity,
        silence_us=said.silence_us,
        receivers=receivers,
        models=models,
        summary=summary_of(said.summary, condition).of,
        next_step=said.next_step,
    )
