"""Whether the features and segments that a rule names are among those that its models are configured to have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from watchkeeper.alerting.condition import Condition
from watchkeeper.config.schema import ModelConfig
from watchkeeper.data.lengths import length_names
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean, nearest_name
from watchkeeper.monitor.naming import ALL_FEATURES, OUTCOME, PREDICTION

Known: TypeAlias = "Collection[str] | None"


def check_labels(condition: Condition, models: Sequence[ModelConfig]) -> None:
    """Pass, or a ConfigError for a feature or segment that none of the models has, with the nearest that one has.

    Features are known where every model's are configured; those that come from a reference are not looked up here.
    """
    features, segments = _features(models), {segment.name for model in models for segment in model.columns.segments}
    for key, value in dict.fromkeys(label for series in condition.series for label in series.labels):
        if key == "feature" and features is not None and value not in features:
            raise ConfigError(f"no model of this rule has a feature {value!r}{_nearest(value, features)}")
        if key == "segment" and models and value not in segments and value.partition("=")[0] not in segments:
            raise ConfigError(f"no model of this rule has a segment {value!r}{_nearest(value, segments)}")
        if key is None and features is not None and _is_misspelt(value, {*features, *segments}):
            raise ConfigError(f"no model of this rule has {value!r}{did_you_mean(value, {*features, *segments})}")


def _features(models: Sequence[ModelConfig]) -> Known:
    """Every name that a measurement's label ``feature`` can have; None when a model's come from its reference."""
    if not models or any(not model.columns.features for model in models):
        return None
    known = {PREDICTION, OUTCOME, ALL_FEATURES}
    for model in models:
        columns = model.columns
        others = (columns.prediction, columns.outcome, columns.latency, columns.error, *columns.probabilities.values())
        known |= {*columns.features, *columns.text, *(name for name in others if name is not None)}
        known |= {length for name in (*columns.features, *columns.text) for length in length_names(name)}
    return known


def _is_misspelt(value: str, known: Collection[str]) -> bool:
    """A label without its key can be a version or a value of a segment: only what is nearly a known name is refused."""
    if value in known or value.partition("=")[0] in known:
        return False
    return nearest_name(value, known) is not None


def _nearest(value: str, known: Iterable[str]) -> str:
    names = sorted(known)
    told = f"; known are {', '.join(names[:12])}" if names else "; its models have none configured"
    name, sign, rest = value.partition("=")
    if near := nearest_name(name, names):
        return f"; did you mean {near + sign + rest!r}?"
    return did_you_mean(value, names) or told
