"""The JSON Schema accepts what the reader accepts and refuses what it refuses, by jsonschema's own reading."""

import tomllib

import pytest
from jsonschema import Draft202012Validator

from watchkeeper.config import schema_json
from watchkeeper.domain.errors import ConfigError

GOOD = """\
[project]
name = "desk"
storage = "sqlite:///watch"
false_alarms = "0.5 per 30d"

[models.spx]
task = "classification"
reference = "data/reference.parquet"
columns = { time = "ts", id = "id", prediction = "p", outcome = "y", features = ["a", "b"], segments = [] }
window = "500 rows"
metrics = ["accuracy", { name = "f1" }]
drift = ["ks", { name = "psi", bins = 20 }]
min_rows = 5

[ensembles.desk]
members = ["spx"]
strategy = { name = "inverse_loss" }

[rules.fell]
when = "mae > 0.8"
for = "3 checks"
severity = "critical"
do = ["notify:ops"]
cooldown = "1h"

[notifiers.ops]
kind = "webhook"
url = "env:HOOK_URL"
"""
SMALL = '[project]\nname = "d"\n'


@pytest.fixture
def validator(plugins):
    schema = schema_json(plugins)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    "text",
    [GOOD, SMALL, SMALL + 'storage = "env:STORE"\n', SMALL + "[models]\n[rules]\n"],
    ids=["whole", "smallest", "secret", "empty sections"],
)
def test_good_files_are_accepted_by_both(validator, read, text):
    read(text)
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "desk"', 'nme = "desk"'),
        ('name = "desk"', 'name = ""'),
        ('name = "desk"', "name = 5"),
        ('"sqlite:///watch"', '"sqlte:///watch"'),
        ('"sqlite:///watch"', '"watch"'),
        ('"0.5 per 30d"', '"monthly"'),
        ('"classification"', '"clasification"'),
        ('"500 rows"', "500"),
        ('"500 rows"', '"soon"'),
        ('window = "500 rows"', ""),
        ('"accuracy"', '"acuracy"'),
        ('{ name = "psi", bins = 20 }', "{ bins = 20 }"),
        ("min_rows = 5", "min_rows = 0"),
        ("min_rows = 5", "decision_threshold = 1"),
        ('["spx"]', "[]"),
        ('"3 checks"', "3"),
        ('"critical"', '"high"'),
        ('"notify:ops"', '"retrain"'),
        ('cooldown = "1h"', 'cooldown = "500 rows"'),
        ('kind = "webhook"', 'kind = "slack"'),
        ('kind = "webhook"', ""),
        ("[models.spx]", '[models."s px"]'),
        ("[models.spx]", '[modells.x]\n[models."s px"]'),
    ],
)
def test_bad_files_are_refused_by_both(validator, read, old, new):
    text = GOOD.replace(old, new)

    assert not validator.is_valid(tomllib.loads(text))
    with pytest.raises(ConfigError):
        read(text)


def test_every_key_is_described_and_no_plugin_is_imported(plugins):
    schema = schema_json(plugins)

    def keys(part):
        if isinstance(part, dict):
            yield from part.get("properties", {}).items() if "additionalProperties" in part else ()
            for inner in part.values():
                yield from keys(inner)

    undescribed = [key for key, part in keys(schema) if not part.get("description")]
    assert undescribed == []
    assert plugins.imported == []
