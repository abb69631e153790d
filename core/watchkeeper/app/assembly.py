"""The six systems over one store, made from a configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs

from watchkeeper.alerting.caretaker import Caretaker
from watchkeeper.alerting.permission import Permit
from watchkeeper.alerting.sender import Sender
from watchkeeper.alerting.system import Alerting
from watchkeeper.clock import Clock
from watchkeeper.config.governance import access_of, policy_of
from watchkeeper.config.loaded import LoadedConfig
from watchkeeper.config.schema import Config
from watchkeeper.contracts.format import Format
from watchkeeper.contracts.notifier import Notifier
from watchkeeper.contracts.plugin import Kind
from watchkeeper.contracts.storage import Storage
from watchkeeper.data.lengths import length_features, lengths_added
from watchkeeper.domain.access import Access, Action
from watchkeeper.domain.alert import Alert
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Task, Version
from watchkeeper.domain.spans import FalseAlarmBudget
from watchkeeper.domain.table import ColumnKind
from watchkeeper.ensemble.ensembles import Ensembles
from watchkeeper.explain.explaining import Explaining
from watchkeeper.monitor.recorder import Recorder
from watchkeeper.plugins import Plugins
from watchkeeper.registry.envelopes import SigningKey
from watchkeeper.registry.registry import Registry
from watchkeeper.registry.remote import with_remote_artifacts

from .anomalies import Anomalies
from .background import Backgrounds
from .built import Built
from .charting import earlier
from .expected_kinds import outcomes_are, predictions_are
from .models import Models
from .rules import rules_of
from .serving import ServedColumns
from .telling import grouping_of, inhibitions_of, windows_of


@attrs.frozen(eq=False)
class Systems:
    """Everything that a project owns; `close` ends it."""

    loaded: LoadedConfig
    plugins: Plugins
    clock: Clock
    storage: Storage
    recorder: Recorder
    models: Models
    registry: Registry
    alerting: Alerting
    notifiers: Built[Notifier]
    ensembles: Ensembles
    explaining: Explaining
    senders: list[Sender] = attrs.field(factory=list)
    """What sends notifications in the background now."""
    caretakers: list[Caretaker] = attrs.field(factory=list)
    """What does in the background now what is due though no check comes."""
    _declared: set[str] = attrs.field(factory=set)
    _lengths: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    _served: dict[str, ServedColumns] = attrs.field(factory=dict)
    anomalies: Anomalies = attrs.field(
        default=attrs.Factory(
            lambda self: Anomalies(self.storage, lambda model: _budget(self.config, model)), takes_self=True
        ),
    )

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.loaded.config

    def declare(self, model: str) -> None:
        """Tell the recorder the model's features, and the cells that count them, before its first prediction."""
        if model in self._declared:
            return
        watched = self.models.watched(model)
        numbers = {name for name, reference in watched.references.items() if reference.kind is ColumnKind.NUMERIC}
        numbers |= {name for segment in watched.segments for name in segment.number_columns}
        numbers |= set(watched.judging.probabilities)
        numbers |= set(watched.service.columns if watched.service else ())
        categories = [name for name in watched.recorded if name not in numbers]
        cells = {name: reference.cells for name, reference in watched.references.items() if reference.cells is not None}
        self.recorder.declare(
            model, watched.recorded, categories=categories, cells=cells, predictions=predictions_are(watched)
        )
        if (outcomes := outcomes_are(watched)) is not None:
            self.recorder.expect_outcomes(model, outcomes)
        if lengths := length_features(watched.features):
            self._lengths[model] = lengths
        if watched.service is not None:
            self._served[model] = ServedColumns.of(watched.recorded, watched.features, watched.service)
        self._declared.add(model)

    def expect_outcomes(self, model: str) -> None:
        """Tell the recorder what is known of the model's outcomes by its configuration alone."""
        if self.models.config(model).task is Task.REGRESSION:
            self.recorder.expect_outcomes(model, float)

    def completed(self, model: str, features: Any) -> Any:
        """The features of a declared model as they are recorded: free text as its lengths."""
        lengths = self._lengths.get(model)
        return features if lengths is None else lengths_added(features, lengths)

    def served(self, model: str, features: Any, predictions: Any, latency: Any, error: Any) -> Any:
        """The features of a declared model with how it answered, where that is recorded."""
        columns = self._served.get(model)
        if columns is None:
            if latency is None and error is None:
                return features
            raise UsageError(
                f"model {model!r} records neither latency nor errors: name a column for them, such as "
                f'latency = "latency_ms" and error = "failed", in models.{model}.columns'
            )
        return columns.added(features, predictions, latency, error)

    def close(self) -> None:
        """Flush what was recorded and release everything; may be called twice.

        Raises
        ------
        StoreError
            When rows could not be written; everything else is released.
        UsageError
            In a signal handler that interrupted the recorder, or in a child process; nothing is released.
        """
        is_needed = False
        try:
            self.recorder.stop()
        except UsageError:
            is_needed = True  # the rows that wait still need the store when the process ends
            raise
        finally:
            if not is_needed:
                for notifier in self.notifiers.made():
                    notifier.close()
                self.storage.close()


def assembled(loaded: LoadedConfig, plugins: Plugins, clock: Clock, actor: str) -> Systems:
    """Open the store and wire the systems; a store that cannot be opened leaves nothing behind."""
    address = loaded.storage()
    storage = cast("Storage", plugins.build(Kind.STORAGE, address.name, address.plugin_options))
    access = access_of(dict(loaded.config.roles))
    registry = _registry(loaded, plugins, storage, clock, actor, access=access)
    # what is read to watch models and to tell of them is the project's own work: nobody's role is asked for
    own = _registry(loaded, plugins, storage, clock, actor, access=Access())
    explaining = Explaining(storage, clock)
    journal = loaded.config.folder / "journal" if loaded.config.project.journal else None
    tuned = loaded.config.storage
    recorder = Recorder(
        storage,
        clock,
        flush_seconds=tuned.flush.us / 1e6,
        max_bytes=tuned.waiting_bytes,
        block_seconds=tuned.block.us / 1e6,
        journal=journal,
        rollups=True,
    )
    return Systems(
        loaded=loaded,
        plugins=plugins,
        clock=clock,
        storage=storage,
        recorder=recorder,
        models=Models(loaded, plugins, own, storage),
        registry=registry,
        alerting=_alerting(loaded, storage, registry, plugins, Backgrounds(own, explaining)),
        notifiers=Built(tuple(loaded.config.notifiers), lambda name: _notifier(loaded, plugins, name)),
        ensembles=Ensembles(storage, clock),
        explaining=explaining,
    )


def acted_on(systems: Systems, actor: str) -> Systems:
    """The same systems for somebody else who acts: their roles count, and the logs name them.

    Everything that is stored, recorded or sent is shared; whoever made the first ones closes them.
    """
    access = systems.registry.acting.access
    registry = _registry(systems.loaded, systems.plugins, systems.storage, systems.clock, actor, access=access)
    alerting = systems.alerting.permitted_by(_permit(registry))
    return attrs.evolve(systems, registry=registry, alerting=alerting)


def _registry(
    loaded: LoadedConfig, plugins: Plugins, storage: Storage, clock: Clock, actor: str, *, access: Access
) -> Registry:
    formats = Built(plugins.names(Kind.FORMAT), lambda name: cast("Format", plugins.build(Kind.FORMAT, name)))
    elsewhere = loaded.config.registry.artifacts
    return Registry(
        storage if elsewhere is None else with_remote_artifacts(storage, elsewhere),
        formats,
        clock,
        actor,
        policy=policy_of(loaded.config.registry, dict(loaded.config.signers)),
        access=access,
        observer=_version_observer(plugins),
        folder=loaded.config.folder,
        signs_with=lambda: _signing_key(loaded.config),
    )


def _alerting(
    loaded: LoadedConfig, storage: Storage, registry: Registry, plugins: Plugins, backgrounds: Backgrounds
) -> Alerting:
    return Alerting(
        storage,
        registry.acting.clock,
        rules_of(loaded),
        observer=_observer(plugins),
        history=lambda measurement: earlier(storage, measurement),
        backgrounds=backgrounds,
        inhibitions=inhibitions_of(loaded),
        grouping=grouping_of(loaded.config),
        windows=windows_of(loaded),
        permit=_permit(registry),
        models=tuple(loaded.config.models),
    )


def _permit(registry: Registry) -> Permit:
    """Whether who acts may handle a model's alerts."""
    return lambda model: registry.acting.require(Action.HANDLE_ALERTS, model)


def _notifier(loaded: LoadedConfig, plugins: Plugins, name: str) -> Notifier:
    use = loaded.config.notifiers[name].plugin
    return cast("Notifier", plugins.build(Kind.NOTIFIER, use.name, loaded.options(use, plugins)))


def _budget(config: Config, model: str) -> FalseAlarmBudget:
    return config.models[model].false_alarms or config.project.false_alarms


def _signing_key(config: Config) -> SigningKey | None:
    path, name = config.registry.signing_key, config.registry.signs_as
    return None if path is None or name is None else SigningKey.read(config.folder / path, name)


def _version_observer(plugins: Plugins) -> Callable[[Version], None]:
    def tell(version: Version) -> None:
        plugins.tell("watchkeeper_version_promoted", version=version)

    return tell


def _observer(plugins: Plugins) -> Callable[[Alert], None]:
    def tell(alert: Alert) -> None:
        plugins.tell("watchkeeper_alert_changed", alert=alert)

    return tell
