"""The configured models, each fitted on its reference when it is first asked for."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import cast

import attrs

from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.plugin_use import PluginUse
from watchkeeper.config.schema import ModelConfig
from watchkeeper.contracts.drift import DriftDetector, TableDetector
from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Kind
from watchkeeper.contracts.storage import Storage
from watchkeeper.data.files import read_table
from watchkeeper.data.frames import numeric
from watchkeeper.data.importances import GivenImportance, read_importances
from watchkeeper.domain.errors import ConfigError, NotFound, UsageError
from watchkeeper.domain.nearest import did_you_mean
from watchkeeper.domain.table import ColumnKind, Table, kind_of
from watchkeeper.monitor.estimation.by_segment import SegmentEstimators
from watchkeeper.monitor.estimation.estimator import UNKNOWN_ROWS, Estimator
from watchkeeper.monitor.evaluating import judging_of
from watchkeeper.monitor.fitting import fitted
from watchkeeper.monitor.learned import Learned
from watchkeeper.monitor.service import Service, service_of
from watchkeeper.monitor.watched import WatchedModel
from watchkeeper.plugins import Plugins
from watchkeeper.registry.registry import Registry

from .healthy import thresholds_of
from .intake import reference_rows


class Models:
    """Fits models lazily, once; safe to ask from several threads."""

    def __init__(self, loaded: LoadedConfig, plugins: Plugins, registry: Registry, storage: Storage) -> None:
        self._loaded = loaded
        self._plugins = plugins
        self._registry = registry
        self._storage = storage
        self._lock = threading.Lock()
        self._fitted: dict[str, WatchedModel] = {}

    def config(self, name: str) -> ModelConfig:
        """The model's configuration; a UsageError with the nearest name when there is none."""
        models = self._loaded.config.models
        if name not in models:
            known = ", ".join(models) or "none"
            near = did_you_mean(name, models)
            raise UsageError(f"there is no model {name!r} in the configuration, which has {known}{near}")
        return models[name]

    def watched(self, name: str) -> WatchedModel:
        """The model, fitted on its reference."""
        config = self.config(name)
        with self._lock:
            if name not in self._fitted:
                self._fitted[name] = self._fit(name, config)
            return self._fitted[name]

    def _fit(self, name: str, config: ModelConfig) -> WatchedModel:
        table, source = self.reference(name)
        rows = reference_rows(name, config, table, source)
        _require_kinds(name, config, rows.table)
        told = config.columns.probabilities
        judging = judging_of(config.task, rows.table["prediction"], rows.outcome, config.decision_threshold, told)
        learned = Learned(self._storage, name)
        model = fitted(
            name,
            judging,
            rows.table,
            {use.name: cast("Metric", self._built(Kind.METRIC, use)) for use in config.metrics},
            {use.name: self._detector(name, use) for use in config.drift},
            window=config.window,
            step=config.step,
            budget=config.false_alarms or self._loaded.config.project.false_alarms,
            min_rows=config.min_rows,
            tolerance=config.tolerance,
            outcome=rows.outcome,
            importance=_importance(name, config, rows.features),
            learned=learned,
        )
        usual = config.window.rows or UNKNOWN_ROWS
        known = Table({**rows.table.columns, **rows.probabilities.columns})
        estimator = Estimator(judging, known, rows.outcome, model.metrics, usual_rows=usual, learned=learned)
        apart = SegmentEstimators(
            judging,
            Table({**known.columns, **rows.segments.columns}),
            rows.outcome,
            model.metrics,
            segments=config.columns.segments,
            learned=learned,
        )
        health = thresholds_of(name, config, model)
        return attrs.evolve(
            model,
            segments=config.columns.segments,
            estimator=estimator,
            health=health,
            segment_estimators=apart,
            kinds=rows.kinds,
            service=_service(config, table, model),
        )

    def features(self) -> dict[str, tuple[str, ...]]:
        """By model the features of its reference, of those that have been fitted."""
        with self._lock:
            return {name: tuple(model.features) for name, model in self._fitted.items()}

    def reference(self, name: str) -> tuple[Table, str]:
        """The rows that define normal, and what to call them: the configured file, or those of a registered version.

        Without a file they are the rows that were registered with the version in production, or with the latest.
        """
        config = self.config(name)
        if config.reference is not None:
            path = self._loaded.config.folder / config.reference
            return read_table(path), str(config.reference)
        for stage in ("production", "latest"):
            try:
                kept = self._registry.reference(f"{name}@{stage}")
            except NotFound:
                continue
            if kept is not None:
                return kept, f"the reference of {name}@{stage}"
        raise ConfigError(
            f"{self._loaded.places.of(('models', name))}: model {name!r} has no reference: name a file as its "
            "`reference`, or register a version with its rows"
        )

    def _detector(self, model: str, use: PluginUse) -> DriftDetector | TableDetector:
        found = self._built(Kind.DRIFT, use)
        if isinstance(found, DriftDetector | TableDetector):
            return found
        raise ConfigError(
            f"models.{model}.drift names {use.name!r}, which watches streams of values, not windows; expected a "
            "detector of windows such as ks; use a stream detector in code, by its begin() and update_many()"
        )

    def _built(self, kind: Kind, use: PluginUse) -> object:
        return self._plugins.build(kind, use.name, self._loaded.options(use, self._plugins))


def _require_kinds(name: str, config: ModelConfig, reference: Table) -> None:
    """A ConfigError when a segment takes a feature for numbers that holds labels in the reference."""
    for segment in config.columns.segments:
        for column in sorted(segment.number_columns & set(reference)):
            if kind_of(reference[column]) is not ColumnKind.NUMERIC:
                raise ConfigError(
                    f'models.{name}.columns.segments: "{segment.name}" takes the feature "{column}" for numbers, and '
                    f'the reference has labels there; compare it with a text, as in {column} == "a"'
                )


def _service(config: ModelConfig, reference: Table, model: WatchedModel) -> Service | None:
    columns = config.columns
    named = [name for name in (columns.latency, columns.error) if name is not None and name in reference]
    numbers = Table({name: numeric(reference, name) for name in named})
    limits = config.latency_limit, config.error_limit
    return service_of(columns.latency, columns.error, numbers, limits=limits, rate=model.allowance.per_test)


def _importance(model: str, config: ModelConfig, features: Sequence[str]) -> Mapping[str, float]:
    """As configured, each of a feature; that of a free text counts for its lengths."""
    known = {name: [name] for name in features}
    for name in features:
        base, dot, _ = name.rpartition(".")
        if dot:
            known.setdefault(base, []).append(name)
    if isinstance(config.importance, Mapping):
        source = f"models.{model}.importance"
        given = [GivenImportance(name, weight, source) for name, weight in config.importance.items()]
    else:
        given = list(read_importances(config.importance))
    for one in given:
        if one.feature not in known:
            told = ", ".join(features[:10])
            raise ConfigError(
                f"{one.place} names {one.feature!r}, which is no feature of model {model!r}; it has {told}"
                f"{did_you_mean(one.feature, features)}"
            )
    return {name: one.weight for one in given for name in known[one.feature]}
