"""Which layout a database file has: creating it, recognising it, and bringing an older one up to date."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from watchkeeper.domain.errors import StoreCorrupt, StoreError, StoreTooNew

Migration = Callable[[sqlite3.Connection], None]


@attrs.frozen
class Layout:
    """What the tables of one kind of file are."""

    kind: str
    """``state`` or ``telemetry``."""
    schema: int
    """The version that this code writes; counts from 1."""
    page_bytes: int
    tables: str
    """What creates the newest version in an empty file."""
    migrations: Mapping[int, Migration] = attrs.field(factory=dict)
    """By version: what turns that version into the next one."""


class BlankFile(StoreCorrupt):
    """The file has no tables at all, where rows are expected."""


def found_schema(connection: sqlite3.Connection, path: Path, layout: Layout) -> int:
    """The version of the file, 0 when it is empty; a StoreError when it is somebody else's file, or too new."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return 0
    found: dict[str, str] = {}
    if "meta" in tables:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(meta)")}
        if columns == {"name", "value"}:
            found = dict(connection.execute("SELECT name, value FROM meta"))
    if found.get("application") != "watchkeeper" or found.get("kind") != layout.kind:
        raise StoreError(
            f"{path} is a SQLite file but not the {layout.kind} of a watchkeeper store: move it away, or use another "
            "folder"
        )
    if not found.get("schema", "").isdecimal():
        raise StoreCorrupt(f"{path} does not say which layout it has: restore it from a backup")
    schema = int(found["schema"])
    _refuse_newer(schema, path, layout)
    return schema


def require_layout(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    """StoreTooNew when a newer watchkeeper has changed the layout since the file was opened; costs a microsecond."""
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    if schema != layout.schema:
        _refuse_newer(schema, path, layout)
        raise StoreCorrupt(f"{path} has lost its layout number (found {schema}): restore it from a backup")


def brought_up_to_date(connection: sqlite3.Connection, path: Path, layout: Layout) -> None:
    """Create the tables in an empty file, or run the migrations that are missing; all or nothing.

    The caller holds the gate. Before a migration the file is copied to ``<name>.layout<version>.backup`` beside it.
    """
    schema = found_schema(connection, path, layout)
    if schema == layout.schema:
        return
    if schema == 0:
        _created(connection, layout)
        return
    backup = path.with_name(f"{path.name}.layout{schema}.backup")
    copy = sqlite3.connect(backup)
    try:
        connection.backup(copy)
    finally:
        copy.close()
    connection.execute("BEGIN IMMEDIATE")
    try:
        for version in range(schema, layout.schema):
            layout.migrations[version](connection)
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema'", (str(layout.schema),))
        connection.execute(f"PRAGMA user_version = {layout.schema}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def _refuse_newer(schema: int, path: Path, layout: Layout) -> None:
    if schema > layout.schema:
        raise StoreTooNew(
            f"{path} was written by a newer watchkeeper (layout {schema}; this one knows up to {layout.schema}): "
            "upgrade watchkeeper, or restore a backup from before"
        )


def _created(connection: sqlite3.Connection, layout: Layout) -> None:
    connection.execute(f"PRAGMA page_size = {layout.page_bytes}")
    # before WAL: set after it, auto_vacuum silently stays off
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        for statement in layout.tables.split(";"):
            connection.execute(statement)
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?)",
            (("application", "watchkeeper"), ("kind", layout.kind), ("schema", str(layout.schema))),
        )
        connection.execute(f"PRAGMA user_version = {layout.schema}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise
