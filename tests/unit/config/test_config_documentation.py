"""The reference page says all that the schema can say, and its examples are read without a mistake."""

import json
import re
from pathlib import Path

import attrs
import pytest

from watchkeeper.config import load
from watchkeeper.config.alerting import (
    EscalationConfig,
    GroupingConfig,
    InhibitionConfig,
    LimitConfig,
    MaintenanceConfig,
    RuleConfig,
)
from watchkeeper.config.governance import IdentityConfig, RegistryConfig, RoleConfig, SignerConfig
from watchkeeper.config.health import HealthConfig
from watchkeeper.config.retention import RetentionConfig
from watchkeeper.config.schema import (
    ColumnsConfig,
    EnsembleConfig,
    ModelConfig,
    NotifierConfig,
    ProjectConfig,
    keys_of,
)
from watchkeeper.config.settings import plain
from watchkeeper.config.storing import StorageConfig
from watchkeeper.plugins import Plugins

PAGE = (Path(__file__).parents[3] / "docs/reference/configuration.md").read_text(encoding="utf-8")
TABLES = {
    "`[project]`": ProjectConfig,
    "`[models.NAME]`": ModelConfig,
    "`columns` of a model": ColumnsConfig,
    "`health` of a model": HealthConfig,
    "`[ensembles.NAME]`": EnsembleConfig,
    "`[rules.NAME]`": RuleConfig,
    "`[escalations.NAME]`": EscalationConfig,
    "`[inhibitions.NAME]`": InhibitionConfig,
    "`[maintenance.NAME]`": MaintenanceConfig,
    "`[grouping]`": GroupingConfig,
    "`[notifiers.NAME]`": NotifierConfig,
    "`[storage]`": StorageConfig,
    "`[limits.NAME]`": LimitConfig,
    "`[retention]`": RetentionConfig,
    "`[registry]`": RegistryConfig,
    "`[signers.NAME]`": SignerConfig,
    "`[identities.NAME]`": IdentityConfig,
    "`[roles.NAME]`": RoleConfig,
}


def documented(title):
    """Key and default of each row of the section's table."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))


@pytest.mark.parametrize(("title", "table"), TABLES.items(), ids=TABLES)
def test_every_key_is_documented_and_no_other(title, table):
    assert list(documented(title)) == list(keys_of(table))


@pytest.mark.parametrize(("title", "table"), TABLES.items(), ids=TABLES)
def test_every_default_is_documented_as_it_is(title, table):
    found = documented(title)

    for key, field in keys_of(table).items():
        if field.default is attrs.NOTHING:
            assert found[key] == "required"
        elif field.default is not None and not hasattr(field.default, "factory"):
            value = plain(field.default)
            assert found[key] == f"`{json.dumps(value)}`"


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_are_read_without_a_mistake(tmp_path, example):
    file = tmp_path / "watchkeeper.toml"
    file.write_text(example, encoding="utf-8")

    assert load(file, Plugins()).config.project.name == "desk"
