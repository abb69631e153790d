"""Bad input: one clear sentence (found, expected, what to do), the documented exit code, nothing lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys

import pytest

import watchkeeper as wk


def test_ordinary_rows_are_ok(project, command):
    project.today()
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 0, answer.err
    assert "ALERT" not in answer.out
    assert "WARN" not in answer.out


def test_a_missing_data_file_names_the_nearest(project, command):
    project.today()
    answer = command("check", "momentum", "--data", "tody.csv")
    assert answer.code == 4
    assert "there is no file tody.csv" in answer.err
    assert "today.csv" in answer.err


def test_a_missing_reference_says_which(project, command):
    (project / "reference.csv").unlink()
    project.today()
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 4
    assert "reference.csv" in answer.err


def test_an_empty_file_is_told(project, command):
    (project / "today.csv").write_text("", encoding="utf-8")
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 4
    assert "today.csv is empty" in answer.err


def test_a_file_without_rows_is_nothing_to_check(project, command):
    (project / "today.csv").write_text("ts,id,ret1,vol10,venue,p,y\n", encoding="utf-8")
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 5
    assert "today.csv has no rows; there is nothing to check" in answer.err


def test_a_missing_column_is_named_with_the_nearest(project, command):
    table = project.rows()
    table["vol1"] = table.pop("vol10")
    project.write(table)
    answer = command("check", "momentum", "--data", "today.csv", "--verbose", "--json")
    assert answer.code == 1
    told = {found["subject"]: found["sentence"] for found in json.loads(answer.out)[0]["findings"][::-1]}
    assert told["vol10"] == (
        "feature \"vol10\" cannot be compared: drift UNKNOWN, not OK: today.csv has no column 'vol10'; found "
        "ts, id, ret1, venue, p, y, vol1; did you mean 'vol1'?"
    )
    assert told["schema"] == 'columns differ from the reference\'s: "vol10" is missing (renamed to "vol1"?)'
    assert told["ret1"] == 'feature "ret1" is as complete as in the reference'


def test_a_file_without_any_feature_is_refused(project, command):
    table = project.rows()
    project.write({name: table[name] for name in ("ts", "id", "p", "y")})
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 4
    assert "today.csv has no column 'ret1'" in answer.err


def test_a_missing_prediction_is_named_with_the_nearest(project, command):
    table = project.rows()
    table["pp"] = table.pop("p")
    project.write(table)
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 4
    assert "today.csv has no column 'p'" in answer.err


def test_rows_without_a_feature_are_not_recorded(project, command):
    table = project.rows()
    table["vol1"] = table.pop("vol10")
    project.write(table)
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 4
    assert "today.csv has no column 'vol10'" in answer.err


def test_an_all_missing_feature_is_unknown_and_the_others_are_checked(project, command):
    project.today(vol10=[None] * 100)
    answer = command("check", "momentum", "--data", "today.csv", "--verbose")
    assert answer.code == 1
    assert 'feature "vol10" is all missing (100 of 100 rows): drift UNKNOWN, not OK' in answer.out
    assert 'feature "ret1" is as in the reference' in answer.out
    assert command("check", "momentum", "--data", "today.csv", "--fail-on", "alert").code == 0


def test_numbers_read_as_text_name_row_and_value(project, command):
    column = project.rows()["vol10"]
    column[6] = "n/a?"
    project.today(vol10=column)
    answer = command("check", "momentum", "--data", "today.csv", "--json")
    assert answer.code == 1
    told = {found["subject"]: found["sentence"] for found in json.loads(answer.out)[0]["findings"][::-1]}
    assert "'vol10'" in told["vol10"]
    assert "'n/a?'" in told["vol10"]
    assert "row 7" in told["vol10"]
    assert told["schema"] == 'columns differ from the reference\'s: "vol10" holds text, not numbers'
    assert told["ret1"] == 'feature "ret1" is as complete as in the reference'


@pytest.mark.parametrize(
    "mistake",
    [
        ('"roc_auc"', '"roc_acu"', 11, 'did you mean "roc_auc"?'),
        ('"chi2"', '"chi"', 12, 'did you mean "chi2"?'),
        ("window =", "windw =", 10, 'did you mean "window"?'),
        ('kind = "console"', 'kind = "consle"', 21, 'did you mean "console"?'),
        ('"100 rows"', '"100 lines"', 10, "a number of rows such as"),
        ("accuracy < 0.4", "acuracy < 0.4", 15, "accuracy"),
    ],
    ids=["metric", "drift", "key", "notifier", "window", "rule"],
)
def test_a_mistake_in_the_configuration_names_file_line_and_nearest(project, command, mistake):
    found, replacement, line, told = mistake
    project.configure(project.config.replace(found, replacement))
    project.today()
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 3
    assert any(said.startswith(f"watchkeeper.toml:{line}: ") and told in said for said in answer.err.splitlines())


def test_no_configuration_says_how_to_begin(project, command):
    (project / "watchkeeper.toml").unlink()
    answer = command("check")
    assert answer.code == 3
    assert "there is no such file; run `watchkeeper init`" in answer.err


def test_an_unknown_model_names_the_nearest(project, command):
    answer = command("check", "momentm")
    assert answer.code == 2
    assert "did you mean 'momentum'?" in answer.err


def test_a_store_without_predictions_is_nothing_to_check(project, command):
    answer = command("check", "momentum")
    assert answer.code == 5
    assert "the store has no predictions of model 'momentum'" in answer.err


def test_an_unreadable_store_is_told_and_left_alone(project, command):
    (project / "watch").mkdir()
    (project / "watch" / "state.db").write_bytes(b"this is no database, it is a text" * 100)
    before = (project / "watch" / "state.db").read_bytes()
    answer = command("check", "momentum")
    assert answer.code == 4
    assert "state.db" in answer.err
    assert (project / "watch" / "state.db").read_bytes() == before


def test_a_store_of_a_newer_version_is_refused_and_left_alone(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").code == 0
    with sqlite3.connect(project / "watch" / "state.db") as connection:
        connection.execute("update meta set value = '999' where name = 'schema'")
    connection.close()
    answer = command("check", "momentum")
    assert answer.code == 4
    assert "999" in answer.err
    assert "newer" in answer.err


def test_two_processes_share_one_store(project):
    project.today()
    script = """
import sys, watchkeeper as wk
from watchkeeper.data.files import read_table
with wk.open("watchkeeper.toml") as watch:
    for _ in range(3):
        watch.log_table("momentum", {name: column[:50] for name, column in read_table("today.csv").columns.items()
                                     if name != "id"})
        watch.check("momentum")
"""
    running = [
        subprocess.Popen([sys.executable, "-c", script], cwd=project.folder, stderr=subprocess.PIPE) for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    with wk.open("watchkeeper.toml") as watch:
        batches = watch._systems.storage.scan("predictions", "momentum", columns=["version"])
        assert sum(len(batch.time) for batch in batches) == 2 * 3 * 50


def test_outcomes_that_the_store_refuses_are_an_error_and_the_predictions_are_stored(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").code == 0
    project.today(y=["up", "down"] * 50)
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 4
    assert "the store refused 100 predictions or outcomes of today.csv and took the others" in answer.err
    with wk.open("watchkeeper.toml") as watch:
        batches = watch._systems.storage.scan("predictions", "momentum", columns=["version"])
        assert sum(len(batch.time) for batch in batches) == 100


def test_a_wrong_option_is_usage(project, command):
    assert command("check", "--fail-on", "sometimes").code == 2
    assert command("check", "--until", "yesterday").code == 2
    assert command("chekc").code == 2


def test_a_file_and_a_window_of_the_store_are_not_both_checked(project, command):
    project.today()
    for name in ("check", "report"):
        answer = command(name, "momentum", "--data", "today.csv", "--until", "2026-01-06")
        assert answer.code == 2
        assert "--data checks a whole file and --until a window of stored rows; give one of the two" in answer.err


def test_a_place_that_cannot_be_written_is_named(project, command):
    project.today()
    report = command("report", "momentum", "--data", "today.csv", "-o", "gone/page.html")
    assert report.code == 4
    assert report.err == (
        "watchkeeper: gone/page.html cannot be used (No such file or directory); name another place, or mend this one\n"
    )
    config = ("--config", "gone/w.toml")
    init = command("init", "reference.csv", "--time", "ts", "--prediction", "p", *config)
    assert init.code == 4
    assert "gone/w.toml cannot be used (No such file or directory)" in init.err


def test_a_reference_without_rows_begins_nothing(project, command):
    (project / "head.csv").write_text("ts,p\n", encoding="utf-8")
    answer = command("init", "head.csv", "--time", "ts", "--prediction", "p", "--config", "new.toml")
    assert answer.code == 4
    assert "head.csv has names of columns and no rows; expected the rows that define normal" in answer.err
    assert not (project / "new.toml").exists()


def test_history_of_what_was_not_measured_says_so(project, command):
    assert "nothing was measured of 'momentum' yet" in command("history", "momentum").err
    project.today()
    command("check", "momentum", "--data", "today.csv")
    wrong_name = command("history", "momentum", "acuracy")
    assert wrong_name.code == 5
    assert "no 'acuracy' was measured of 'momentum'" in wrong_name.err
    assert "did you mean 'accuracy'?" in wrong_name.err
    wrong_model = command("history", "momentm")
    assert wrong_model.code == 2
    assert "did you mean 'momentum'?" in wrong_model.err
    assert command("history", "momentum", "--limit", "0").code == 2


def test_an_internal_error_is_one_line(project, command, monkeypatch):
    from watchkeeper.app import checking

    def broken(*_args, **_kwargs):
        raise RuntimeError("boom")

    monkeypatch.setattr(checking, "stored_records", broken)
    answer = command("check", "momentum")
    assert answer.code == 70
    assert answer.err == ("watchkeeper: internal error, RuntimeError: boom; set WATCHKEEPER_DEBUG=1 to see where\n")
