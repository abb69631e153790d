"""Every built-in metric keeps the metric contract."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import watchkeeper_plugins.metrics as folder
from watchkeeper.contracts.metric import Metric
from watchkeeper.contracts.plugin import Plugin
from watchkeeper.testing.metric import MetricContract


def built_in() -> Iterator[Plugin]:
    for module in pkgutil.iter_modules(folder.__path__):
        loaded = importlib.import_module(f"watchkeeper_plugins.metrics.{module.name}")
        if hook := getattr(loaded, "watchkeeper_metrics", None):
            yield from hook()


OTHER_OPTIONS = {
    **{
        name: [{"average": average} for average in ("binary", "macro", "micro", "weighted")]
        for name in ("precision", "recall", "f1")
    },
}
SUBJECTS = [
    pytest.param(plugin.build(plugin.options(**options)), id=f"{plugin.name}{list(options.values()) or ''}")
    for plugin in built_in()
    for options in [{}, *OTHER_OPTIONS.get(plugin.name, [])]
]


class TestBuiltInMetrics(MetricContract):
    @pytest.fixture(params=SUBJECTS)
    def subject(self, request: pytest.FixtureRequest) -> Metric:
        return request.param
