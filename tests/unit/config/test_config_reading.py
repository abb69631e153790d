"""What a good file becomes, and what each kind of mistake in a file is told as."""

import attrs
import pytest

from watchkeeper.config import Action, PluginUse, Verb, load
from watchkeeper.domain.alert import Severity
from watchkeeper.domain.errors import ConfigError
from watchkeeper.domain.model import Task
from watchkeeper.domain.spans import Checks, Duration, FalseAlarmBudget, WindowSize

PROJECT = '[project]\nname = "desk"\n'
MODEL = """\
[models.spx]
task = "classification"
columns = { time = "ts", prediction = "p" }
window = "1h"
"""
WHOLE = """\
[project]
name = "desk"
storage = "sqlite:///watch"
false_alarms = "2 per 30d"

[models.spx]
task = "regression"
reference = "data/reference.parquet"
columns = { time = "ts", id = "id", prediction = "p", outcome = "y", features = ["a", "b"], segments = ["venue"] }
window = "500 rows"
metrics = ["mae"]
drift = ["ks", { name = "psi", bins = 20 }]
false_alarms = "1 per 1w"
decision_threshold = 0.25
min_rows = 5

[ensembles.desk]
members = ["spx"]

[rules.fell]
when = "mae > 0.8"
for = "3 checks"
severity = "critical"
do = ["notify:ops"]
models = ["spx"]
next_step = "look at the feed"
cooldown = "1h"

[notifiers.ops]
kind = "webhook"
url = "https://example.org"
headers = { Authorization = "env:TOKEN" }
"""


def line(text, key):
    """The number of the first line that begins with a key."""
    return next(number for number, row in enumerate(text.split("\n"), start=1) if row.strip().startswith(key))


def test_a_whole_file_becomes_values(read, tmp_path):
    config = read(WHOLE).config
    model, rule = config.models["spx"], config.rules["fell"]

    assert config.project.false_alarms == FalseAlarmBudget.parse("2 per 30d")
    assert config.folder == tmp_path
    assert model.task is Task.REGRESSION
    assert model.reference == tmp_path / "data/reference.parquet"
    assert model.columns.features == ("a", "b")
    assert model.window == WindowSize(rows=500)
    assert model.metrics == (PluginUse("mae"),)
    assert model.drift == (PluginUse("ks"), PluginUse("psi", {"bins": 20}))
    assert model.decision_threshold == 0.25
    assert rule.for_ == Checks(3)
    assert rule.severity is Severity.CRITICAL
    assert rule.do == (Action(Verb.NOTIFY, "ops"),)
    assert rule.cooldown == Duration.parse("1h")
    assert config.ensembles["desk"].strategy == PluginUse("inverse_loss")
    assert config.notifiers["ops"].kind == "webhook"
    assert config.notifiers["ops"].plugin.options["headers"] == {"Authorization": "env:TOKEN"}


def test_what_is_left_out_has_a_default(read):
    config = read(PROJECT + MODEL + '[rules.r]\nwhen = "accuracy < 1"\n').config
    model = config.models["spx"]

    assert config.project.storage == "sqlite:///watch"
    assert config.project.false_alarms == FalseAlarmBudget.parse("1 per 30d")
    assert [str(use) for use in model.metrics] == [
        "accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier",
    ]  # fmt: skip
    assert [str(use) for use in model.drift] == ["ks", "psi", "chi2"]
    assert (model.reference, model.false_alarms, model.decision_threshold, model.min_rows) == (None, None, 0.5, 30)
    assert (model.columns.id, model.columns.outcome, model.columns.features) == (None, None, ())
    assert (config.rules["r"].for_, config.rules["r"].severity, config.rules["r"].do) == (
        Checks(1), Severity.WARNING, (),
    )  # fmt: skip


def test_a_configuration_never_changes(read):
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read(PROJECT).config.project.name = "other"


def test_only_plugins_that_the_file_uses_are_imported(read, plugins):
    read(PROJECT + MODEL + 'drift = ["psi"]\nmetrics = []\n')

    assert plugins.imported == ["drift.psi"]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(problems):
    found = problems(
        """\
        [project]
        name = ""
        [models.spx]
        task = "clasification"
        columns = { time = "ts" }
        windw = "1h"
        [rules.r]
        when = 5
        """
    )

    assert found == [
        "watchkeeper.toml:2: project.name is empty; expected at least one character",
        (
            'watchkeeper.toml:4: models.spx.task is "clasification"; expected one of classification, regression, '
            'score; did you mean "classification"?'
        ),
        'watchkeeper.toml:5: [models.spx.columns] has no "prediction"; expected the column with what the model said',
        (
            'watchkeeper.toml:6: unknown key "windw" in [models.spx]; expected one of task, columns, window, every, '
            "reference, metrics, drift, false_alarms, tolerance, importance, decision_threshold, min_rows, "
            "latency_limit, error_limit, health; "
            'did you mean "window"?'
        ),
        "watchkeeper.toml:8: rules.r.when is 5; expected a text in quotes",
    ]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("min_rows = {}", "models.spx.min_rows is a table; expected a whole number"),
        ("min_rows = [1]", "models.spx.min_rows is an array; expected a whole number"),
        ("decision_threshold = 1e400", "models.spx.decision_threshold is inf; expected a number"),
        ("min_rows = true", "models.spx.min_rows is true; expected a whole number"),
        ("min_rows = 0", "models.spx.min_rows is 0; expected a whole number, at least 1"),
        (
            "min_rows = 0xffffffffffffffffff",
            "models.spx.min_rows is a number too large to use; expected a whole number",
        ),
        ("decision_threshold = 1.0", "models.spx.decision_threshold is 1.0; expected a number above 0 and below 1"),
        ("decision_threshold = nan", "models.spx.decision_threshold is nan; expected a number"),
        ('decision_threshold = "half"', 'models.spx.decision_threshold is "half"; expected a number'),
        ("reference = 2020-01-01", "models.spx.reference is the date or time 2020-01-01; expected a text in quotes"),
        ('metrics = "accuracy"', 'models.spx.metrics is "accuracy"; expected an array: ["accuracy"]'),
        ("metrics = ['f1', 'f1']", 'models.spx.metrics holds "f1" twice; expected each item once'),
        (
            "metrics = [5]",
            (
                "models.spx.metrics[0] is 5; expected a plugin's name, or a table with its name and options such as "
                '{ name = "psi", bins = 10 }'
            ),
        ),
        (
            "metrics = [{ bins = 5 }]",
            (
                '[models.spx.metrics[0]] has no "name"; expected a plugin\'s name, or a table with its name and '
                'options such as { name = "psi", bins = 10 }'
            ),
        ),
        ("metrics = [{ name = 5 }]", "models.spx.metrics[0].name is 5; expected a text in quotes"),
        (
            'false_alarms = "monthly"',
            (
                'models.spx.false_alarms: "monthly" is not a number of alarms in a length of time such as "1 per 30d" '
                'or "0.5 per 1w"'
            ),
        ),
        (
            "false_alarms = 1",
            (
                'models.spx.false_alarms is 1; expected a number of alarms in a length of time such as "1 per 30d" or '
                '"0.5 per 1w"'
            ),
        ),
        (
            'drift = ["kss"]',
            'models.spx.drift[0] asks for the drift plugin "kss"; installed: broken, ks, psi; did you mean "ks"?',
        ),
        (
            'drift = ["entropy"]',
            (
                'models.spx.drift[0] asks for the drift plugin "entropy"; installed: broken, ks, psi; `pip install` '
                "the package that provides it, see `watchkeeper plugins list`"
            ),
        ),
        (
            'drift = [{ name = "psi", bns = 5 }]',
            "models.spx.drift[0].bns: not an option; did you mean 'bins'?; known: bins, method",
        ),
        (
            'drift = [{ name = "psi", bins = "ten" }]',
            "models.spx.drift[0].bins: found 'ten' (text), expected a whole number",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_value_of_a_model_says_what_was_found_and_expected(problems, setting, told):
    assert problems(PROJECT + MODEL + setting) == [f"watchkeeper.toml:7: {told}"]


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (
            "for = 3",
            'rules.r.for is 3; expected a number of checks such as "3 checks", or a length of time such as "15m"',
        ),
        (
            'for = "3"',
            'rules.r.for: "3" is not a number of checks such as "3 checks", or a length of time such as "15m"',
        ),
        ('severity = "high"', 'rules.r.severity is "high"; expected one of info, warning, critical'),
        (
            'do = ["retrain"]',
            'rules.r.do[0] is "retrain"; the only action there is today is "notify:NAME" of a notifier',
        ),
        (
            'do = ["ops"]',
            (
                'rules.r.do[0] is "ops"; the only action there is today is "notify:NAME" of a notifier; did you mean '
                '"notify:ops"?'
            ),
        ),
        (
            'do = ["notify:opps"]',
            'rules.r.do[0] names "opps", and there is no [notifiers.opps]; the file has ops; did you mean "ops"?',
        ),
        (
            'models = ["spx"]',
            'rules.r.models[0] names "spx", and there is no [models.spx]; the file has no [models.…] at all',
        ),
        ("models = []", "rules.r.models is empty; expected at least one item"),
        (
            'cooldown = "soon"',
            'rules.r.cooldown: "soon" is not a length of time such as "90s", "15m", "1h", "30d" or "2w"',
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_value_of_a_rule_says_what_was_found_and_expected(problems, rule, told):
    text = PROJECT + '[notifiers.ops]\nkind = "console"\n[rules.r]\nwhen = "x > 1"\n' + rule

    assert problems(text) == [f"watchkeeper.toml:7: {told}"]


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (
            "[notifiers.n]",
            '3: [notifiers.n] has no "kind"; expected the notifier plugin; every other key is an option of it',
        ),
        ("[notifiers.n]\nkind = 1", "4: notifiers.n.kind is 1; expected a text in quotes"),
        (
            '[notifiers.n]\nkind = "consol"',
            (
                '4: notifiers.n.kind asks for the notifier plugin "consol"; installed: broken, console, odd, webhook; '
                'did you mean "console"?'
            ),
        ),
        ('[notifiers.n]\nkind = "webhook"', "3: notifiers.n.url: missing, expected text"),
        (
            '[notifiers.n]\nkind = "webhook"\nurl = "x"',
            "3: notifiers.n: 'x' is no address: expected http:// or https://",
        ),
        ('[notifiers.n]\nkind = "console"\nx = 1', "5: notifiers.n.x: not an option; there is nothing to set"),
        (
            '[notifiers.n]\nkind = "odd"',
            "3: notifiers.n: the options of notifier.odd cannot be read: NameError: name 'Nowhere' is not defined",
        ),
        (
            "[notifiers]\nn = 1",
            "4: notifiers.n is 1; expected a table with a name of its own, such as [notifiers.NAME]",
        ),
        ("[ensembles.e]\nmembers = []", "4: ensembles.e.members is empty; expected at least one item"),
        (
            '[ensembles."a b"]\nmembers = ["spx"]',
            (
                "3: ensembles.\"a b\": 'a b' is not a name for an ensemble: expected 1 to 100 of A-Z a-z 0-9 _ . -, "
                "beginning with a letter or digit, and not ending in a dot, nor with two dots in a row"
            ),
        ),
        ("[rules]\nr = 1", "4: rules.r is 1; expected a table with a name of its own, such as [rules.NAME]"),
        (
            "[modells.spx]",
            (
                '3: unknown key "modells" in the file; expected one of project, models, ensembles, rules, notifiers, '
                "limits, escalations, inhibitions, maintenance, storage, retention, grouping, registry, signers, "
                'identities, roles; did you mean "models"?'
            ),
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_wrong_table_says_what_was_found_and_expected(problems, table, told):
    assert f"watchkeeper.toml:{told}" in problems(PROJECT + table)


@pytest.mark.parametrize(
    ("storage", "told"),
    [
        (
            "watch",
            'is "watch"; expected a storage URL such as "sqlite:///watch", or "env:NAME" of a variable that holds one',
        ),
        (
            "sqlte:///watch",
            'asks for the storage plugin "sqlte"; installed: postgresql, sqlite; did you mean "sqlite"?',
        ),
        ("env:", 'is "env:"; expected "env:" and the name of a variable: letters, digits and _'),
    ],
)
def test_a_wrong_storage_url_says_what_was_expected(problems, storage, told):
    assert problems(f'{PROJECT}storage = "{storage}"') == [f"watchkeeper.toml:3: project.storage {told}"]


def test_a_section_that_is_no_table_says_so(problems):
    assert problems("models = 5\n" + PROJECT) == [
        "watchkeeper.toml:1: models is 5; expected a table of tables, each with a name of its own"
    ]


def test_two_columns_with_the_same_role_are_refused(problems):
    text = PROJECT + MODEL.replace('"p"', '"ts"')

    assert problems(text) == [
        (
            'watchkeeper.toml:5: models.spx.columns: the column "ts" is both time and prediction; expected a column of '
            "its own for each"
        )
    ]


def test_a_file_without_a_project_says_what_is_missing(problems):
    assert problems("") == [
        'watchkeeper.toml:1: the file has no "project"; expected the name, the store and the budget of false alarms'
    ]


def test_a_broken_plugin_is_no_mistake_of_the_file(read, plugins):
    loaded = read(PROJECT + MODEL + 'metrics = []\ndrift = ["broken"]\n')

    assert loaded.mistakes_at_use(plugins) == (
        (
            "watchkeeper.toml:8: models.spx.drift[0]: plugin drift.broken is broken: importing it raised OSError: no "
            "such library"
        ),
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"a = \n", "1: this is no TOML: Invalid value, column 5"),
        (b"[project]\nname 5\n", "2: this is no TOML: Expected '=' after a key in a key/value pair, column 6"),
        (b"a = 1\na = 2\n", "2: this is no TOML: Cannot overwrite a value, column 6"),
        (b"a = 1\nb = [", "2: this is no TOML: Invalid value"),
        (b"a = 1\nb = " + b"9" * 5000, "2: this is no TOML: a number or date that cannot be used"),
        (b"a = 1\nb = " + b"[" * 5000, "2: this is no TOML: arrays or tables nested too deep"),
    ],
    ids=lambda value: str(value[:16]),
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path, plugins, monkeypatch, content, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "watchkeeper.toml").write_bytes(content)

    with pytest.raises(ConfigError) as refusal:
        load("watchkeeper.toml", plugins)

    assert refusal.value.problems == (f"watchkeeper.toml:{told}; nothing else in the file was checked",)


def test_bytes_that_are_no_utf_8_are_told_with_their_line(tmp_path, plugins):
    file = tmp_path / "watchkeeper.toml"
    file.write_bytes(b"[project]\nname = '\xe9'\n")

    with pytest.raises(ConfigError) as refusal:
        load(file, plugins)

    assert str(refusal.value) == f"{file}:2: found the byte 0xe9, which is no UTF-8; save the file as UTF-8"


def test_a_file_from_windows_is_read_like_any_other(tmp_path, plugins):
    file = tmp_path / "watchkeeper.toml"
    file.write_bytes(b"\xef\xbb\xbf" + PROJECT.replace("\n", "\r\n").encode() + b"nme = 1\r\n")

    with pytest.raises(ConfigError) as refusal:
        load(file, plugins)

    assert str(refusal.value).startswith(f'{file}:3: unknown key "nme" in [project]')


def test_a_missing_file_says_how_to_get_one(tmp_path, plugins):
    with pytest.raises(ConfigError) as refusal:
        load("absent.toml", plugins)

    assert (
        str(refusal.value)
        == "absent.toml: there is no such file; run `watchkeeper init` to write one, or name another by --config"
    )


def test_a_folder_in_place_of_a_file_says_so(tmp_path, plugins):
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, plugins)

    assert str(refusal.value) == f"{tmp_path}: cannot be read: Is a directory; expected a TOML file"


def test_a_message_is_one_line_whatever_the_file_holds(problems):
    found = problems(PROJECT + '"a\\nb\\u001b[31m" = 1')

    told = 'watchkeeper.toml:3: unknown key "a\\nb\\u001b[31m" in [project]; '
    keys = "name, storage, false_alarms, presets, presets_do, fallback, heartbeat, journal"
    assert found == [f"{told}expected one of {keys}"]
