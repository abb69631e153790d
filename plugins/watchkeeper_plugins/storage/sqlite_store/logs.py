"""Logs: entries that are only added, each with a digest that covers all before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from sqlite3 import Connection
from typing import Final

from watchkeeper.contracts.storage import LogEntry, LoggedEntry
from watchkeeper.domain.chain import canonical_json, entry_digest
from watchkeeper.domain.errors import Conflict, StoreCorrupt, UsageError
from watchkeeper.domain.names import stored_name

from .database import Database

_PAGE: Final = 500


def add(connection: Connection, operation: LogEntry) -> str:
    """Add an entry inside the caller's transaction; returns its digest."""
    name = stored_name(operation.log, "log")
    body = canonical_json(operation.body, f"entry of the log {name!r}")
    number, head = _head(connection, name)
    if operation.expect is not None and operation.expect != head:
        raise Conflict(
            f"the log {name!r} has moved on: its last entry is {head or 'none'} (number {number}), expected "
            f"{operation.expect or 'none'}: read it again and decide anew"
        )
    digest = entry_digest(head, number + 1, body)
    connection.execute("INSERT INTO log VALUES (?, ?, ?, ?, ?)", (name, number + 1, head, digest, body))
    connection.execute("INSERT OR REPLACE INTO log_head VALUES (?, ?, ?)", (name, number + 1, digest))
    return digest


def read(state: Database, log: str, after: int) -> Iterator[LoggedEntry]:
    """The entries with a number above `after`, each checked; StoreCorrupt at the first that does not fit."""
    name = stored_name(log, "log")
    if after < 0:
        raise UsageError(f"after is {after}; expected 0 or the number of an entry")
    with state.snapshot() as connection:
        last, head = _head(connection, name)
        (highest,) = connection.execute("SELECT max(number) FROM log WHERE name = ?", (name,)).fetchone()
        if (highest or 0) > last:
            raise _broken(state, name, last + 1)
        previous = _digest_of(connection, name, after) if 0 < after <= last else ""
    return _checked(state, name, (after, previous), (last, head))


def _checked(state: Database, name: str, start: tuple[int, str | None], end: tuple[int, str]) -> Iterator[LoggedEntry]:
    number, previous = start
    last, head = end
    while number < last:
        with state.reading() as connection:
            rows = connection.execute(
                "SELECT number, previous, digest, body FROM log WHERE name = ? AND number > ? AND number <= ? ORDER "
                "BY number LIMIT ?",
                (name, number, last, _PAGE),
            ).fetchall()
        for found, claimed, digest, body in rows:
            number += 1
            if found != number or claimed != previous or entry_digest(claimed, found, body) != digest:
                raise _broken(state, name, number)
            previous = digest
            yield LoggedEntry(found, claimed, digest, json.loads(body))
        if not rows:
            raise _broken(state, name, number + 1)
    if number == last and previous != head:
        raise _broken(state, name, last)


def _head(connection: Connection, name: str) -> tuple[int, str]:
    row = connection.execute("SELECT number, digest FROM log_head WHERE name = ?", (name,)).fetchone()
    return (0, "") if row is None else (int(row[0]), row[1])


def _digest_of(connection: Connection, name: str, number: int) -> str | None:
    row = connection.execute("SELECT digest FROM log WHERE name = ? AND number = ?", (name, number)).fetchone()
    return None if row is None else str(row[0])


def _broken(state: Database, name: str, number: int) -> StoreCorrupt:
    return StoreCorrupt(
        f"{state.path}: the log {name!r} is broken at entry {number}: it was changed or removed after it was "
        "written; the entries "
        "before it are intact. Restore the file from a backup"
    )
