"""The folder that the demo leaves behind: a configuration, the references, and the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .market import FEATURES, Market

BLEND = "blend"
"""The ensemble's own forecast, watched like any other model."""

_HEAD = """\
# What `watchkeeper demo` wrote: volatility forecasters on S&P 500 history. Try `watchkeeper check` here.
[project]
name = "demo"
storage = "sqlite:///watch"
false_alarms = "1 per 365d"            # for each model; drift thresholds follow from it
presets = false                        # one rule below, so that one alert tells the story

"""
_MODEL = """\
[models.{name}]
task = "regression"
reference = "reference/{name}.parquet"
columns = {{ time = "time", id = "id", prediction = "forecast", outcome = "volatility", features = [{features}] }}
window = "60 rows"                     # 60 trading days
metrics = ["rmse", "mae"]
drift = ["wasserstein", "psi"]

"""
_TAIL = """\
[ensembles.{blend}]
members = [{members}]
strategy = {{ name = "inverse_loss", power = 2 }}
window = "60 rows"

[rules.error-rose]
when = "rmse > 0.65 and drift_share >= 0.5"
for = "3 checks"
severity = "critical"
do = [{actions}]
next_step = "Take its weight away until it is retrained on days like these."

[notifiers.console]
kind = "console"
"""
_WEBHOOK = """
[notifiers.hook]
kind = "webhook"
url = "{url}"
"""


def configuration(members: tuple[str, ...], webhook: str | None) -> str:
    """``watchkeeper.toml`` of the demo; with a second notifier when there is a webhook to call."""
    features = ", ".join(f'"{name}"' for name in FEATURES)
    models = "".join(_MODEL.format(name=name, features=features) for name in (*members, BLEND))
    actions = '"notify:console"' if webhook is None else '"notify:console", "notify:hook"'
    tail = _TAIL.format(blend=BLEND, members=", ".join(f'"{name}"' for name in members), actions=actions)
    return _HEAD + models + tail + ("" if webhook is None else _WEBHOOK.format(url=webhook))


def write_reference(path: Path, market: Market, rows: slice, forecast: NDArray[np.float64]) -> None:
    """The calm years' rows of one forecaster as Parquet: (n,) forecasts in the order of `rows`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: market.features[rows, at] for at, name in enumerate(FEATURES)}
    table = pa.table(
        {
            "time": pa.array(market.time_us[rows], pa.timestamp("us", tz="UTC")),
            **columns,
            "forecast": forecast,
            "volatility": market.target[rows],
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
