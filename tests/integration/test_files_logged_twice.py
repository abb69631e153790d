"""A file that is logged again changes nothing; one that has grown adds what is new."""

from __future__ import annotations

import json

import numpy as np
import pytest

import watchkeeper as wk


def stored(model="momentum"):
    with wk.open("watchkeeper.toml") as watch:
        rows = watch._systems.storage.scan("predictions", model, None, None, ["id"])
        return sum(len(batch.time) for batch in rows)


def labelled(command):
    found = json.loads(command("check", "momentum", "--json").out)[0]["measurements"]
    return next(one["value"] for one in found if one["name"] == "labelled")


def part(table, rows):
    return {name: column[rows] for name, column in table.items()}


def test_the_same_file_is_stored_once(project, command):
    project.today()
    assert command("log", "momentum", "today.csv").err == "100 predictions of momentum are stored\n"
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 0
    assert "today.csv was logged before, at 20" in answer.err
    assert "100 predictions of momentum; nothing is stored now (--again stores its rows once more)" in answer.err
    assert stored() == 100


def test_the_same_bytes_under_another_name_are_known(project, command):
    (project / "copy.csv").write_bytes(project.today().read_bytes())
    command("log", "momentum", "today.csv")
    assert "as today.csv" in command("log", "momentum", "copy.csv").err
    assert stored() == 100


def test_again_stores_every_row(project, command):
    project.today()
    command("log", "momentum", "today.csv")
    assert command("log", "momentum", "today.csv", "--again").err == "100 predictions of momentum are stored\n"
    assert stored() == 200


def test_a_file_that_has_grown_adds_its_new_rows(project, command):
    table = project.rows(150)
    project.write(part(table, slice(0, 100)))
    command("log", "momentum", "today.csv")
    project.write(table)
    answer = command("log", "momentum", "today.csv")
    assert answer.err == (
        "50 of 150 predictions of momentum are stored; 100 were before, by id and time (--again stores every row)\n"
    )
    assert stored() == 150


def test_outcomes_that_were_filled_in_since_are_stored_and_others_are_not(project, command):
    table = project.rows()
    project.write({**table, "y": [None] * 60 + table["y"][60:]})
    command("log", "momentum", "today.csv")
    assert labelled(command) == 40
    project.write(table)
    assert "100 were before, by id and time, with 60 new outcomes" in command("log", "momentum", "today.csv").err
    assert labelled(command) == 100
    assert stored() == 100


def test_the_same_id_at_another_time_is_another_row(project, command):
    table = project.rows(50)
    project.write(table)
    command("log", "momentum", "today.csv")
    later = [str(np.datetime64(time) + np.timedelta64(1, "D")) for time in table["ts"]]
    project.write({**table, "ts": later})
    assert command("log", "momentum", "today.csv").err == "50 predictions of momentum are stored\n"


def test_rows_without_ids_are_known_by_their_file(project, command):
    project.configure(project.config.replace(' id = "id",', ""))
    table = project.rows()
    del table["id"]
    project.write(table)
    command("log", "momentum", "today.csv")
    assert "nothing is stored now" in command("log", "momentum", "today.csv").err
    assert stored() == 100


def test_a_file_whose_logging_was_interrupted_is_completed(project, command, monkeypatch):
    project.configure(project.config.replace(' id = "id",', ""))
    table = project.rows()
    del table["id"]
    project.write(table)
    with monkeypatch.context() as patched:
        patched.setattr("watchkeeper.app.filing.logged", half_logged)
        with wk.open("watchkeeper.toml") as watch, pytest.raises(InterruptedError):
            watch.log_file("momentum", "today.csv")
    assert stored() == 50
    assert "50 of 100 predictions of momentum are stored; 50 were before" in command("log", "momentum", "today.csv").err
    assert stored() == 100


def half_logged(systems, model, table, source, *, ids):
    from watchkeeper.app.recording import logged

    logged(systems, model, table.rows(np.arange(50)), source, ids=ids[:50])
    raise InterruptedError
