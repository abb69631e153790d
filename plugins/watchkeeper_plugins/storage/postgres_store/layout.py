"""The tables in their newest version: creating them, recognising them, bringing older ones up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
from psycopg import sql

from watchkeeper.domain.errors import StoreCorrupt, StoreError, StoreTooNew

Connection = psycopg.Connection[tuple[Any, ...]]
Migration = Callable[[Connection], None]

SCHEMA: Final = 1
"""The version that this code writes; counts from 1."""
MIGRATIONS: Final[Mapping[int, Migration]] = {}
"""By version: what turns that version into the next one."""
_OLDEST_SERVER: Final = 130_000
_TABLES: Final = """
CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL);

CREATE TABLE namespace (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, fields text NOT NULL
);

-- i1 to i4: the index fields as bytes that sort as the values do, see index_values.py
CREATE TABLE document (
    namespace integer NOT NULL, key text COLLATE "C" NOT NULL, revision bigint NOT NULL,
    value text NOT NULL, fields text NOT NULL, checksum bigint NOT NULL,
    i1 bytea NOT NULL, i2 bytea NOT NULL, i3 bytea NOT NULL, i4 bytea NOT NULL,
    PRIMARY KEY (namespace, key)
);

CREATE TABLE log (
    name text NOT NULL, number bigint NOT NULL, previous text NOT NULL, digest text NOT NULL, body text NOT NULL,
    PRIMARY KEY (name, number)
);
-- the head stands apart as well, so that a log that lost its tail does not verify
CREATE TABLE log_head (name text PRIMARY KEY, number bigint NOT NULL, digest text NOT NULL);

CREATE TABLE blob (
    digest text PRIMARY KEY, id bigint GENERATED ALWAYS AS IDENTITY, size bigint NOT NULL, kept_us bigint NOT NULL
);
CREATE TABLE blob_part (blob bigint, number integer, data bytea NOT NULL, PRIMARY KEY (blob, number));
ALTER TABLE blob_part ALTER data SET STORAGE EXTERNAL;

CREATE TABLE series (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream text NOT NULL, key text NOT NULL,
    kinds text NOT NULL, UNIQUE (stream, key)
);

-- narrow and wide are kept out of the row by PostgreSQL itself, each apart: who reads one does not touch the other.
-- EXTERNAL: it does not try to compress what is mostly random bits of floats
CREATE TABLE chunk (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, series integer NOT NULL,
    first_us bigint NOT NULL, last_us bigint NOT NULL, rows integer NOT NULL, shape bigint NOT NULL,
    is_full boolean NOT NULL, narrow_bytes bigint NOT NULL, wide_bytes bigint NOT NULL,
    retired_at timestamptz, narrow bytea NOT NULL, wide bytea
);
ALTER TABLE chunk ALTER narrow SET STORAGE EXTERNAL, ALTER wide SET STORAGE EXTERNAL;
CREATE INDEX chunk_first ON chunk (series, first_us, last_us) WHERE retired_at IS NULL;
CREATE INDEX chunk_last ON chunk (series, last_us) WHERE retired_at IS NULL;
CREATE INDEX chunk_small ON chunk (series, first_us) WHERE retired_at IS NULL AND NOT is_full;
CREATE INDEX chunk_retired ON chunk (retired_at) WHERE retired_at IS NOT NULL;

-- which commits are done; `call` tells a commit that was sent again from one that somebody else had made before
CREATE TABLE applied (
    writer text NOT NULL, seq bigint NOT NULL, call uuid NOT NULL, at timestamptz NOT NULL DEFAULT now(),
    receipt text, PRIMARY KEY (writer, seq)
);
CREATE INDEX applied_at ON applied USING brin (at);
"""


def make_ready(connection: Connection, schema: str, place: str) -> None:
    """Create the tables in an empty schema, or run the migrations that are missing; all or nothing.

    Raises
    ------
    StoreTooNew
        A newer watchkeeper has written them.
    StoreError
        The server or the database cannot hold a store, or the schema belongs to something else.
    """
    _require_capable(connection, schema, place)
    if _found(connection, schema, place) == SCHEMA:
        return
    with connection.transaction():
        # two processes that open the same store for the first time take turns
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"watchkeeper.{schema}",))
        found = _found(connection, schema, place)
        if found == 0:
            _create(connection, schema)
        else:
            _migrate(connection, found)


def require_layout(found: str | None, place: str) -> None:
    """StoreTooNew when a newer watchkeeper has changed the tables since the store was opened."""
    if found != str(SCHEMA):
        if found is not None and found.isdecimal():
            _refuse_newer(int(found), place)
        raise StoreCorrupt(f"{place} does not say which layout it has (found {found!r}): restore it from a backup")


def _found(connection: Connection, schema: str, place: str) -> int:
    """The version of the tables, 0 when there are none."""
    tables = {
        name
        for (name,) in connection.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm', 'p')",
            (schema,),
        )
    }
    if not tables:
        return 0
    meta: dict[str, str] = {}
    if {"meta", "chunk", "document"} <= tables:
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
    if meta.get("application") != "watchkeeper":
        some = ", ".join(sorted(tables)[:3])
        raise StoreError(
            f"the schema {schema} of {place} holds something else ({some}): name another with ?schema= in the "
            "storage URL"
        )
    found = meta.get("schema", "")
    if not found.isdecimal():
        raise StoreCorrupt(f"{place} does not say which layout it has (found {found!r}): restore it from a backup")
    _refuse_newer(int(found), place)
    return int(found)


def _create(connection: Connection, schema: str) -> None:
    connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
    connection.execute(_TABLES)
    connection.execute("INSERT INTO meta VALUES ('application', 'watchkeeper'), ('schema', %s::text)", (str(SCHEMA),))


def _migrate(connection: Connection, found: int) -> None:
    # every commit reads `meta`: this waits for those that run, and those that follow see the new version
    connection.execute("LOCK TABLE meta IN ACCESS EXCLUSIVE MODE")
    for version in range(found, SCHEMA):
        MIGRATIONS[version](connection)
    connection.execute("UPDATE meta SET value = %s WHERE name = 'schema'", (str(SCHEMA),))


def _refuse_newer(found: int, place: str) -> None:
    if found > SCHEMA:
        raise StoreTooNew(
            f"{place} was written by a newer watchkeeper (layout {found}; this one knows up to {SCHEMA}): upgrade "
            "watchkeeper, or restore a backup from before"
        )


def _require_capable(connection: Connection, schema: str, place: str) -> None:
    if connection.info.server_version < _OLDEST_SERVER:
        raise StoreError(f"{place} is PostgreSQL {connection.info.server_version // 10_000}; expected 13 or newer")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"{place} has the encoding {encoding}, which cannot hold every text: create a database with ENCODING "
            "'UTF8' TEMPLATE template0"
        )
    row = connection.execute("SELECT current_setting('search_path')").fetchone()
    if row is None or row[0] != schema:
        raise StoreError(
            f"{place} is reached through something that drops the settings of a connection (its search_path is "
            f"{row[0] if row else None!r}, expected {schema!r}): connect to the server itself, or let the pooler pass "
            "on the start-up parameter options, and pool by session"
        )
