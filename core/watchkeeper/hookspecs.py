"""The feature list of the framework: one hook for each kind of plugin, and the observers.

A distribution offers plugins through entry points of the group ``watchkeeper``, one for each plugin, named
``<kind>.<name>`` and pointing at a module (or object) whose hook implementations yield it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pluggy

from .contracts.plugin import Kind, Plugin
from .domain.alert import Alert
from .domain.model import Version

GROUP: Final = "watchkeeper"
hookspec = pluggy.HookspecMarker("watchkeeper")
hookimpl = pluggy.HookimplMarker("watchkeeper")


@hookspec
def watchkeeper_metrics() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Metrics: a number from a window's truths and predictions (`watchkeeper.contracts.metric.Metric`)."""


@hookspec
def watchkeeper_drift() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Drift detectors: how far a column is from the reference (`watchkeeper.contracts.drift.DriftDetector`)."""


@hookspec
def watchkeeper_weightings() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Weighting strategies: how much each member counts (`watchkeeper.contracts.weighting.Weighting`)."""


@hookspec
def watchkeeper_explainers() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Explainers: why a model answered so (`watchkeeper.contracts.explainer.Explainer`)."""


@hookspec
def watchkeeper_notifiers() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Notifiers: who is told, and how (`watchkeeper.contracts.notifier.Notifier`)."""


@hookspec
def watchkeeper_storages() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Storage back ends; the name is the URL's scheme (`watchkeeper.contracts.storage.Storage`)."""


@hookspec
def watchkeeper_formats() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Formats: how a model is saved and loaded (`watchkeeper.contracts.format.Format`)."""


@hookspec
def watchkeeper_executors() -> Iterable[Plugin]:  # type: ignore[empty-body]
    """Executors: where work is computed (`watchkeeper.contracts.executor.ExecutorProvider`)."""


@hookspec
def watchkeeper_alert_changed(alert: Alert) -> None:
    """Called after an alert's new state is stored; what an implementation raises is logged and ignored."""


@hookspec
def watchkeeper_version_promoted(version: Version) -> None:
    """Called after a version's new stage is stored; what an implementation raises is logged and ignored."""


HOOK_OF_KIND: Final[dict[Kind, str]] = {
    Kind.METRIC: "watchkeeper_metrics",
    Kind.DRIFT: "watchkeeper_drift",
    Kind.WEIGHTING: "watchkeeper_weightings",
    Kind.EXPLAINER: "watchkeeper_explainers",
    Kind.NOTIFIER: "watchkeeper_notifiers",
    Kind.STORAGE: "watchkeeper_storages",
    Kind.FORMAT: "watchkeeper_formats",
    Kind.EXECUTOR: "watchkeeper_executors",
}
