"""Whether the features and segments that a rule names are among those that its models are configured to have."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from watchkeeper.alerting.anomalies.methods import OWN_LABELS
from watchkeeper.alerting.condition import Condition
from watchkeeper.alerting.measured import VERSION
from watchkeeper.alerting.rules import NAMED
from watchkeeper.config.schema import ModelConfig
from watchkeeper.data.lengths import length_names
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.nearest import did_you_mean, nearest_name
from watchkeeper.monitor.naming import ALL_FEATURES, OUTCOME, PREDICTION

Known: TypeAlias = "Collection[str] | None"
_OF_MEASUREMENTS: Final = ("feature", "segment", VERSION, "truth", "predicted", *OWN_LABELS)


def check_labels(
    condition: Condition, models: Mapping[str, ModelConfig], of_references: Mapping[str, Collection[str]]
) -> None:
    """Pass, or a ConfigError for each feature or segment that none of the models has, with the nearest that one has.

    Parameters
    ----------
    of_references
        By model the features that its reference has, for those whose features are not configured. Where one of the
        models is not among them, it is not known what there can be, and features are not looked up.
    """
    features = _features(models, of_references)
    segments = {segment.name for model in models.values() for segment in model.columns.segments}
    labels = dict.fromkeys(label for series in condition.series for label in series.labels)
    problems: list[str] = []
    for key, value in labels:
        if key == "feature" and features is not None and value not in features:
            problems.append(f"no model of this rule has a feature {value!r}{_nearest(value, features)}")
        if key == "segment" and models and value not in segments and value.partition("=")[0] not in segments:
            problems.append(f"no model of this rule has a segment {value!r}{_nearest(value, segments)}")
        if key is None and features is not None and _is_misspelt(value, {*features, *segments}):
            problems.append(f"no model of this rule has {value!r}{did_you_mean(value, {*features, *segments})}")
    problems += _wrong_keys(dict.fromkeys(key for key, _ in labels if key is not None), models)
    if problems:
        raise ConfigError(*problems)


def check_keys(labels: Iterable[str], models: Mapping[str, ModelConfig]) -> None:
    """Pass, or a ConfigError for each name of a label that measurements do not have, as far as that can be known.

    Measurements of plugins have whatever labels they like: refused is what is nearly a known one, a column that makes
    segments, and what each alert has one of.
    """
    if problems := list(_wrong_keys(labels, models)):
        raise ConfigError(*problems)


def _wrong_keys(labels: Iterable[str], models: Mapping[str, ModelConfig]) -> Iterator[str]:
    columns = {segment.name for model in models.values() for segment in model.columns.segments}
    for label in labels:
        if label in _OF_MEASUREMENTS:
            continue
        if label in NAMED:
            yield f"no measurement has the label {label!r}: every alert has a {label} of its own anyway"
        elif label in columns:
            yield f"no measurement has the label {label!r}: values of that column are in 'segment'"
        elif near := did_you_mean(label, _OF_MEASUREMENTS):
            yield f"no measurement has the label {label!r}{near}"


def _features(models: Mapping[str, ModelConfig], of_references: Mapping[str, Collection[str]]) -> Known:
    """Every name that a measurement's label ``feature`` can have; None when those of a model are not known."""
    if not models:
        return None
    known = {PREDICTION, OUTCOME, ALL_FEATURES}
    for name, model in models.items():
        columns = model.columns
        features = columns.features or of_references.get(name)
        if features is None:
            return None
        others = (columns.prediction, columns.outcome, columns.latency, columns.error, *columns.probabilities.values())
        known |= {*features, *columns.text, *(other for other in others if other is not None)}
        known |= {length for feature in (*features, *columns.text) for length in length_names(feature)}
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
