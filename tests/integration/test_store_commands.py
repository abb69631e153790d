"""``watchkeeper store``: the commands on a SQLite project, as a user types them."""

from __future__ import annotations

import io
import json
import sqlite3

import numpy as np
import pyarrow.parquet as pq
import pytest

from watchkeeper.app.storing.contents import contents_of
from watchkeeper.app.storing.exporting import folder_name
from watchkeeper.cli.main import main
from watchkeeper.contracts.storage import Append, LogEntry, Namespace, Put
from watchkeeper.domain.table import Categories, Table
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build

NOTES = Namespace("notes", index=("by",))


def append(start, count, key="spx", **more):
    numbers = np.arange(start, start + count)
    return Append("rows", key, numbers * 1_000_000, Table({"number": numbers, "half": numbers * 0.5} | more), ("half",))


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A configuration and a store with something of everything, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "watchkeeper.toml").write_text('[project]\nname = "desk"\n')
    with_rows = build(SqliteOptions(f"sqlite:///{tmp_path}/watch"))
    for start in range(0, 100, 10):
        with_rows.commit([append(start, 10)])
    with_rows.commit([append(0, 5, "a/b")])
    with_rows.commit([Put(NOTES, "a", {"n": 1}, {"by": "ada"}), LogEntry("audit", {"n": 1})])
    with_rows.commit([Put(NOTES, "a", {"n": 2}, {"by": "ada"})])
    with_rows.put_blob(io.BytesIO(b"large" * 100_000))
    with_rows.close()
    return tmp_path


@pytest.fixture
def typed(monkeypatch, capsys):
    """Types a command; its exit code, what it printed, and what it said."""

    def type_in(*words):
        monkeypatch.setattr("sys.argv", ["watchkeeper", "store", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        output = capsys.readouterr()
        return left.value.code or 0, output.out, output.err

    return type_in


def contents(folder):
    store = build(SqliteOptions(f"sqlite:///{folder}"))
    found = contents_of(store, lambda _: None)
    store.close()
    return found


def test_stats_tell_what_is_there(project, typed):
    code, out, _ = typed("stats", "--json")
    found = json.loads(out)
    assert (code, found["storage"]) == (0, "sqlite")
    assert [(one["stream"], one["key"], one["rows"]) for one in found["series"]] == [
        ("rows", "a/b", 5), ("rows", "spx", 100),
    ]  # fmt: skip
    assert (found["series"][1]["first"], found["series"][1]["last"]) == ("1970-01-01T00:00:00Z", "1970-01-01T00:01:39Z")
    assert found["namespaces"] == [{"name": "notes", "index": ["by"], "documents": 1}]
    assert found["logs"] == [{"name": "audit", "entries": 1}]
    assert found["blobs"] == {"count": 1, "bytes": 500_000}
    code, out, _ = typed("stats")
    assert code == 0
    for text in ("spx", "notes", "audit", "500,000 bytes"):
        assert text in out


def test_a_store_that_is_not_there_is_not_made(project, typed):
    code, _, err = typed("stats", "--store", "sqlite:///nowhere")
    assert code == 4
    assert f"there is no store in {project}/nowhere: check the path" in err
    assert not (project / "nowhere").exists()


def test_verify_says_what_is_wrong_and_answers_1(project, typed):
    assert typed("verify") == (0, "", "reading every file\neverything is as it was written\n")
    (blob,) = (project / "watch" / "blobs").glob("??/*")
    blob.chmod(0o644)
    blob.write_bytes(b"X" + blob.read_bytes()[1:])
    code, out, err = typed("verify")
    assert code == 1
    assert "has other bytes than were written" in out
    assert "1 problems" in err
    code, out, _ = typed("verify", "--json")
    assert (code, json.loads(out)["is_sound"], len(json.loads(out)["problems"])) == (1, False, 1)


def test_a_backup_can_be_restored_with_everything_in_it(project, typed):
    before = contents(project / "watch")
    code, _, err = typed("backup", "kept/monday")
    assert code == 0
    assert "kept/monday holds a verified copy" in err
    assert [path.name for path in (project / "kept").iterdir()] == ["monday"], "nothing unfinished is left"
    assert typed("restore", "kept/monday", "--store", "sqlite:///again")[0] == 0
    assert contents(project / "again") == before
    store = build(SqliteOptions(f"sqlite:///{project}/again"))
    assert store.get(NOTES, "a").revision == 2, "files are copied as they lie, revisions and all"
    store.close()


def test_a_backup_does_not_overwrite_anything(project, typed):
    (project / "kept").mkdir()
    (project / "kept" / "mine.txt").write_text("mine")
    code, _, err = typed("backup", "kept")
    assert code == 4
    assert "kept is not empty; nothing was written" in err
    assert [path.name for path in (project / "kept").iterdir()] == ["mine.txt"]


def test_a_damaged_store_makes_no_backup(project, typed):
    (blob,) = (project / "watch" / "blobs").glob("??/*")
    blob.chmod(0o644)
    blob.write_bytes(b"X" + blob.read_bytes()[1:])
    code, _, err = typed("backup", "kept")
    assert code == 4
    assert "is damaged" in err
    assert "the store is damaged" in err
    assert "nothing was backed up" in err
    assert not (project / "kept").exists()
    assert not list(project.glob(".kept*"))


def test_restore_refuses_what_is_no_backup_and_where_there_is_something(project, typed):
    assert typed("backup", "kept")[0] == 0
    code, _, err = typed("restore", "kept")
    assert code == 4
    assert f"{project}/watch is not empty; nothing was written" in err
    code, _, err = typed("restore", "nowhere")
    assert code == 4
    assert "nowhere is no backup: expected a folder with a state.db" in err


def test_restore_refuses_a_damaged_backup(project, typed):
    assert typed("backup", "kept")[0] == 0
    with sqlite3.connect(project / "kept" / "state.db") as connection:
        connection.execute("""UPDATE document SET value = '{"n":9}'""")
    connection.close()
    code, _, err = typed("restore", "kept", "--store", "sqlite:///again")
    assert code == 4
    assert "the backup kept is damaged" in err
    assert not (project / "again").exists()


def test_a_backup_that_cannot_be_written_says_where(project, typed):
    (project / "file").write_text("")
    code, _, err = typed("backup", "file/kept")
    assert code == 4
    assert "file/kept cannot be written" in err


def test_export_writes_a_folder_for_each_series(project, typed):
    code, out, _ = typed("export", "out", "--json")
    assert code == 0
    assert [(one["key"], one["rows"], one["files"]) for one in json.loads(out)] == [("a/b", 5, 1), ("spx", 100, 1)]
    found = pq.read_table(project / "out" / "rows" / "spx" / "part-00000.parquet")
    assert found.column_names == ["time", "number", "half"]
    assert str(found.schema.field("time").type) == "timestamp[us, tz=UTC]"
    assert found["number"].to_pylist() == list(range(100))
    assert (project / "out" / "rows" / "a%2Fb" / "part-00000.parquet").exists()


def test_export_takes_only_what_is_asked_for(project, typed):
    code, out, _ = typed(
        "export", "out", "--stream", "rows", "--key", "spx",
        "--since", "1970-01-01T00:00:20", "--until", "1970-01-01T00:00:30Z",
    )  # fmt: skip
    assert code == 0
    assert "spx" in out
    (path,) = (project / "out").rglob("*.parquet")
    assert pq.read_table(path)["number"].to_pylist() == list(range(20, 30))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--stream", "row"], 2, "the store has no stream 'row'; it has rows; did you mean 'rows'?"),
        (["--key", "spy"], 2, "the store has no rows under 'spy'; there are some under a/b, spx; did you mean 'spx'?"),
        (["--since", "monday"], 2, "'monday' is no time"),
    ],
    ids=["stream", "key", "time"],
)
def test_export_of_what_is_not_there_says_what_is(project, typed, words, code, told):
    found, _, err = typed("export", "out", *words)
    assert found == code
    assert told in " ".join(err.replace("│", " ").split())
    assert not (project / "out").exists()


def test_export_does_not_write_into_a_folder_with_something_in_it(project, typed):
    (project / "out").mkdir()
    (project / "out" / "mine").write_text("")
    code, _, err = typed("export", "out")
    assert code == 4
    assert "out is not empty; nothing was written" in err


def test_export_of_every_kind_of_column_and_of_columns_that_came_later(project, typed):
    store = build(SqliteOptions(f"sqlite:///{project}/watch"))
    columns = {
        "time": np.array([1.0, np.nan]),
        "text": np.array(["naïve", None], dtype=object),
        "venue": Categories.of([None, "x"]),
        "settled": np.array(["2020-01-01", "NaT"], dtype="M8[us]"),
        "yes": np.array([True, False]),
        "small": np.array([1.5, 2.5], dtype=np.float32),
    }
    store.commit([Append("kinds", "one", np.array([1, 2]), Table(columns))])
    store.commit([Append("kinds", "one", np.array([3, 4]), Table(columns | {"later": np.arange(2)}))])
    store.commit([Append("kinds", "one", np.array([5, 6]), Table(columns | {"venue": Categories.of(["y", "z"])}))])
    store.close()
    assert typed("export", "out", "--stream", "kinds")[0] == 0
    tables = [pq.read_table(path) for path in sorted((project / "out").rglob("*.parquet"))]
    assert [table.num_rows for table in tables] == [2, 2, 2]
    first = tables[0].to_pydict()
    assert list(first) == ["row_time", *columns]
    assert (first["text"], first["venue"], first["yes"]) == (["naïve", None], [None, "x"], [True, False])
    assert first["settled"][1] is None
    assert np.isnan(first["time"][1])
    assert tables[1].column_names == ["row_time", *columns, "later"]
    assert tables[2]["venue"].to_pylist() == ["y", "z"]


def test_names_become_folders_that_stay_apart():
    names = ["a", "A", "a/b", "a%2Fb", ".a", "a.", "モ" * 200, "モ" * 199 + "デ", "..."]
    found = [folder_name(name) for name in names]
    assert len(set(found)) == len(names)
    for name in found:
        assert len(name.encode()) <= 255
        assert "/" not in name
        assert not name.startswith(".")


def test_copy_fills_another_store_and_tells_the_digest(project, typed, monkeypatch):
    monkeypatch.setenv("NEW_STORE", "sqlite:///other")
    code, out, err = typed("copy", "sqlite:///watch", "env:NEW_STORE", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["rows"], found["documents"], found["entries"], found["blobs"]) == (105, 1, 1, 1)
    assert "copying 100 rows of rows/spx" in err
    assert contents(project / "other").digest == found["digest"] == contents(project / "watch").digest
    code, out, _ = typed("copy", "sqlite:///watch", "sqlite:///third")
    assert code == 0
    assert f"digest {found['digest']}, the same in both" in out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["sqlite:///watch", "sqlite:///watch"], 4, "the target is not empty"),
        (["sqlite:///nowhere", "sqlite:///other"], 4, "there is no store in"),
        (["sqlite:///watch", "env:NOT_SET"], 3, "TO reads the variable NOT_SET, which is not set"),
        (["watch", "sqlite:///other"], 2, "FROM is no place of a store: expected a storage URL"),
        (["sqlite:///watch", "sqlit:///other"], 3, "sqlit"),
    ],
    ids=["itself", "no source", "no variable", "no URL", "no such back end"],
)
def test_copy_says_what_is_wrong(project, typed, words, code, told):
    found, _, err = typed("copy", *words)
    assert told in err
    assert found == code
    assert not (project / "other").exists()


def test_maintain_compacts_and_says_so(project, typed):
    store = build(SqliteOptions(f"sqlite:///{project}/watch"))
    for number in range(40):
        store.commit([append(1000 + number, 1, "small")])
    store.close()
    code, out, _ = typed("maintain", "--json")
    assert code == 0
    assert json.loads(out)["compacted_chunks"] >= 40
    assert json.loads(out)["is_finished"]
    code, _, err = typed("maintain")
    assert code == 0
    assert "compacted 0 chunks" in err


def test_maintain_that_ran_out_of_time_says_that_there_is_more(project, typed):
    code, _, err = typed("maintain", "--seconds", "0")
    assert code == 0
    assert "there is more to do: run it again, or give it more --seconds" in err


@pytest.mark.parametrize(
    "words",
    [
        ("backup", "watch/telemetry/2020-01-01.db"),
        ("backup", "watch/inside"),
        ("export", "watch/inside"),
        ("copy", "sqlite:///watch", "sqlite:///watch/nested"),
        ("restore", "backup", "--store", "sqlite:///backup/nested"),
    ],
)
def test_nothing_is_written_into_a_store_by_the_way(project, typed, words):
    assert typed("backup", "backup")[0] == 0
    before = sorted(project.rglob("*"))
    code, _, said = typed(*words)
    assert code == 4
    assert "is inside the store" in said
    assert "nothing was written: name a folder outside of it" in said
    assert sorted(project.rglob("*")) == before
    assert typed("verify")[0] == 0


def test_export_of_an_empty_span_is_refused(project, typed):
    code, _, said = typed("export", "out", "--since", "2020-01-02", "--until", "2020-01-01")
    assert code == 2
    assert "2020-01-02 is not before --until 2020-01-01" in said
    assert not (project / "out").exists()


def test_forget_missing_goes_on_without_a_file_that_is_gone(project, typed):
    assert "no file is missing" in typed("forget-missing")[2]
    (day,) = (project / "watch" / "telemetry").glob("*.db")
    for file in (project / "watch" / "telemetry").glob(f"{day.name}*"):
        file.unlink()
    code, _, said = typed("stats")
    assert code == 4
    assert "`watchkeeper store forget-missing`" in said
    code, out, _ = typed("forget-missing", "--json")
    assert (code, json.loads(out)) == (0, {"forgotten": [day.stem]})
    assert typed("stats")[0] == 0
