"""Which thresholds a model's health is judged by: the configuration's, with the bad direction of each filled in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.schema import ModelConfig
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.health import Thresholds, Worse
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.monitor.estimation.names import metric_of
from watchkeeper.monitor.watched import WatchedModel

from .rules import measured_by
from .telling import placed

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
_NO_DIRECTION: Final = 'does not tell which way is worse: add worse = "lower" or "higher"'


def check_health(loaded: LoadedConfig) -> None:
    """Pass, or a ConfigError with the place of each threshold of nothing that is measured, or without a direction.

    Where a model's metrics or detectors could not be understood, it is not known what it measures: its names pass.
    """
    problems: list[str] = []
    for name, config in loaded.config.models.items():
        if {("models", name), *(("models", name, key) for key in ("metrics", "drift", "task"))} & {
            path[:3] for path in loaded.left_out
        }:
            continue
        known = measured_by([config])
        for title, health in config.health.items():
            with placed(loaded, problems, "models", name, "health", title):
                _check_name(title, known)
                if health.told is None and not _tells_direction(title, config):
                    raise ConfigError(_NO_DIRECTION)
    if problems:
        raise ConfigError(*problems)


def thresholds_of(name: str, config: ModelConfig, watched: WatchedModel) -> dict[str, Thresholds]:
    """By measurement; a ConfigError when nothing tells which way is worse."""
    found: dict[str, Thresholds] = {}
    for title, health in config.health.items():
        worse = health.told or _known(title, watched)
        if worse is None:
            raise ConfigError(f"models.{name}.health.{title} {_NO_DIRECTION}")
        found[title] = health.thresholds(worse)
    return found


def _check_name(title: str, known: Collection[str]) -> None:
    name = title.partition("{")[0]
    if name not in known:
        near = did_you_mean(name, known) or f"; known are {', '.join(sorted(known)[:12])}"
        raise ConfigError(f"no measurement is called {name!r}{near}")


def _tells_direction(title: str, config: ModelConfig) -> bool:
    """Whether the measurement itself says which way is worse: metrics and detectors do."""
    name = title.partition("{")[0]
    uses = {use.name for use in (*config.metrics, *config.drift)}
    return name in uses | _MORE_IS_BETTER | _LESS_IS_BETTER or metric_of(name) in uses


def _known(title: str, watched: WatchedModel) -> Worse | None:
    name = title.partition("{")[0]
    metric = watched.metrics.get(name) or watched.metrics.get(metric_of(name))
    if metric is not None:
        return Worse.LOWER if metric.higher_is_better else Worse.HIGHER
    if name in _MORE_IS_BETTER:
        return Worse.LOWER
    return Worse.HIGHER if name in _LESS_IS_BETTER or name in watched.detectors else None
