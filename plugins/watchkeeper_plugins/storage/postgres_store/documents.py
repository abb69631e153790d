"""Documents: values under a key with a revision, written only when the revision is the expected one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, Final

import attrs

from watchkeeper.contracts.storage import Delete, Document, Namespace, Put, Scalar
from watchkeeper.contracts.storage_rules import (
    MOST_FIELDS,
    canonical_json,
    checked_field,
    checked_namespace,
    checked_scalar,
)
from watchkeeper.domain.errors import Conflict, StoreCorrupt, UsageError
from watchkeeper.domain.names import stored_name

from .index_values import NOTHING, index_value
from .layout import Connection

SELECT: Final = "SELECT key, revision, value, fields, checksum FROM document WHERE "
_MOST_INDEX_BYTES: Final = 2600
"""Of the key and the index fields together: PostgreSQL indexes no more."""
_INSERT: Final = (
    "INSERT INTO document (value, fields, checksum, i1, i2, i3, i4, namespace, key, revision)"
    " VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, 1) ON CONFLICT (namespace, key) DO "
)
_SET: Final = (
    "UPDATE SET revision = document.revision + 1, value = excluded.value, fields = excluded.fields,"
    " checksum = excluded.checksum, i1 = excluded.i1, i2 = excluded.i2, i3 = excluded.i3, i4 = excluded.i4"
)
_UPDATE: Final = (
    "UPDATE document SET revision = revision + 1, value = %b, fields = %b, checksum = %b,"
    " i1 = %b, i2 = %b, i3 = %b, i4 = %b WHERE namespace = %b AND key = %b AND revision = %b RETURNING revision"
)


@attrs.frozen
class ReadyPut:
    """A Put that was checked and encoded before anybody had to wait for us."""

    put: Put
    row: tuple[Any, ...]
    """value, fields, checksum, i1 to i4."""

    @classmethod
    def of(cls, put: Put) -> ReadyPut:
        """Check it: a UsageError says what cannot be kept."""
        stored_name(put.key, "key")
        checked_namespace(put.namespace)
        text = canonical_json(put.value, f"document {put.key!r}")
        for field in put.index:
            checked_field(field, put.namespace)
        values = [checked_scalar(put.index.get(field), field) for field in put.namespace.index]
        encoded = [index_value(value) for value in values]
        size = len(put.key.encode()) + sum(map(len, encoded))
        if size > _MOST_INDEX_BYTES:
            raise UsageError(
                f"the index fields of the document {put.key!r} of {put.namespace.name!r} take {size:,} bytes with its "
                f"key; expected at most {_MOST_INDEX_BYTES:,}: keep long texts in the value"
            )
        fields = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
        encoded += [NOTHING] * (MOST_FIELDS - len(encoded))
        return cls(put, (text, fields, _checksum(put.key, text, fields), *encoded))


class Namespaces:
    """The numbers of namespaces; those whose commit is done are remembered."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str]] = {}

    def is_known(self, namespace: Namespace) -> bool:
        """Whether its number is remembered."""
        return namespace.name in self._known

    def number(self, connection: Connection, namespace: Namespace) -> int | None:
        """The number of a namespace, None when nothing was ever written there; refuses another list of fields."""
        checked_namespace(namespace)
        found = self._found(connection, namespace)
        if found is not None:
            # outside of a transaction: what is seen is committed, and a namespace never goes
            self._known[namespace.name] = found
        return None if found is None else _require_same(namespace, *found)

    def number_to_write(self, connection: Connection, namespace: Namespace) -> int:
        """The same inside a transaction, which gives it a number when it has none; nothing is remembered."""
        found = self._found(connection, namespace)
        if found is None:
            connection.execute(
                "INSERT INTO namespace (name, fields) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING",
                (namespace.name, json.dumps(namespace.index)),
            )
            found = self._found(connection, namespace)
        if found is None:
            raise StoreCorrupt(f"the namespace {namespace.name!r} was written and is not there")
        return _require_same(namespace, *found)

    def _found(self, connection: Connection, namespace: Namespace) -> tuple[int, str] | None:
        known = self._known.get(namespace.name)
        if known is not None:
            return known
        row = connection.execute("SELECT id, fields FROM namespace WHERE name = %s", (namespace.name,)).fetchone()
        return None if row is None else (int(row[0]), str(row[1]))


def put(connection: Connection, number: int, ready: ReadyPut) -> int:
    """Write a document inside the caller's transaction; returns its new revision."""
    operation = ready.put
    at = (number, operation.key)
    if operation.expect is None:
        row = connection.execute(_INSERT + _SET + " RETURNING revision", (*ready.row, *at)).fetchone()
    elif operation.expect == 0:
        row = connection.execute(_INSERT + "NOTHING RETURNING revision", (*ready.row, *at)).fetchone()
    else:
        row = connection.execute(_UPDATE, (*ready.row, *at, operation.expect)).fetchone()
    if row is None:
        raise _conflict(connection, number, operation)
    return int(row[0])


def delete(connection: Connection, number: int, operation: Delete) -> None:
    """Remove a document inside the caller's transaction."""
    if operation.expect is None:
        connection.execute("DELETE FROM document WHERE namespace = %s AND key = %s", (number, operation.key))
        return
    cursor = connection.execute(
        "DELETE FROM document WHERE namespace = %s AND key = %s AND revision = %s",
        (number, operation.key, operation.expect),
    )
    is_done = cursor.rowcount if operation.expect else not _revision(connection, number, operation.key)
    if not is_done:
        raise _conflict(connection, number, operation)


def lock(connection: Connection, places: Sequence[tuple[int, str]]) -> None:
    """Lock the documents of a commit in one order, so that two commits do not wait for each other in a circle."""
    connection.execute(
        "SELECT 1 FROM document WHERE (namespace, key) IN (SELECT * FROM unnest(%s::integer[], %s::text[]))"
        " ORDER BY namespace, key FOR UPDATE",
        ([number for number, _ in places], [key for _, key in places]),
    )


def document_of(row: tuple[Any, ...], place: str, namespace: Namespace) -> Document:
    """The document that a row of `SELECT` holds, its bytes checked."""
    key, revision, text, fields, checksum = row
    if _checksum(key, text, fields) != checksum:
        raise StoreCorrupt(
            f"{place}: the document {key!r} of {namespace.name!r} has other bytes than were written: restore the "
            "database from a backup"
        )
    values: list[Scalar] = json.loads(fields)
    return Document(key, json.loads(text), revision, dict(zip(namespace.index, values, strict=False)))


def _require_same(namespace: Namespace, number: int, known: str) -> int:
    fields = json.dumps(namespace.index)
    if known != fields:
        raise UsageError(
            f"the namespace {namespace.name!r} is indexed by {known}, as it was first used, and not by {fields}: "
            "declare the same fields in the same order, or use a new namespace"
        )
    return number


def _revision(connection: Connection, number: int, key: str) -> int:
    row = connection.execute(
        "SELECT revision FROM document WHERE namespace = %s AND key = %s", (number, key)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _conflict(connection: Connection, number: int, operation: Put | Delete) -> Conflict:
    now = _revision(connection, number, operation.key)
    found = f"is at revision {now}" if now else "does not exist"
    wanted = f"revision {operation.expect}" if operation.expect else "no such document"
    return Conflict(
        f"the document {operation.key!r} of {operation.namespace.name!r} {found}; expected {wanted}: read it again "
        "and decide anew"
    )


def _checksum(key: str, text: str, fields: str) -> int:
    return zlib.crc32(f"{key}\n{text}\n{fields}".encode())
