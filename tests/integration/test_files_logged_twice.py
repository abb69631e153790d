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


def latest_outcome(row_id):
    from watchkeeper.domain.table import Table
    from watchkeeper.monitor.outcomes import outcomes_of

    with wk.open("watchkeeper.toml") as watch:
        named = Table({"id": np.array([row_id], dtype=object)})
        found = outcomes_of(watch._systems.storage, "momentum", named, 0, None)
        return found.outcome[0] if found.known[0] else None


def without_ids(project, table):
    project.configure(project.config.replace(' id = "id",', ""))
    return {name: column for name, column in table.items() if name != "id"}


def test_a_file_without_ids_that_has_grown_adds_its_new_rows(project, command):
    table = without_ids(project, project.rows(150))
    project.write(part(table, slice(0, 100)))
    command("log", "momentum", "today.csv")
    project.write(table)
    assert command("log", "momentum", "today.csv").err.startswith("50 of 150 predictions of momentum are stored; 100")
    assert stored() == 150


def test_outcomes_that_were_filled_in_since_are_stored_without_ids_too(project, command):
    table = without_ids(project, project.rows(150))
    project.write(part({**table, "y": [None] * 150}, slice(0, 100)))
    command("log", "momentum", "today.csv")
    project.write({**table, "y": [*table["y"][:60], *[None] * 90]})
    assert "with 60 new outcomes" in command("log", "momentum", "today.csv").err
    assert labelled(command) == 10  # of the last hundred rows
    assert stored() == 150


def test_another_file_without_ids_is_stored_though_rows_of_it_are_the_same(project, command):
    table = without_ids(project, project.rows(150))
    project.write(part(table, slice(0, 100)))
    command("log", "momentum", "today.csv")
    project.write(part(table, slice(50, 150)))
    assert command("log", "momentum", "today.csv").err == "100 predictions of momentum are stored\n"


def test_a_file_whose_outcomes_were_corrected_by_another_counts_again_when_it_is_logged_again(project, command):
    table = project.rows()
    other = {**table, "y": [1 - table["y"][0], *table["y"][1:]]}
    for rows in (table, other):
        project.write(rows)
        command("log", "momentum", "today.csv")
    assert latest_outcome(table["id"][0]) == other["y"][0]
    project.write(table)
    assert "100 were before, by id and time, with 1 new outcome" in command("log", "momentum", "today.csv").err
    assert latest_outcome(table["id"][0]) == table["y"][0]
    assert "nothing is stored now" in command("log", "momentum", "today.csv").err


def test_a_correction_in_one_file_leaves_files_of_other_times_alone(project, command):
    table = project.rows(200)
    early, late = part(table, slice(0, 100)), part(table, slice(100, 200))
    for rows in (early, late, {**late, "y": [1 - one for one in late["y"]]}):
        project.write(rows)
        command("log", "momentum", "today.csv")
    project.write(early)
    assert "was logged before" in command("log", "momentum", "today.csv").err


def test_an_id_that_is_there_twice_has_no_new_outcome_when_nothing_changed(project, command):
    table = project.rows(23)
    twice = {name: column[:20] + column[:5] for name, column in table.items()}
    project.write({**twice, "y": [*twice["y"][:20], *(1 - one for one in twice["y"][20:])]})
    command("log", "momentum", "today.csv")
    project.write(
        {name: twice[name] + column[20:] for name, column in table.items()}
        | {"y": [*twice["y"][:20], *(1 - one for one in twice["y"][20:]), *table["y"][20:]]}
    )
    answer = command("log", "momentum", "today.csv")
    assert answer.err.startswith("3 of 28 predictions of momentum are stored; 25 were before, by id and time (")


def test_a_prediction_that_changed_is_told_and_what_was_stored_is_kept(project, command):
    table = project.rows()
    project.write(table)
    command("log", "momentum", "today.csv")
    project.write({**table, "p": [*table["p"][:3], 0.001, *table["p"][4:]]})
    answer = command("log", "momentum", "today.csv")
    assert answer.err.startswith(
        "1 prediction of momentum is not what is stored for the same id and time, the first in row 4: 0.001 and not "
        f"{table['p'][3]}; what was stored first is kept (--again stores every row once more)\n"
    )


def test_an_outcome_that_was_withdrawn_is_told(project, command):
    table = project.rows()
    project.write(table)
    command("log", "momentum", "today.csv")
    project.write({**table, "y": [*table["y"][:7], None, *table["y"][8:]]})
    assert command("log", "momentum", "today.csv").err.startswith(
        "1 outcome of momentum is stored, and today.csv has none for the same id any more: what is stored counts "
        "until another outcome is recorded\n"
    )


def test_outcomes_that_come_another_way_are_not_taken_as_withdrawn(project, command):
    table = project.rows()
    project.write(table)
    command("log", "momentum", "today.csv")
    project.write({**table, "y": [None] * 100})
    assert "none for the same id" not in command("log", "momentum", "today.csv").err


@pytest.mark.parametrize("option", [(), ("--again",)], ids=["once", "again"])
def test_a_file_without_the_column_of_ids_is_refused(project, command, option):
    table = project.rows()
    table["idd"] = table.pop("id")
    project.write(table)
    answer = command("log", "momentum", "today.csv", *option)
    assert answer.code == 4
    assert "today.csv has no column 'id'" in answer.err
    assert "outcomes find their predictions by it: add it, or take `id` out of models.momentum.columns" in answer.err
    assert stored() == 0


def test_a_file_without_rows_has_nothing_to_store(project, command):
    project.write({name: [] for name in project.rows()})
    answer = command("log", "momentum", "today.csv")
    assert answer.code == 5
    assert "today.csv has no rows; there is nothing to store" in answer.err
