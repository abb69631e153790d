"""watchkeeper.toml as checked values."""

from .alerting import Action, RuleConfig, Verb
from .json_schema import schema_json
from .loaded import LoadedConfig
from .plugin_use import PluginUse
from .reading import load
from .schema import (
    ColumnsConfig,
    Config,
    EnsembleConfig,
    ModelConfig,
    NotifierConfig,
    ProjectConfig,
)
from .settings import Setting, settings
from .storage_url import StorageAddress

__all__ = [
    "Action",
    "ColumnsConfig",
    "Config",
    "EnsembleConfig",
    "LoadedConfig",
    "ModelConfig",
    "NotifierConfig",
    "PluginUse",
    "ProjectConfig",
    "RuleConfig",
    "Setting",
    "StorageAddress",
    "Verb",
    "load",
    "schema_json",
    "settings",
]
