"""Which thresholds a model's health is judged by: the configuration's, with the bad direction of each filled in."""

from __future__ import annotations

from typing import Final

from watchkeeper.config.schema import ModelConfig
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.health import Thresholds, Worse
from watchkeeper.monitor.estimation.names import metric_of
from watchkeeper.monitor.watched import WatchedModel

_MORE_IS_BETTER: Final = frozenset({"samples", "labelled", "quality_score"})
_LESS_IS_BETTER: Final = frozenset(
    {
        "age_seconds",
        "drift_evidence",
        "drift_share",
        "duplicate_share",
        "infinite_share",
        "missing_share",
        "prediction_drift",
        "risk_evidence",
        "unseen_share",
    }
)


def thresholds_of(name: str, config: ModelConfig, watched: WatchedModel) -> dict[str, Thresholds]:
    """By measurement; a ConfigError when nothing tells which way is worse."""
    found: dict[str, Thresholds] = {}
    for title, health in config.health.items():
        worse = health.told or _known(title, watched)
        if worse is None:
            raise ConfigError(
                f'models.{name}.health.{title} does not tell which way is worse: add worse = "lower" or "higher"'
            )
        found[title] = health.thresholds(worse)
    return found


def _known(title: str, watched: WatchedModel) -> Worse | None:
    name = title.partition("{")[0]
    metric = watched.metrics.get(name) or watched.metrics.get(metric_of(name))
    if metric is not None:
        return Worse.LOWER if metric.higher_is_better else Worse.HIGHER
    if name in _MORE_IS_BETTER:
        return Worse.LOWER
    return Worse.HIGHER if name in _LESS_IS_BETTER or name in watched.detectors else None
