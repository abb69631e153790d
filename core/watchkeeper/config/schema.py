"""What watchkeeper.toml can say: one attrs class for each table, one field for each key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import attrs

from watchkeeper.contracts.plugin import Kind
from watchkeeper.domain.errors import UsageError
from watchkeeper.domain.model import Task
from watchkeeper.domain.presets import PresetChoice
from watchkeeper.domain.segment import Segment
from watchkeeper.domain.spans import FalseAlarmBudget, WindowSize

from .alerting import (
    Action,
    EscalationConfig,
    GroupingConfig,
    InhibitionConfig,
    LimitConfig,
    MaintenanceConfig,
    RuleConfig,
)
from .constraints import AtLeast, Distinct, FeatureName, Inside, InstalledStorage, Named, NameIn, NotEmpty
from .governance import IdentityConfig, RegistryConfig, RoleConfig, SignerConfig
from .health import HealthConfig
from .keys import IS_NO_KEY, KEY, told
from .plugin_use import InstalledPlugin, PluginUse
from .positions import KeyPath
from .retention import RetentionConfig
from .storing import StorageConfig

DEFAULT_METRICS: Final[Mapping[Task, tuple[str, ...]]] = {
    Task.CLASSIFICATION: ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier"),
    Task.REGRESSION: ("mae", "rmse"),
    Task.SCORE: (),
}
DEFAULT_DRIFT: Final = ("ks", "psi", "chi2")

Text = Annotated[str, NotEmpty("character")]
Feature = Annotated[str, NotEmpty("character"), FeatureName()]
MetricUse = Annotated[PluginUse, InstalledPlugin(Kind.METRIC)]
DriftUse = Annotated[PluginUse, InstalledPlugin(Kind.DRIFT)]
WeightingUse = Annotated[PluginUse, InstalledPlugin(Kind.WEIGHTING)]
NotifierUse = Annotated[PluginUse, InstalledPlugin(Kind.NOTIFIER)]


@attrs.frozen(kw_only=True)
class ProjectConfig:
    """``[project]``: the name, the store and the budget of false alarms."""

    name: Text = attrs.field(metadata=told("the project's name, as reports show it"))
    storage: Annotated[str, InstalledStorage()] = attrs.field(
        default="sqlite:///watch",
        metadata=told("where everything is kept: a storage URL; a relative path begins at the file's folder"),
    )
    false_alarms: FalseAlarmBudget = attrs.field(
        default=FalseAlarmBudget.parse("1 per 30d"),
        metadata=told("how many false alarms each model may raise: the budget that all its alarms share"),
    )
    presets: PresetChoice = attrs.field(
        default=True,
        metadata=told("which of the rules that watchkeeper brings along are on: true, false, or their names"),
    )
    presets_do: Annotated[tuple[Action, ...], Distinct()] = attrs.field(
        default=(), metadata=told('what they do when they fire: "notify:NAME"; without, they show in the verdict alone')
    )
    fallback: Annotated[str, NameIn("notifiers")] | None = attrs.field(
        default=None, metadata=told("the notifier that is told what could not be delivered to another")
    )
    heartbeat: Annotated[str, NameIn("notifiers")] | None = attrs.field(
        default=None, metadata=told("the notifier that `watchkeeper run` gives a sign of life each minute")
    )
    journal: bool = attrs.field(
        default=False,
        metadata=told("whether each logged row survives the death of the process at once, not after 100 ms"),
    )


@attrs.frozen(kw_only=True)
class ColumnsConfig:
    """``columns`` of a model: which column of its rows holds what."""

    time: Text = attrs.field(metadata=told("the column with the time of each row"))
    prediction: Text = attrs.field(metadata=told("the column with what the model said"))
    id: Text | None = attrs.field(
        default=None,
        metadata=told("the column that joins a prediction to its outcome; needed when outcomes come later"),
    )
    outcome: Text | None = attrs.field(default=None, metadata=told("the column with what turned out to be true"))
    features: Annotated[tuple[Feature, ...], Distinct()] = attrs.field(
        default=(), metadata=told("the columns that are watched for drift and quality")
    )
    text: Annotated[tuple[Feature, ...], Distinct()] = attrs.field(
        default=(), metadata=told("features that are free text: their length is watched, in characters and words")
    )
    segments: Annotated[tuple[Segment, ...], Distinct()] = attrs.field(
        default=(),
        metadata=told(
            'what metrics are given apart by: a column, or { name = "large", where = "size > 1000" } over columns'
        ),
    )

    probabilities: Mapping[str, Text] = attrs.field(
        factory=dict,
        metadata=told("where the prediction is a label: by class, the column with its probability"),
    )
    latency: Text | None = attrs.field(
        default=None, metadata=told("the column with how long the model took to answer, in any unit")
    )
    error: Text | None = attrs.field(
        default=None, metadata=told("the column that is not 0 where the model failed to answer")
    )

    def __attrs_post_init__(self) -> None:
        roles: dict[str, str] = {}
        given = {role: getattr(self, role) for role in ("time", "prediction", "id", "outcome", "latency", "error")}
        given |= {f"probabilities.{label}": column for label, column in self.probabilities.items()}
        if len(self.probabilities) == 1:
            raise UsageError("probabilities name one class; expected a column for each of two classes or more")
        for role, column in given.items():
            if column is not None and (other := roles.setdefault(column, role)) != role:
                raise UsageError(
                    f'the column "{column}" is both {other} and {role}; expected a column of its own for each'
                )


Importance: TypeAlias = Mapping[Annotated[str, NotEmpty("character")], float] | Path
"""By feature, or the file that says so."""


@attrs.frozen(kw_only=True)
class ModelConfig:
    """``[models.NAME]``: a model, where its rows are, and what is measured."""

    task: Task = attrs.field(metadata=told("what the predictions are: classification, regression or score"))
    columns: ColumnsConfig = attrs.field(metadata=told("which column holds what"))
    window: WindowSize = attrs.field(
        metadata=told('how many rows are looked at together: a length of time such as "1h", or "500 rows"')
    )
    every: WindowSize | None = attrs.field(
        default=None,
        metadata=told("how far apart windows are: how often `watchkeeper run` checks, and the step of `check --since`"),
    )
    reference: Path | None = attrs.field(
        default=None,
        metadata=told("a CSV or Parquet file of rows that define normal; a relative path begins at the file's folder"),
    )
    metrics: Annotated[tuple[MetricUse, ...], Distinct()] = attrs.field(
        default=attrs.Factory(lambda model: _plain_uses(DEFAULT_METRICS[model.task]), takes_self=True),
        metadata=told("the metrics to compute, by name or as a table with the plugin's options"),
    )
    drift: Annotated[tuple[DriftUse, ...], Distinct()] = attrs.field(
        default=attrs.Factory(lambda: _plain_uses(DEFAULT_DRIFT)),
        metadata=told("the drift detectors to run on each feature that they are defined for"),
    )
    false_alarms: FalseAlarmBudget | None = attrs.field(
        default=None, metadata=told("this model's own budget of false alarms, instead of the project's")
    )
    tolerance: Annotated[float, Inside(0, 10)] = attrs.field(
        default=0.05,
        metadata=told("the largest change that does not matter, in standard deviations of the reference's rows"),
    )
    importance: Importance = attrs.field(
        factory=dict,
        metadata=told(
            "how much each feature matters to the model, such as permutation importances: { ret1 = 0.3 }, or a CSV or "
            "JSON file of them"
        ),
    )
    decision_threshold: Annotated[float, Inside(0, 1)] = attrs.field(
        default=0.5, metadata=told("the probability from which a classification counts as the second class")
    )
    min_rows: Annotated[int, AtLeast(1)] = attrs.field(
        default=30, metadata=told("a window with fewer rows is UNKNOWN, not judged")
    )
    latency_limit: Annotated[float, Inside(0, 1e15)] | None = attrs.field(
        default=None,
        metadata=told("the highest usual 95th percentile of latency; the reference's when left out"),
    )
    error_limit: Annotated[float, Inside(0, 1)] | None = attrs.field(
        default=None,
        metadata=told("the highest usual share of failed predictions; the reference's when left out"),
    )
    health: Mapping[Text, HealthConfig] = attrs.field(
        factory=dict, metadata=told("by measurement: from where on the model is WARN or ALERT, and OK again")
    )

    @property
    def step(self) -> WindowSize:
        """What evidence is gathered in: the window, or the shorter step of windows that overlap."""
        every, window = self.every, self.window
        if every is None:
            return window
        if every.rows is not None and window.rows is not None:
            return every if every.rows < window.rows else window
        if every.duration is not None and window.duration is not None:
            return every if every.duration < window.duration else window
        return window


@attrs.frozen(kw_only=True)
class EnsembleConfig:
    """``[ensembles.NAME]``: several models answering together."""

    members: Annotated[tuple[Annotated[str, NameIn("models")], ...], NotEmpty("item"), Distinct()] = attrs.field(
        metadata=told("the models that belong to it")
    )
    strategy: WeightingUse = attrs.field(
        default=attrs.Factory(lambda: PluginUse("inverse_loss")),
        metadata=told("how the members are weighted, by name or as a table with the plugin's options"),
    )
    window: WindowSize = attrs.field(
        default=WindowSize(rows=250), metadata=told("how much history the weights are learned from")
    )


@attrs.frozen(kw_only=True)
class NotifierConfig:
    """``[notifiers.NAME]``: who is told; all keys but `kind` are options of that plugin."""

    plugin: NotifierUse = attrs.field(metadata=told("the notifier plugin; every other key is an option of it", "kind"))

    @property
    def kind(self) -> str:
        """The plugin's name."""
        return self.plugin.name


@attrs.frozen(kw_only=True)
class Config:
    """A whole watchkeeper.toml, checked."""

    project: ProjectConfig = attrs.field(metadata=told("the name, the store and the budget of false alarms"))
    models: Mapping[Annotated[str, Named("name for a model")], ModelConfig] = attrs.field(
        factory=dict, metadata=told("the models that are watched")
    )
    ensembles: Mapping[Annotated[str, Named("name for an ensemble")], EnsembleConfig] = attrs.field(
        factory=dict, metadata=told("models that answer together")
    )
    rules: Mapping[Annotated[str, Named("name for a rule")], RuleConfig] = attrs.field(
        factory=dict, metadata=told("conditions over measurements")
    )
    notifiers: Mapping[Annotated[str, Named("name for a notifier")], NotifierConfig] = attrs.field(
        factory=dict, metadata=told("who is told")
    )
    limits: Mapping[Annotated[str, NameIn("notifiers")], LimitConfig] = attrs.field(
        factory=dict, metadata=told("how much a notifier is told")
    )
    escalations: Mapping[Annotated[str, Named("name for an escalation")], EscalationConfig] = attrs.field(
        factory=dict, metadata=told("who is told next when nobody acknowledges an alert")
    )
    inhibitions: Mapping[Annotated[str, Named("name for an inhibition")], InhibitionConfig] = attrs.field(
        factory=dict, metadata=told("which alerts explain others, about which nobody is told meanwhile")
    )
    maintenance: Mapping[Annotated[str, Named("name for a maintenance window")], MaintenanceConfig] = attrs.field(
        factory=dict, metadata=told("times that come again and again in which nobody is told")
    )
    storage: StorageConfig = attrs.field(
        factory=StorageConfig, metadata=told("how rows go into the store, and how the store goes about it")
    )
    retention: RetentionConfig = attrs.field(
        factory=RetentionConfig, metadata=told("how long the store keeps what; without it, everything for ever")
    )
    grouping: GroupingConfig = attrs.field(
        factory=GroupingConfig, metadata=told("which alerts are told in one message")
    )
    registry: RegistryConfig = attrs.field(
        factory=RegistryConfig, metadata=told("what a version must have before production and before it is loaded")
    )
    signers: Mapping[Annotated[str, Named("name for a signer")], SignerConfig] = attrs.field(
        factory=dict, metadata=told("whose signatures count")
    )
    identities: Mapping[Annotated[str, Named("name for somebody")], IdentityConfig] = attrs.field(
        factory=dict, metadata=told("who must prove by a token who they are")
    )
    roles: Mapping[Annotated[str, Named("name for a table of roles")], RoleConfig] = attrs.field(
        factory=dict, metadata=told("who may do what to which models; without any, everybody may do everything")
    )
    folder: Path = attrs.field(default=Path(), metadata={IS_NO_KEY: True})
    """The file's folder, absolute: where relative paths begin."""


def keys_of(table: type) -> dict[str, attrs.Attribute[Any]]:
    """The keys that a table may have, with the field that each of them sets."""
    return {
        field.metadata.get(KEY, field.name): field
        for field in attrs.fields(attrs.resolve_types(table))
        if not field.metadata.get(IS_NO_KEY)
    }


def uses_of(config: Config) -> dict[KeyPath, tuple[Kind, PluginUse]]:
    """Every plugin that a configuration uses, by the path of the value that names it."""
    uses: dict[KeyPath, tuple[Kind, PluginUse]] = {}
    for name, model in config.models.items():
        for key, kind, found in (("metrics", Kind.METRIC, model.metrics), ("drift", Kind.DRIFT, model.drift)):
            uses |= {("models", name, key, place): (kind, use) for place, use in enumerate(found)}
    for name, ensemble in config.ensembles.items():
        uses["ensembles", name, "strategy"] = (Kind.WEIGHTING, ensemble.strategy)
    for name, notifier in config.notifiers.items():
        uses["notifiers", name] = (Kind.NOTIFIER, notifier.plugin)
    return uses


def _plain_uses(names: tuple[str, ...]) -> tuple[PluginUse, ...]:
    return tuple(PluginUse(name) for name in names)
