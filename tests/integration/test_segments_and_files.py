"""Segments, windows of files, and the store's tuning, from the configuration to what a command shows."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from watchkeeper.app import assembly, open_project
from watchkeeper.domain.errors import ConfigError
from watchkeeper.monitor.recorder import Recorder

SEGMENTS = '"venue"], segments = ["venue", { name = "large", where = "size > 1000 and venue == \\"LSE\\"" }] }'


@pytest.fixture
def segmented(project):
    project.configure(project.config.replace('"venue"] }', SEGMENTS))
    return project


def sized(project, count=200):
    rows = project.rows(count)
    sizes = [2000.0 if at % 2 else 10.0 for at in range(count)]
    return {**rows, "size": sizes}


def test_a_condition_over_a_column_that_is_no_feature_is_stored_and_measured(segmented):
    rows = sized(segmented)
    with open_project("watchkeeper.toml") as watch:
        watch.log_table("momentum", rows)
        result = watch.check("momentum", until_us=1_767_571_200_000_000 + 2200 * 60_000_000)
    last = range(100, 200)
    chosen = [at for at in last if rows["size"][at] > 1000 and rows["venue"][at] == "LSE"]
    right = np.mean([(rows["p"][at] >= 0.5) == bool(rows["y"][at]) for at in chosen])
    found = result.measurement("accuracy", segment="large").value
    assert found.samples == len(chosen)
    assert found.number == pytest.approx(right)
    assert result.measurement("accuracy", segment="venue=LSE") is not None


def test_the_history_of_a_segment_is_asked_for_as_tables_show_it(segmented, command):
    segmented.write(sized(segmented, 100))
    assert command("check", "momentum", "--data", "today.csv", "--fail-on", "never").code == 0
    for title in ("accuracy{segment=venue=LSE}", 'accuracy{segment="venue=LSE"}', "accuracy{segment='venue=LSE'}"):
        (found,) = json.loads(command("history", "momentum", title, "--json").out)
        assert (found["name"], found["labels"]) == ("accuracy", {"segment": "venue=LSE"})
        (point,) = json.loads(command("history", "momentum", title, "--timeline", "--json").out)
        assert point["realised"]["value"] == found["value"]
    assert "accuracy{segment=large}" in command("history", "momentum", "accuracy{segment=large}").out
    mistaken = command("history", "momentum", "accuracy{segment=lagre}")
    assert mistaken.code == 5
    assert "no 'accuracy{segment=lagre}' was measured of 'momentum'; found accuracy, " in mistaken.err
    assert "did you mean 'accuracy{segment=large}'?" in mistaken.err
    outside = command("history", "momentum", "accuracy{segment=large}", "--until", "2001-01-01")
    assert outside.code == 5
    assert "nothing was measured of 'momentum' in these windows; the store has some that end from 2026" in outside.err


def test_a_file_needs_the_columns_of_the_conditions(segmented, command):
    segmented.today()
    answer = command("check", "momentum", "--data", "today.csv")
    assert answer.code == 4
    assert "size" in answer.err
    segmented.write(sized(segmented, 100))
    told = json.loads(command("check", "momentum", "--data", "today.csv", "--json", "--fail-on", "never").out)
    labels = {one["labels"].get("segment") for one in told[0]["measurements"]}
    assert {"large", "venue=LSE", "venue=NYSE"} <= labels


def test_a_feature_of_labels_is_no_number(project):
    project.configure(
        project.config.replace('"venue"] }', '"venue"], segments = [{ name = "a", where = "venue > 1" }] }')
    )
    with open_project("watchkeeper.toml") as watch, pytest.raises(ConfigError) as error:
        watch.check("momentum")
    told = 'models.momentum.columns.segments: "a" takes the feature "venue" for numbers, and the reference has labels'
    assert str(error.value) == f'{told} there; compare it with a text, as in venue == "a"'


def test_each_file_of_a_folder_can_be_a_window(project, command):
    folder = project / "days"
    folder.mkdir()
    for day in ("b", "a", "c"):
        project.today().rename(folder / f"{day}.csv")
    (folder / "notes.txt").write_text("not rows")
    told = json.loads(command("check", "momentum", "--data", "days", "--each-file", "--json", "--fail-on", "never").out)
    assert [one["window"]["source"] for one in told] == ["a.csv", "b.csv", "c.csv"]


def test_a_window_of_each_file_wants_a_folder_with_files(project, command):
    (project / "empty").mkdir()
    assert "empty has no file of rows" in command("check", "momentum", "--data", "empty", "--each-file").err
    project.today()
    answer = command("check", "momentum", "--data", "today.csv", "--each-file")
    assert "--each-file wants a folder as --data; found today.csv" in answer.err
    assert "--each-file is for the files of a folder; name it by --data" in command("check", "--each-file").err


def test_what_storage_sets_reaches_the_recorder_and_the_store(project, monkeypatch):
    project.configure(
        project.config + '\n[storage]\nflush = "20ms"\nwaiting_bytes = 2_000_000\nblock = "1s"\nchunk_rows = 500\n'
    )
    made = []

    def recorder(*arguments, **options):
        made.append((arguments[0], options))
        return Recorder(*arguments, **options)

    monkeypatch.setattr(assembly, "Recorder", recorder)
    with open_project("watchkeeper.toml"):
        ((storage, options),) = made
    assert (options["flush_seconds"], options["max_bytes"], options["block_seconds"]) == (0.02, 2_000_000, 1.0)
    assert storage.describe().name == "sqlite"


def test_a_history_of_all_models_goes_on_past_one_that_has_none(project, command):
    second = project.config.split("[models.momentum]")[1].split("[rules")[0]
    project.configure(project.config + f"\n[models.second]{second}")
    project.write(project.rows(300))
    command("log", "momentum", "today.csv")
    answer = command("check", "--since", "2026-01-05", "--fail-on", "never")
    assert answer.code == 0
    assert "momentum: 3 windows (3 measured)" in answer.err
    assert "second: the store has no predictions of model 'second'" in answer.err
    assert command("check", "second", "--since", "2026-01-05").code == 5


def test_somebody_who_waits_for_a_history_sees_how_far_it_is(project, command, monkeypatch):
    project.write(project.rows(300))
    command("log", "momentum", "today.csv")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    answer = command("check", "momentum", "--since", "2026-01-05", "--fail-on", "never")
    assert "momentum: 3 windows, up to 2026-01-06" in answer.err
    assert "100 %" in answer.err
