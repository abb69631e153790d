"""A small installation: a few plugins with options, one of them broken."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from typing import Literal

import attrs
import pytest

from watchkeeper.config import LoadedConfig, load
from watchkeeper.contracts.plugin import Kind, NoOptions, Plugin
from watchkeeper.domain.errors import ConfigError, PluginBroken, PluginMissing


@attrs.frozen
class Bins:
    bins: int = 10
    method: Literal["quantile", "uniform"] = "quantile"


def _is_address(_instance, _attribute, value):
    if not value.startswith("http"):
        raise ValueError(f"{value!r} is no address: expected http:// or https://")


@attrs.frozen
class WebhookOptions:
    url: str = attrs.field(validator=_is_address)
    timeout_seconds: float = 10.0
    port: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    certificate: Path | None = None
    pin: str | None = attrs.field(default=None, repr=False)
    note: str = attrs.field(default=attrs.Factory(lambda self: self.url, takes_self=True))


@attrs.frozen
class Odd:
    place: "Nowhere" = None  # noqa: F821 - a plugin's annotation that nobody can resolve


OPTIONS = {
    "metric.accuracy": NoOptions,
    "metric.f1": NoOptions,
    "metric.mae": NoOptions,
    "drift.ks": NoOptions,
    "drift.psi": Bins,
    "drift.broken": None,
    "weighting.inverse_loss": NoOptions,
    "notifier.broken": None,
    "notifier.console": NoOptions,
    "notifier.odd": Odd,
    "notifier.webhook": WebhookOptions,
    "storage.sqlite": NoOptions,
    "storage.postgresql": NoOptions,
}


class FakePlugins:
    """Names and options as the real loader gives them; remembers what was imported."""

    def __init__(self):
        self.imported = []

    def names(self, kind):
        return tuple(sorted(title.partition(".")[2] for title in OPTIONS if title.startswith(f"{kind}.")))

    def get(self, kind, name):
        title = f"{kind}.{name}"
        self.imported.append(title)
        if title not in OPTIONS:
            raise PluginMissing(f"there is no plugin {title!r}")
        if OPTIONS[title] is None:
            raise PluginBroken(f"plugin {title} is broken: importing it raised OSError: no such library")
        return Plugin(Kind(kind), name, lambda options: options, OPTIONS[title])


@pytest.fixture
def plugins():
    return FakePlugins()


@pytest.fixture
def read(tmp_path, plugins, monkeypatch):
    """Load a text as watchkeeper.toml of an empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str, environment: Mapping[str, str] | None = None) -> LoadedConfig:
        Path("watchkeeper.toml").write_text(dedent(text), encoding="utf-8")
        return load("watchkeeper.toml", plugins, environment)

    return load_text


@pytest.fixture
def problems(read):
    """The lines of the ConfigError that reading a text raises."""

    def problems_of(text: str, environment: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as refusal:
            read(text, environment)
        return list(refusal.value.problems)

    return problems_of
