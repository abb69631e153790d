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


AVERAGES = [{"average": average} for average in ("binary", "macro", "micro", "weighted")]
OTHER_OPTIONS = {
    **dict.fromkeys(("precision", "recall", "f1", "specificity"), AVERAGES),
    "calibration_error": [{"bins": 1}, {"bins": 7}],
    "calibration_error_debiased": [{"bins": 1}, {"bins": 7}],
    "business_value": [{"values": ((1, -1), (-5, 10))}],
    "pinball": [{"quantile": 0.05}],
    "qlike": [{"unit": "volatility"}],
    "icir": [{"block": 5, "ranks": False}],
    "sharpe": [{"position": "proportional"}, {"cost": 0.01}],
    "deflated_sharpe": [{"trials": 20}, {"trials": 5, "trials_variance": 0.3, "cost": 0.01}],
    "probabilistic_sharpe": [{"benchmark": 1.0, "position": "proportional"}],
    "max_drawdown": [{"position": "proportional", "resamples": 0}],
    "turnover": [{"position": "proportional"}],
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
