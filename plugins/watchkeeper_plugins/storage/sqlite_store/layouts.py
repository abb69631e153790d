"""The tables of both kinds of file, in their newest version."""

from __future__ import annotations

import sqlite3
from typing import Final

from .schema import Layout


def _with_times_of_blobs(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE blob ADD COLUMN kept_us INTEGER NOT NULL DEFAULT 0")


STATE: Final = Layout(
    kind="state",
    schema=2,
    page_bytes=4096,
    tables="""
        CREATE TABLE namespace (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, fields TEXT NOT NULL);

        -- i1 to i4 have no type, so that values keep theirs: 1 and '1' are different
        CREATE TABLE document (
            namespace INTEGER NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,
            value TEXT NOT NULL, checksum INTEGER NOT NULL, i1, i2, i3, i4
        );
        CREATE UNIQUE INDEX document_key ON document (namespace, key);

        CREATE TABLE log (
            name TEXT NOT NULL, number INTEGER NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL,
            body TEXT NOT NULL, PRIMARY KEY (name, number)
        ) WITHOUT ROWID;

        -- the head stands apart as well, so that a log that lost its tail does not verify
        CREATE TABLE log_head (name TEXT PRIMARY KEY, number INTEGER NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;

        -- kept_us: when the bytes were last put
        CREATE TABLE blob (
            digest TEXT PRIMARY KEY, size INTEGER NOT NULL, data BLOB, kept_us INTEGER NOT NULL DEFAULT 0
        );

        CREATE TABLE applied (
            writer TEXT NOT NULL, seq INTEGER NOT NULL, at_us INTEGER NOT NULL, receipt TEXT NOT NULL,
            PRIMARY KEY (writer, seq)
        ) WITHOUT ROWID;

        CREATE TABLE day (name TEXT PRIMARY KEY, expired_us INTEGER) WITHOUT ROWID;

        -- the catalogue: a copy of what files that rest say about themselves
        CREATE TABLE covered (
            day TEXT PRIMARY KEY, stamp TEXT NOT NULL, entries INTEGER NOT NULL, marks INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE span (
            stream TEXT NOT NULL, key TEXT NOT NULL, day TEXT NOT NULL,
            first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, kinds INTEGER NOT NULL,
            PRIMARY KEY (stream, key, day)
        ) WITHOUT ROWID;
        CREATE TABLE kinds (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)
    """,
    migrations={1: _with_times_of_blobs},
)

TELEMETRY: Final = Layout(
    kind="telemetry",
    schema=1,
    page_bytes=4096,
    tables="""
        INSERT INTO meta VALUES ('series', '0');

        CREATE TABLE series (
            id INTEGER PRIMARY KEY, stream TEXT NOT NULL, key TEXT NOT NULL,
            first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, kinds TEXT NOT NULL,
            chunks INTEGER NOT NULL, marks INTEGER NOT NULL, checksum INTEGER NOT NULL,
            UNIQUE (stream, key)
        );

        -- in the order in which scans look for chunks, so that a commit touches one page of it and needs no index
        CREATE TABLE chunk (
            series INTEGER NOT NULL, first_us INTEGER NOT NULL, number INTEGER NOT NULL,
            last_us INTEGER NOT NULL, rows INTEGER NOT NULL, shape INTEGER NOT NULL,
            narrow_bytes INTEGER NOT NULL, wide_bytes INTEGER NOT NULL, retired_us INTEGER,
            PRIMARY KEY (series, first_us, number)
        ) WITHOUT ROWID;

        CREATE TABLE narrow (chunk INTEGER PRIMARY KEY, data BLOB NOT NULL);
        CREATE TABLE wide (chunk INTEGER PRIMARY KEY, data BLOB NOT NULL);

        CREATE TABLE applied (
            writer TEXT NOT NULL, seq INTEGER NOT NULL, at_us INTEGER NOT NULL,
            PRIMARY KEY (writer, seq)
        ) WITHOUT ROWID
    """,
)
