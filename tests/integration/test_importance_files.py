"""Importances from a file: a CSV or JSON beside the configuration, each mistake told with its place."""

from __future__ import annotations

import json

import pytest

import watchkeeper as wk
from watchkeeper.config import load
from watchkeeper.domain.errors import DataError
from watchkeeper.plugins import Plugins


def configured(project, name, text):
    (project / name).write_text(text, encoding="utf-8")
    project.configure(project.config.replace('window = "100 rows"', f'window = "100 rows"\nimportance = "{name}"'))


def importance():
    with wk.open("watchkeeper.toml") as watch:
        return dict(watch._systems.models.watched("momentum").importance)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("importance.csv", "feature,importance\nret1,0.3\nvenue,-0.05\n"),
        ("of sklearn.csv", "\ufeff,Feature,Importance,std\n0,ret1,3e-1,0.1\n1,venue,-0.05,0.2\n"),
        ("importance.json", '{"ret1": 0.3, "venue": -0.05}'),
        ("rows.json", '[{"feature": "ret1", "importance": 0.3}, {"feature": "venue", "importance": -0.05, "std": 1}]'),
    ],
)
def test_a_file_says_what_a_table_says(project, name, text):
    configured(project, name, text)
    assert importance() == {"ret1": 0.3, "venue": -0.05}


def test_what_drifts_is_told_in_the_order_of_the_file(project, command):
    configured(project, "importance.csv", "feature,importance\nvol10,0.9\nret1,0.3\n")
    table = project.rows()
    project.write({**table, "ret1": [one + 3 for one in table["ret1"]], "vol10": [one + 5 for one in table["vol10"]]})
    (result,) = json.loads(command("check", "momentum", "--data", "today.csv", "--json").out)
    drifted = [one["subject"] for one in result["findings"] if one["sentence"].startswith("feature")]
    assert drifted.index("vol10") < drifted.index("ret1")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("i.csv", "feature,importance\nret1,0.3\nvenu,1\n", "i.csv, line 3 names 'venu', which is no feature of model"),
        ("i.csv", "feature,importance\nvenu,1\n", "did you mean 'venue'?"),
        ("i.csv", "feature,importance\nret1,high\n", "line 2, column 'importance': expected a number, found 'high'"),
        ("i.csv", "feature,importance\nret1\n", "i.csv, line 2, column 'importance': expected a number, found nothing"),
        ("i.csv", "feature,importance\nret1,nan\n", "line 2, column 'importance': expected a number, found 'nan'"),
        ("i.csv", "feature,importance\n,1\n", "i.csv, line 2, column 'feature': expected the name of a feature"),
        ("i.csv", "feature,importance\nret1,1\nret1,2\n", "line 3: the feature 'ret1' stands in i.csv, line 2"),
        ("i.csv", "feature,importanse\nret1,1\n", "i.csv, line 1: no column 'importance'; did you mean 'importanse'?"),
        ("i.csv", 'feature,importance\n"ret1,1\n', ": unexpected end of data; expected a CSV file"),
        ("i.csv", "", "i.csv, line 1: no column 'feature'; found nothing"),
        ("i.csv", "feature,importance\n", "i.csv has no feature"),
        ("i.json", '{\n "ret1": 0.3,\n "vol10": "x"}', "i.json, line 3, 'vol10': expected a number, found 'x'"),
        ("i.json", '{\n "ret1": 0.3,\n "venu": 1}', "i.json, line 3 names 'venu', which is no feature"),
        ("i.json", '{\n "ret1": 1,\n "ret1": 2}', "line 3: the feature 'ret1' stands in i.json, line 2"),
        ("i.json", '{"ret1": }', "i.json, line 1, column 10: Expecting value"),
        ("i.json", "[1]", "i.json holds neither an object nor an array of objects"),
        ("i.json", '[{"feature": "ret1", "importanc": 1}]', "object 1: no key 'importance'; did you mean 'importanc'?"),
        ("i.json", '[{"feature": 3, "importance": 1}]', "object 1: expected the name of a feature, found 3"),
    ],
)
def test_each_mistake_is_told_with_its_place(project, command, name, text, told):
    configured(project, name, text)
    project.today()
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code in {3, 4}
    assert told in answer.err


def test_a_file_that_is_not_there_is_told(project):
    configured(project, "i.csv", "")
    (project / "i.csv").unlink()
    with pytest.raises(DataError, match=r"i.csv cannot be read: No such file or directory; expected a CSV file"):
        importance()


def test_neither_a_table_nor_a_file_is_refused_when_the_configuration_is_read(project, command):
    project.configure(project.config.replace('window = "100 rows"', 'window = "100 rows"\nimportance = 3'))
    answer = command("config", "check")
    assert answer.code == 3
    assert 'a table such as { ret1 = 0.3 }, or a file such as "importance.csv"' in answer.err


def test_a_variable_names_the_file_or_changes_one_feature_of_a_table(project):
    (project / "i.csv").write_text("feature,importance\nret1,2\n", encoding="utf-8")
    by_file = load("watchkeeper.toml", Plugins(), {"WATCHKEEPER_MODELS__MOMENTUM__IMPORTANCE": "i.csv"})
    assert by_file.config.models["momentum"].importance.name == "i.csv"
    table = project.config.replace('window = "100 rows"', 'window = "100 rows"\nimportance = { ret1 = 1 }')
    project.configure(table)
    by_name = load("watchkeeper.toml", Plugins(), {"WATCHKEEPER_MODELS__MOMENTUM__IMPORTANCE__RET1": "2.5"})
    assert by_name.config.models["momentum"].importance == {"ret1": 2.5}
