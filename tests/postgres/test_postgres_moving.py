"""Moving a project: SQLite into PostgreSQL and back, with real commands, killed on the way."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from watchkeeper.app.storing.contents import contents_of
from watchkeeper.cli.main import main
from watchkeeper.contracts.storage import Append, LogEntry, Namespace, Put
from watchkeeper.domain.table import Categories, Table
from watchkeeper_plugins.storage import postgres, sqlite

pytestmark = pytest.mark.postgres

ALERTS = Namespace("alerts", index=("state", "rank"))


def append(key, start, count):
    numbers = np.arange(start, start + count)
    columns = {
        "id": np.array([f"{number:08x}" for number in numbers], dtype=object),
        "venue": Categories.of([None if number % 11 == 0 else f"v{number % 4}" for number in numbers]),
        "feature": (numbers * 0.5).astype(np.float32),
        "label": np.full(count, None, dtype=object) if start % 3 else numbers % 2 == 0.0,
    }
    return Append("predictions", key, numbers * 1000, Table(columns), ("feature",))


@pytest.fixture
def folder(tmp_path):
    """A SQLite store with 30,000 rows in small commits and one large, and something of everything else."""
    store = sqlite.build(sqlite.SqliteOptions(f"sqlite:///{tmp_path}/watch"))
    for start in range(0, 10_000, 500):
        store.commit([append(key, start, 500) for key in ("spx", "ndx")])
    store.commit([append("bulk", 0, 10_000)])
    for start in range(0, 600, 100):
        store.commit(
            [Put(ALERTS, f"{n:04}", {"n": n}, {"state": "ok", "rank": n / 2}) for n in range(start, start + 100)]
        )
    store.commit([LogEntry("audit", {"n": n, "text": "naïve ☂"}) for n in range(700)])
    for size in (0, 10, 3_000_000):
        store.put_blob(io.BytesIO(np.random.default_rng(size).bytes(size)))
    store.close()
    return tmp_path / "watch"


def contents(store):
    try:
        return contents_of(store, lambda _: None)
    finally:
        store.close()


def of_folder(folder):
    return contents(sqlite.build(sqlite.SqliteOptions(f"sqlite:///{folder}")))


def of_database(database):
    return contents(postgres.build(postgres.PostgresOptions(database.url)))


@pytest.fixture
def typed(folder, monkeypatch, capsys):
    """Types a command beside the store; its exit code, what it printed, and what it said."""
    monkeypatch.chdir(folder.parent)

    def type_in(*words):
        monkeypatch.setattr("sys.argv", ["watchkeeper", "store", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
        output = capsys.readouterr()
        return left.value.code or 0, output.out, output.err

    return type_in


def test_a_project_moves_to_postgresql_and_back_unchanged(folder, database, typed, monkeypatch):
    monkeypatch.setenv("NEW", database.url)
    code, out, err = typed("copy", "sqlite:///watch", "env:NEW", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 30_000), err
    before = of_folder(folder)
    assert of_database(database) == before
    assert json.loads(out)["digest"] == before.digest
    assert typed("copy", database.url, "sqlite:///back")[0] == 0
    assert of_folder(folder.parent / "back") == before


def test_a_copy_that_was_killed_goes_on_and_arrives_whole(folder, database, typed):
    random = np.random.default_rng(11)
    stopped = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "store", "copy", "sqlite:///watch", database.url],
            cwd=folder.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        process.stderr.readline()  # it has begun to copy rows
        try:
            process.wait(float(random.uniform(0.0, 0.4)))
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            stopped += 1
        process.communicate()
    code, _, err = typed("copy", "sqlite:///watch", database.url)
    assert stopped, "at least one copy was killed"
    assert code == 0 or "is not empty" in err, err
    assert of_database(database) == of_folder(folder)


def test_a_postgresql_store_is_backed_up_into_a_folder_and_restored_from_it(folder, database, typed):
    assert typed("copy", "sqlite:///watch", database.url)[0] == 0
    code, _, err = typed("backup", "kept", "--store", database.url)
    assert code == 0, err
    assert of_folder(folder.parent / "kept") == of_folder(folder)
    other = f"{database.url}_other"
    assert typed("restore", "kept", "--store", other)[0] == 0
    assert contents(postgres.build(postgres.PostgresOptions(other))) == of_folder(folder)
    code, _, err = typed("restore", "kept", "--store", other)
    assert code == 4
    assert "the target is not empty" in err


def test_the_commands_read_a_postgresql_store(folder, database, typed):
    assert typed("copy", "sqlite:///watch", database.url)[0] == 0
    code, out, _ = typed("stats", "--store", database.url, "--json")
    found = json.loads(out)
    assert (code, found["storage"], len(found["series"]), found["blobs"]["count"]) == (0, "postgresql", 3, 3)
    code, out, _ = typed("maintain", "--store", database.url, "--json")
    assert (code, json.loads(out)["is_finished"]) == (0, True)
    assert typed("verify", "--store", database.url)[0] == 0
    database.run("UPDATE chunk SET narrow = set_byte(narrow, 900, get_byte(narrow, 900) # 1) WHERE id = 1")
    database.run("DELETE FROM log WHERE number = 7")
    database.run("UPDATE blob_part SET data = 'X' || substr(data, 2)")
    database.run("UPDATE document SET value = '{}' WHERE key = '0003'")
    code, out, _ = typed("verify", "--store", database.url, "--json")
    problems = json.loads(out)["problems"]
    assert code == 1
    assert [text in problem for text, problem in zip(("chunk 1", "'0003'", "entry 7"), problems, strict=False)] == [
        True
    ] * 3
    assert len(problems) == 5, "two blobs of more than nothing, and each of the others once"


def test_a_project_works_on_postgresql_by_its_url_alone(folder, database, typed, monkeypatch):
    monkeypatch.setenv("NEW", database.url)
    config = folder.parent / "watchkeeper.toml"
    config.write_text('[project]\nname = "desk"\nstorage = "env:NEW"\n')
    assert typed("copy", "sqlite:///watch", "env:NEW")[0] == 0
    code, out, err = typed("stats", "--json")
    assert code == 0, err
    assert [one["key"] for one in json.loads(out)["series"]] == ["bulk", "ndx", "spx"]
