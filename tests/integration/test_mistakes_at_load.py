"""What used to be found out by the first check, or never, is told when the configuration is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from watchkeeper.app import open_project
from watchkeeper.config.retention import STREAMS
from watchkeeper.domain.errors import ConfigError
from watchkeeper.ensemble.ensembles import HISTORY_STREAM
from watchkeeper.monitor.backfill.kept import MEASURED_WINDOWS
from watchkeeper.monitor.history import MEASUREMENTS
from watchkeeper.monitor.records import OUTCOMES, PREDICTIONS
from watchkeeper.monitor.rollups.stored import PROFILES, ROLLUPS

from .conftest import CONFIG


@pytest.fixture
def problems(project, command):
    """What `config check` says about the ordinary configuration with more lines behind it."""

    def told(more: str, *, of: str = CONFIG) -> list[str]:
        project.configure(of + more)
        answer = command("config", "check")
        assert answer.code in {0, 3}
        return [line for line in answer.err.splitlines() if "watchkeeper.toml:" in line]

    return told


def at(text: str, more: str = "", *, of: str = CONFIG) -> str:
    """``watchkeeper.toml:12`` of the line that holds the text."""
    lines = (of + more).splitlines()
    return f"watchkeeper.toml:{next(place for place, line in enumerate(lines, 1) if text in line)}"


def test_a_threshold_of_a_misspelt_measurement_is_told_with_its_place_and_the_nearest_name(problems):
    more = "[models.momentum.health]\nacuracy = { warn = 0.8 }\n"
    told = f"{at('acuracy', more)}: models.momentum.health.acuracy: no measurement is called 'acuracy'"
    (line,) = problems(more)
    assert line.endswith(f"{told}; did you mean 'accuracy'?")
    with pytest.raises(ConfigError, match="did you mean 'accuracy'"):
        open_project("watchkeeper.toml")


def test_a_threshold_without_a_direction_is_told_with_its_place(problems):
    more = "[models.momentum.health]\nschema_changes = { warn = 3 }\naccuracy = { warn = 0.8 }\n"
    (line,) = problems(more)
    told = 'models.momentum.health.schema_changes: does not tell which way is worse: add worse = "lower" or "higher"'
    assert line.endswith(f"{at('schema_changes', more)}: {told}")


def test_thresholds_of_what_is_measured_pass(problems):
    names = ("accuracy", "estimated_accuracy", "ks{feature=ret1}", "drift_share", "samples", "age_seconds", "chi2")
    assert problems("[models.momentum.health]\n" + "".join(f'"{name}" = {{ warn = 0.1 }}\n' for name in names)) == []


def test_the_streams_of_retention_are_all_that_watchkeeper_appends_to():
    found = {PREDICTIONS, OUTCOMES, MEASUREMENTS, MEASURED_WINDOWS, ROLLUPS, PROFILES, HISTORY_STREAM}
    assert set(STREAMS) == found


def test_a_misspelt_stream_is_told(problems):
    more = "[retention]\nkeep_days = { predctions = 3 }\n"
    (line,) = problems(more)
    assert 'names "predctions"; expected one of predictions' in line
    assert line.endswith('did you mean "predictions"?')


def test_artifacts_of_an_unknown_kind_are_told(problems):
    more = '[registry]\nartifacts = "s4://x"\n'
    (line,) = problems(more)
    assert f"{at('s4', more)}: registry.artifacts: 's4://x' cannot be used for artifacts: " in line


def test_a_signing_key_that_is_not_there_and_a_signer_that_is_nobody_are_told(problems):
    more = '[registry]\nsigning_key = "nofile.pem"\nsigns_as = "deks"\n[signers.desk]\n'
    more += f'key = "{"0" * 64}"\n'
    (line,) = problems(more)
    assert f"{at('signing_key', more)}: registry.signing_key: " in line
    assert "nofile.pem cannot be read as a private key" in line


def test_a_signer_that_nobody_trusts_is_a_doubt_and_a_key_of_another_a_mistake(problems, project, command):
    public = command("models", "keygen", "desk.pem").out.strip()
    signed = '[registry]\nsigning_key = "desk.pem"\nsigns_as = "{}"\n[signers.desk]\nkey = "{}"\n'
    assert problems(signed.format("desk", public)) == []
    (line,) = problems(signed.format("deks", public))
    assert (
        "registry.signs_as: nobody trusts what 'deks' signs: there is no [signers.deks]; did you mean 'desk'?" in line
    )
    (line,) = problems(signed.format("desk", "0" * 64))
    assert f"registry.signing_key: its public key is {public}, and [signers.desk] has another" in line


def test_a_file_in_a_folder_that_does_not_exist_is_told(problems):
    more = '[notifiers.f]\nkind = "file"\npath = "nofolder/x.json"\n'
    (line,) = problems(more)
    assert f"{at('notifiers.f', more)}: notifiers.f.path: there is no folder " in line
    assert "nofolder; make it, or name another" in line


def test_names_in_roles_that_are_nearly_others_are_doubts_and_patterns_and_strangers_are_not(problems):
    who = f'[identities.chat-bot]\nsha256 = "{"0" * 64}"\n[roles.x]\nrole = "viewer"\n'
    doubts = problems(who + 'who = ["chat-bto", "root", "chat-*"]\nmodels = ["momentm", "line", "mom*"]\n')
    assert [line.partition(": roles.")[2] for line in doubts] == [
        "x.who: there is no [identities.chat-bto]; did you mean 'chat-bot'?",
        "x.models: there is no [models.momentm]; did you mean 'momentum'?",
    ]
    assert all("WARNING" in line for line in doubts)


def test_a_model_without_a_reference_is_a_doubt(problems):
    (line,) = problems("", of=CONFIG.replace('reference = "reference.csv"\n', ""))
    assert "models.momentum.reference: there is none: no check can be made before a version is registered" in line


EVERYWHERE = """
[project]
name = "desk"
[models.momentum]
task = "classification"
reference = "referense.csv"
columns = { time = "ts", prediction = "p", probabilities = 3, features = ["ret1"] }
window = "200 rows"
[models.momentum.health]
acuracy = { warn = 0.8 }
drift_share = { wran = 0.8 }
[rules.r]
when = "acuracy < 0.8"
[rules.feature]
when = "ks{feature=ret7} > 0.8"
severity = "critcal"
[notifiers.w]
kind = "webhook"
urll = "env:HOOK"
[maintenance.m]
begins = "99 * * * *"
lasts = "1 hour"
matchers = ["modle=momentum"]
timezone = "Europe/Berln"
[inhibitions.i]
source = ["rule=r"]
target = ["seveirty=critical"]
eqaul = ["model"]
[ensembles.e]
membrs = ["momentm"]
[retention]
keep_days = { predctions = 3 }
"""


def test_mistakes_in_many_sections_are_told_in_one_go_and_each_once(problems):
    found = [line.partition("watchkeeper.toml:")[2].partition(": ")[2] for line in problems("", of=EVERYWHERE)]
    assert [told.partition(";")[0] for told in found] == [
        "models.momentum.columns.probabilities is 3",
        'unknown key "wran" in [models.momentum.health.drift_share]',
        'rules.feature.severity is "critcal"',
        "notifiers.w.urll: not an option",
        'maintenance.m.lasts: "1 hour" is not a length of time such as "90s", "15m", "1h", "30d" or "2w"',
        'unknown key "eqaul" in [inhibitions.i]',
        'unknown key "membrs" in [ensembles.e]',
        'ensembles.e.membrs[0] names "momentm", and there is no [models.momentm]',
        'retention.keep_days.predctions names "predctions"',
        "rules.r.when: condition 'acuracy < 0.8', column 1: no measurement is called 'acuracy'",
        "inhibitions.i.target: 'seveirty=critical': no alert can have a label 'seveirty'",
        "maintenance.m.matchers: 'modle=momentum': no alert can have a label 'modle'",
        "maintenance.m.timezone: 'Europe/Berln' is no time zone",
        "maintenance.m.begins: '99 * * * *' names no times: Bad minute",
        "models.momentum.health.acuracy: no measurement is called 'acuracy'",
        f"models.momentum.reference: there is no file {Path('referense.csv').absolute()}",
    ]


def test_what_is_misspelt_is_not_missing_as_well(problems):
    (line,) = problems('[ensembles.e]\nmembrs = ["momentum"]\n')
    assert 'unknown key "membrs" in [ensembles.e]' in line
    (line,) = problems('[notifiers.w]\nkind = "webhook"\nurll = "http://127.0.0.1:1/"\n')
    assert "notifiers.w.urll: not an option; did you mean 'url'?" in line


def test_the_reference_of_a_model_whose_columns_are_in_doubt_is_not_blamed(problems):
    (line,) = problems("", of=CONFIG.replace('time = "ts"', "time = 3"))
    assert "models.momentum.columns.time is 3; expected a text in quotes" in line


def test_a_check_without_a_reference_tells_the_place_of_the_model(project):
    bare = CONFIG.replace('reference = "reference.csv"\n', "")
    project.configure(bare)
    told = f"{at('[models.momentum]', of=bare)}: model 'momentum' has no reference"
    with open_project("watchkeeper.toml") as watch, pytest.raises(ConfigError, match=re.escape(told)):
        watch.check("momentum")
