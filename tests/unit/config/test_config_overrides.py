"""Environment variables that set keys: what each form sets, and what is told of those that set nothing."""

from pathlib import Path
from typing import Literal

import pytest

from watchkeeper.config import PluginUse
from watchkeeper.config.overrides import value_of_text
from watchkeeper.domain.spans import Duration, WindowSize

TEXT = """\
[project]
name = "desk"
[models.spx-500]
task = "classification"
columns = { time = "ts", prediction = "p" }
window = "1h"
metrics = ["accuracy"]
drift = []
[rules.fell]
when = "accuracy < 0.8"
[notifiers.ops]
kind = "webhook"
url = "env:WATCHKEEPER_SLACK"
"""


def test_variables_set_keys_of_every_type(read):
    config = read(
        TEXT,
        {
            "WATCHKEEPER_PROJECT__STORAGE": "sqlite:///elsewhere",
            "WATCHKEEPER_MODELS__SPX_500__WINDOW": "500 rows",
            "WATCHKEEPER_MODELS__SPX_500__MIN_ROWS": "7",
            "WATCHKEEPER_MODELS__SPX_500__DECISION_THRESHOLD": "0.25",
            "WATCHKEEPER_MODELS__SPX_500__COLUMNS__TIME": "when",
            "WATCHKEEPER_MODELS__SPX_500__COLUMNS__FEATURES": '["a, b", "c"]',
            "WATCHKEEPER_MODELS__SPX_500__METRICS": "accuracy, f1",
            "WATCHKEEPER_MODELS__SPX_500__DRIFT": '["ks", { name = "psi", bins = 5 }]',
            "WATCHKEEPER_RULES__FELL__FOR": "15m",
            "WATCHKEEPER_NOTIFIERS__OPS__TIMEOUT_SECONDS": "3",
            "WATCHKEEPER_NOTIFIERS__OPS__PIN": "1234",
            "UNRELATED": "x",
        },
    ).config
    model = config.models["spx-500"]

    assert config.project.storage == "sqlite:///elsewhere"
    assert (model.window, model.min_rows, model.decision_threshold) == (WindowSize(rows=500), 7, 0.25)
    assert (model.columns.time, model.columns.features) == ("when", ("a, b", "c"))
    assert model.metrics == (PluginUse("accuracy"), PluginUse("f1"))
    assert model.drift == (PluginUse("ks"), PluginUse("psi", {"bins": 5}))
    assert config.rules["fell"].for_ == Duration.parse("15m")
    assert config.notifiers["ops"].plugin.options["timeout_seconds"] == 3
    assert config.notifiers["ops"].plugin.options["pin"] == "1234"


def test_upper_and_lower_case_are_alike(read):
    assert read(TEXT, {"watchkeeper_Project__Name": "other"}).config.project.name == "other"


def test_a_variable_sets_a_table_that_the_file_leaves_out(read):
    assert read("", {"WATCHKEEPER_PROJECT__NAME": "desk"}).config.project.name == "desk"


def test_the_files_own_values_stay_where_no_variable_speaks(read):
    loaded = read(TEXT, {"WATCHKEEPER_MODELS__SPX_500__WINDOW": "2h"})

    assert loaded.origin("models", "spx-500", "window") == "WATCHKEEPER_MODELS__SPX_500__WINDOW"
    assert loaded.origin("models", "spx-500", "task") == "watchkeeper.toml:4"
    assert loaded.origin("models", "spx-500", "min_rows") == "default"


def test_variables_of_watchkeepers_own_and_named_secrets_set_nothing(read):
    environment = {"WATCHKEEPER_CONFIG": "x", "WATCHKEEPER_DEBUG": "1", "WATCHKEEPER_SLACK": "https://x"}

    assert read(TEXT, environment).config == read(TEXT).config


@pytest.mark.parametrize("variable", ["WATCHKEEPER_BOT_TOKEN", "WATCHKEEPER_ZZZ", "WATCHKEEPER_SLACK_URL"])
def test_a_variable_without_two_underscores_is_somebody_elses(read, variable):
    assert read(TEXT, {variable: "x"}).config == read(TEXT).config


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("WATCHKEEPER_PROJECT_STORAGE", "WATCHKEEPER_PROJECT__STORAGE"),
        ("WATCHKEEPER_MODELS_SPX_500_WINDW", "WATCHKEEPER_MODELS__SPX_500__WINDOW"),
        ("WATCHKEEPER_TOKN", "WATCHKEEPER_TOKEN"),
    ],
)
def test_a_near_miss_of_a_name_that_means_something_is_told_though_it_has_no_two_underscores(problems, variable, meant):
    (told,) = problems(TEXT, {variable: "x"})

    assert told.startswith(f"{variable}: no key of the configuration has this name")
    assert told.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (
            "WATCHKEEPER_MODELS__SPX_500__WINDW",
            "1h",
            (
                "no key of the configuration has this name; expected WATCHKEEPER_TABLE__KEY; did you mean "
                "WATCHKEEPER_MODELS__SPX_500__WINDOW?"
            ),
        ),
        (
            "WATCHKEEPER_ZZZ__ZZZ",
            "1h",
            (
                "no key of the configuration has this name; expected WATCHKEEPER_TABLE__KEY; a key of this file is set "
                "by a name such as WATCHKEEPER_PROJECT__NAME"
            ),
        ),
        (
            "WATCHKEEPER_PROJECT",
            "x",
            (
                "names a table; expected one of its keys: WATCHKEEPER_PROJECT__NAME, WATCHKEEPER_PROJECT__STORAGE, "
                "WATCHKEEPER_PROJECT__FALSE_ALARMS, WATCHKEEPER_PROJECT__PRESETS, WATCHKEEPER_PROJECT__PRESETS_DO, "
                "WATCHKEEPER_PROJECT__FALLBACK, WATCHKEEPER_PROJECT__HEARTBEAT, WATCHKEEPER_PROJECT__JOURNAL"
            ),
        ),
        (
            "WATCHKEEPER_MODELS__SPX_500__WINDOW",
            "soon",
            (
                'models.spx-500.window: "soon" is not a length of time such as "1h", or a number of rows such as '
                '"500 rows"'
            ),
        ),
        (
            "WATCHKEEPER_MODELS__SPX_500__MIN_ROWS",
            "many",
            'models.spx-500.min_rows is "many"; expected a whole number',
        ),
        (
            "WATCHKEEPER_MODELS__SPX_500__METRICS",
            "acuracy",
            (
                'models.spx-500.metrics[0] asks for the metric plugin "acuracy"; installed: accuracy, f1, mae; did you '
                'mean "accuracy"?'
            ),
        ),
        (
            "WATCHKEEPER_NOTIFIERS__OPS__TIMEOUT_SECONDS",
            "long",
            "notifiers.ops.timeout_seconds: found '***' (text), expected a number",
        ),
    ],
    ids=lambda value: value[:40],
)
def test_a_mistaken_variable_is_named_with_what_is_wrong(problems, variable, value, told):
    assert problems(TEXT, {variable: value}) == [f"{variable}: {told}"]


def test_two_variables_for_one_key_are_refused(problems):
    assert problems(TEXT, {"WATCHKEEPER_PROJECT__NAME": "a", "watchkeeper_project__name": "b"}) == [
        "watchkeeper_project__name: sets what WATCHKEEPER_PROJECT__NAME sets too; unset one of them"
    ]


def test_a_variable_that_stands_for_two_keys_is_refused(problems):
    text = TEXT + '[rules.a-b]\nwhen = "x"\n[rules.a_b]\nwhen = "x"\n'

    assert problems(text, {"WATCHKEEPER_RULES__A_B__WHEN": "y"}) == [
        (
            "WATCHKEEPER_RULES__A_B__WHEN: stands for rules.a-b.when and rules.a_b.when alike; rename one of them, or "
            "set them in the file"
        )
    ]


def test_mistakes_of_the_file_come_before_those_of_variables(problems):
    found = problems(TEXT + "x = 1\n", {"WATCHKEEPER_PROJECT__NAME": "", "WATCHKEEPER_NOTHING__AT_ALL": "1"})

    assert [line.partition(": ")[0] for line in found] == [
        "watchkeeper.toml:14",
        "WATCHKEEPER_PROJECT__NAME",
        "WATCHKEEPER_NOTHING__AT_ALL",
    ]


@pytest.mark.parametrize("kind", ["broken", "odd"])
def test_the_options_of_a_broken_plugin_are_left_to_it(problems, kind):
    text = TEXT.replace('"webhook"', f'"{kind}"') + "[ensembles]\ne = 1\n"

    found = problems(text, {"WATCHKEEPER_NOTIFIERS__OPS__URL": "5"})

    assert (
        found[-1]
        == "watchkeeper.toml:15: ensembles.e is 1; expected a table with a name of its own, such as [ensembles.NAME]"
    )


def test_options_of_a_plugin_that_is_not_installed_are_texts(problems):
    text = TEXT.replace('"webhook"', '"slack"')

    assert problems(text, {"WATCHKEEPER_NOTIFIERS__OPS__URL": "x"}) == [
        (
            'watchkeeper.toml:12: notifiers.ops.kind asks for the notifier plugin "slack"; installed: broken, '
            "console, odd, webhook; `pip install` the package that provides it, see `watchkeeper plugins list`"
        )
    ]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("true", bool, True),
        ("yes", bool, "yes"),
        ("5", int, 5),
        ("5", str, "5"),
        ("5", str | None, "5"),
        ("5", float | None, 5),
        ("a,b", tuple[str, ...], ["a", "b"]),
        ("a", Path, "a"),
        ("5", Literal["5", "6"], "5"),
        ("5", Literal[5, 6], 5),
        ("1\nb = 2", int, "1\nb = 2"),
        ("{ a = 1 }", dict[str, int], {"a": 1}),
        ("[" * 3000, tuple[int, ...], ["[" * 3000]),
    ],
    ids=str,
)
def test_a_text_is_read_as_the_type_that_the_key_needs(text, kind, value):
    assert value_of_text(text, kind) == value
