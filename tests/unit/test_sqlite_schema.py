"""Layouts of the files: created once, migrated after a copy, all or nothing."""

from __future__ import annotations

import io
import sqlite3
import subprocess
import sys

import attrs
import pytest

from watchkeeper.contracts.storage import Durability
from watchkeeper.domain.errors import StoreError, StoreTooNew
from watchkeeper_plugins.storage.sqlite import SqliteOptions, build
from watchkeeper_plugins.storage.sqlite_store.database import Database, Gates
from watchkeeper_plugins.storage.sqlite_store.gate import Gate
from watchkeeper_plugins.storage.sqlite_store.schema import Layout

FIRST = Layout("state", 1, 4096, "CREATE TABLE note (text TEXT)")


def rename(connection):
    connection.execute("ALTER TABLE note RENAME COLUMN text TO body")


def add(connection):
    connection.execute("ALTER TABLE note ADD COLUMN author TEXT DEFAULT 'nobody'")


def fail(connection):
    connection.execute("CREATE TABLE half (done)")
    raise sqlite3.OperationalError("no such column: text")


THIRD = Layout("state", 3, 4096, "CREATE TABLE note (body TEXT, author TEXT)", {1: rename, 2: add})


@pytest.fixture
def opened(tmp_path):
    gates = Gates(Gate(tmp_path / "state.lock", 1.0), Gate(tmp_path / "layout.lock", 1.0))
    databases = []

    def open_database(layout):
        databases.append(Database(tmp_path / "state.db", layout, gates, checkpoint_bytes=1_000_000))
        return databases[-1]

    yield open_database
    for database in databases:
        database.close()


def notes(database):
    with database.reading() as connection:
        return connection.execute("SELECT * FROM note").fetchall()


def test_an_older_file_is_brought_up_to_date_after_a_copy(opened, tmp_path):
    old = opened(FIRST)
    with old.writing(Durability.SYNCED) as connection:
        connection.execute("INSERT INTO note VALUES ('hello')")
    old.close()
    assert notes(opened(THIRD)) == [("hello", "nobody")]
    copy = sqlite3.connect(tmp_path / "state.db.layout1.backup")
    assert copy.execute("SELECT text FROM note").fetchall() == [("hello",)]
    copy.close()
    assert notes(opened(THIRD)) == [("hello", "nobody")], "a second opening finds nothing to do"


def test_a_migration_that_fails_leaves_the_file_as_it_was(opened):
    old = opened(FIRST)
    with old.writing(Durability.SYNCED) as connection:
        connection.execute("INSERT INTO note VALUES ('hello')")
    old.close()
    with pytest.raises(StoreError, match=r"state\.db cannot be used \(no such column: text\)"):
        opened(attrs.evolve(THIRD, migrations={1: rename, 2: fail}))
    same = opened(FIRST)
    assert notes(same) == [("hello",)]
    with same.reading() as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'half'").fetchone()


def test_a_file_from_the_future_is_refused_and_left_alone(opened):
    new = opened(THIRD)
    with new.writing(Durability.SYNCED) as connection:
        connection.execute("INSERT INTO note VALUES ('hello', 'ada')")
    new.close()
    with pytest.raises(StoreTooNew, match=r"\(layout 3; this one knows up to 1\): upgrade watchkeeper, or restore"):
        opened(FIRST)
    assert notes(opened(THIRD)) == [("hello", "ada")]


def test_an_open_store_stops_when_another_changes_the_layout(opened):
    old = opened(FIRST)
    notes(old)
    opened(THIRD)
    with pytest.raises(StoreTooNew, match="newer watchkeeper"), old.writing(Durability.SYNCED):
        raise AssertionError("a newer layout was written to")


def test_vacuum_and_page_size_are_set_before_the_log(opened):
    database = opened(attrs.evolve(FIRST, page_bytes=16_384))
    with database.reading() as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,), "2 is incremental"
        assert connection.execute("PRAGMA page_size").fetchone() == (16_384,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_connection_for_reading_cannot_write(opened):
    database = opened(FIRST)
    with pytest.raises(StoreError, match="cannot be written"), database.reading() as connection:
        connection.execute("INSERT INTO note VALUES ('hello')")


def written_and_failed(database):
    with database.writing(Durability.SYNCED) as connection:
        connection.execute("INSERT INTO note VALUES ('hello')")
        raise ZeroDivisionError


def test_a_transaction_that_fails_is_undone(opened):
    database = opened(FIRST)
    with pytest.raises(ZeroDivisionError):
        written_and_failed(database)
    assert notes(database) == []
    with database.writing(Durability.SYNCED) as connection:
        connection.execute("INSERT INTO note VALUES ('again')")
    assert notes(database) == [("again",)]


def test_processes_that_create_a_store_at_once_agree(tmp_path):
    script = (
        "import sys; from watchkeeper_plugins.storage.sqlite import SqliteOptions, build;"
        "print('ready', flush=True); sys.stdin.readline(); build(SqliteOptions(sys.argv[1])).close()"
    )
    url = f"sqlite:///{tmp_path}/watch"
    command = [sys.executable, "-c", script, url]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [0] * 4
    build(SqliteOptions(url)).close()


def test_a_store_of_the_first_layout_keeps_its_blobs_and_documents(tmp_path):
    url = f"sqlite:///{tmp_path}/watch"
    store = build(SqliteOptions(url))
    digest = store.put_blob(io.BytesIO(b"as it was"))
    store.close()
    with sqlite3.connect(tmp_path / "watch" / "state.db") as connection:  # what the first layout was
        connection.execute("ALTER TABLE blob DROP COLUMN kept_us")
        connection.execute("UPDATE meta SET value = '1' WHERE name = 'schema'")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = build(SqliteOptions(url))
    with store.open_blob(digest) as blob:
        assert blob.read() == b"as it was"
    assert not store.verify()
    assert store.put_blob(io.BytesIO(b"as it is")) != digest
    store.close()
    assert (tmp_path / "watch" / "state.db.layout1.backup").exists()
