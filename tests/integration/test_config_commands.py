"""``watchkeeper config`` as a user runs it: in a process of its own, with the installed plugins."""

import json
import os
import subprocess
import sys

import pytest

RUN = (
    "from watchkeeper.cli.config import app\n"
    "from watchkeeper.cli.output import exit_with\n"
    "from watchkeeper.domain.errors import WatchkeeperError\n"
    "try:\n    app()\nexcept WatchkeeperError as error:\n    exit_with(error)\n"
)
GOOD = """\
[project]
name = "desk"

[models.spx]
task = "classification"
columns = { time = "ts", prediction = "p" }
window = "1h"
metrics = ["accuracy"]
drift = []

[notifiers.ops]
kind = "webhook"
url = "env:HOOK_URL"
"""


@pytest.fixture
def run(tmp_path):
    def command(*arguments, **environment):
        clean = {key: value for key, value in os.environ.items() if not key.upper().startswith("WATCHKEEPER_")}
        return subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            cwd=tmp_path,
            env={**clean, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command


@pytest.fixture
def good(tmp_path):
    (tmp_path / "watchkeeper.toml").write_text(GOOD)


def test_check_reads_the_conditions_of_the_rules(run, tmp_path):
    rules = '[rules.fell]\nwhen = "acuracy < 0.5"\n[rules.rose]\nwhen = "accuracy >"\n'
    (tmp_path / "watchkeeper.toml").write_text(GOOD + rules)

    found = run("check", HOOK_URL="https://example.org")

    assert found.returncode == 3
    assert found.stderr.startswith("watchkeeper.toml:15: rules.fell.when: ")
    assert "no measurement is called 'acuracy'; did you mean 'accuracy'?" in found.stderr
    assert "watchkeeper.toml:17: rules.rose.when: " in found.stderr


def test_check_counts_what_it_found_in_a_good_file(run, good):
    found = run("check", HOOK_URL="https://example.org")

    assert found.returncode == 0
    assert found.stderr.count("\n") == 1
    assert "models.spx.reference: there is none" in found.stderr
    assert found.stdout == "watchkeeper.toml: no mistake found; 1 model, 0 ensembles, 0 rules, 1 notifier\n"


def test_check_looks_for_secrets_unless_told_not_to(run, good):
    found = run("check")

    assert (found.returncode, found.stdout) == (3, "")
    assert "watchkeeper.toml:13: notifiers.ops.url reads the variable HOOK_URL, which is not set" in found.stderr
    assert run("check", "--no-secrets").returncode == 0


def test_check_tells_every_mistake_on_a_line_of_stderr(run, tmp_path):
    (tmp_path / "other.toml").write_text(GOOD.replace("window", "windw").replace('"accuracy"', '"acuracy"'))

    found = run("check", "--config", "other.toml")

    assert (found.returncode, found.stdout) == (3, "")
    assert [line.partition(": ")[0] for line in found.stderr.splitlines()] == [
        "other.toml:7",
        "other.toml:8",
        "other.toml:13",  # the secret that is not there
    ]
    assert 'unknown key "windw" in [models.spx]' in found.stderr
    assert 'did you mean "accuracy"?' in found.stderr


def test_a_missing_file_says_how_to_get_one(run):
    found = run("check")

    assert found.returncode == 3
    assert "run `watchkeeper init` to write one" in found.stderr


def test_the_file_may_be_named_by_a_variable(run, tmp_path):
    (tmp_path / "named.toml").write_text(GOOD)

    assert run("check", "--no-secrets", WATCHKEEPER_CONFIG="named.toml").stdout.startswith("named.toml: no mistake")


def test_show_gives_each_value_with_its_origin(run, good):
    found = run("show", WATCHKEEPER_MODELS__SPX__WINDOW="500 rows", HOOK_URL="https://T0P")

    lines = found.stdout.splitlines()
    assert found.returncode == 0
    assert "project.name\tdesk\twatchkeeper.toml:2" in lines
    assert "project.storage\tsqlite:///watch\tdefault" in lines
    assert "models.spx.window\t500 rows\tWATCHKEEPER_MODELS__SPX__WINDOW" in lines
    assert "models.spx.reference\tnot set\tdefault" in lines
    assert "notifiers.ops.url\tenv:HOOK_URL\twatchkeeper.toml:13" in lines
    assert "T0P" not in found.stdout


def test_show_speaks_json(run, good):
    found = json.loads(run("show", "--json").stdout)

    assert {"key": "models.spx.columns.time", "value": "ts", "origin": "watchkeeper.toml:6"} in found


def test_schema_prints_a_schema_that_knows_the_installed_plugins(run):
    from jsonschema import Draft202012Validator

    schema = json.loads(run("schema").stdout)

    Draft202012Validator.check_schema(schema)
    assert "webhook" in schema["properties"]["notifiers"]["additionalProperties"]["properties"]["kind"]["enum"]


def test_check_tells_notifiers_that_cannot_be_built(run, tmp_path):
    more = '[notifiers.chat]\nkind = "slack"\n[notifiers.hook]\nkind = "webhook"\nurl = "hook.example.org"\n'
    (tmp_path / "watchkeeper.toml").write_text(GOOD + more)

    found = run("check", HOOK_URL="https://example.org")

    assert found.returncode == 3
    first, second = found.stderr.splitlines()
    assert first.startswith("watchkeeper.toml:14: notifiers.chat: ")
    assert "expected either url (an incoming webhook) or token and channel" in first
    assert second.startswith("watchkeeper.toml:16: notifiers.hook: ")
    assert "hook.example.org" not in second  # an address can be a secret
    assert run("check", "--no-secrets").returncode == 0
