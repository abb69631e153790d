"""Logs: entries that are only added, each with a digest that covers all before it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import LogEntry, LoggedEntry
from watchkeeper.contracts.storage_rules import canonical_json
from watchkeeper.domain.chain import entry_digest
from watchkeeper.domain.errors import Conflict, StoreCorrupt, UsageError
from watchkeeper.domain.names import stored_name

from .layout import Connection
from .server import Server

_PAGE: Final = 500


@attrs.frozen
class ReadyEntry:
    """A LogEntry that was checked and encoded before anybody had to wait for us."""

    entry: LogEntry
    body: str

    @classmethod
    def of(cls, entry: LogEntry) -> ReadyEntry:
        """Check it: a UsageError says what cannot be kept."""
        name = stored_name(entry.log, "log")
        return cls(entry, canonical_json(entry.body, f"entry of the log {name!r}"))


@attrs.define
class Heads:
    """The ends of the logs that a commit adds to, locked until it is done."""

    _heads: dict[str, tuple[int, str]] = attrs.field(factory=dict)
    _rows: list[tuple[Any, ...]] = attrs.field(factory=list)

    def lock(self, connection: Connection, names: Iterable[str]) -> None:
        """Lock them in one order, so that two commits do not wait for each other in a circle."""
        for name in sorted(set(names)):
            connection.execute("INSERT INTO log_head VALUES (%s, 0, '') ON CONFLICT (name) DO NOTHING", (name,))
            row = connection.execute(
                "SELECT number, digest FROM log_head WHERE name = %s FOR UPDATE", (name,)
            ).fetchone()
            self._heads[name] = (0, "") if row is None else (int(row[0]), str(row[1]))

    def add(self, ready: ReadyEntry) -> str:
        """The digest of the entry, which `write` will write."""
        entry = ready.entry
        number, head = self._heads[entry.log]
        if entry.expect is not None and entry.expect != head:
            raise Conflict(
                f"the log {entry.log!r} has moved on: its last entry is {head or 'none'} (number {number}), expected "
                f"{entry.expect or 'none'}: read it again and decide anew"
            )
        digest = entry_digest(head, number + 1, ready.body)
        self._heads[entry.log] = (number + 1, digest)
        self._rows.append((entry.log, number + 1, head, digest, ready.body))
        return digest

    def write(self, connection: Connection) -> None:
        """Write all entries and the new ends."""
        if not self._rows:
            return
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO log VALUES (%s, %s, %s, %s, %s)", self._rows)
            cursor.executemany(
                "UPDATE log_head SET number = %s, digest = %s WHERE name = %s",
                [(number, digest, name) for name, (number, digest) in self._heads.items()],
            )


def read(server: Server, log: str, after: int) -> Iterator[LoggedEntry]:
    """The entries with a number above `after`, each checked; StoreCorrupt at the first that does not fit."""
    name = stored_name(log, "log")
    if after < 0:
        raise UsageError(f"after is {after}; expected 0 or the number of an entry")

    def ends(connection: Connection) -> tuple[int, str, str | None]:
        last, head = _head(connection, name)
        return last, head, _digest_of(connection, name, after) if 0 < after <= last else ""

    last, head, previous = server.read(ends)
    return _checked(server, name, (after, previous), (last, head))


def _checked(server: Server, name: str, start: tuple[int, str | None], end: tuple[int, str]) -> Iterator[LoggedEntry]:
    number, previous = start
    last, head = end
    while number < last:
        rows = server.read(partial(_page, name=name, after=number, last=last))
        for found, claimed, digest, body in rows:
            number += 1
            if found != number or claimed != previous or entry_digest(claimed, found, body) != digest:
                raise _broken(server, name, number)
            previous = digest
            yield LoggedEntry(found, claimed, digest, json.loads(body))
        if not rows:
            raise _broken(server, name, number + 1)
    if number == last and previous != head:
        raise _broken(server, name, last)


def _page(connection: Connection, name: str, after: int, last: int) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT number, previous, digest, body FROM log WHERE name = %s AND number > %s AND number <= %s"
        " ORDER BY number LIMIT %s",
        (name, after, last, _PAGE),
    ).fetchall()


def _head(connection: Connection, name: str) -> tuple[int, str]:
    row = connection.execute("SELECT number, digest FROM log_head WHERE name = %s", (name,)).fetchone()
    return (0, "") if row is None else (int(row[0]), str(row[1]))


def _digest_of(connection: Connection, name: str, number: int) -> str | None:
    row = connection.execute("SELECT digest FROM log WHERE name = %s AND number = %s", (name, number)).fetchone()
    return None if row is None else str(row[0])


def _broken(server: Server, name: str, number: int) -> StoreCorrupt:
    return StoreCorrupt(
        f"{server.place}: the log {name!r} is broken at entry {number}: it was changed or removed after it was "
        "written; the entries before it are intact. Restore the database from a backup"
    )
