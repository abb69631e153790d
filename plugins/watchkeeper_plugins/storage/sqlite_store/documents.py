"""Documents: values under a key with a revision, written only when the revision is the expected one."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

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

from .connection import Connection

SELECT: Final = "SELECT key, revision, value, checksum, i1, i2, i3, i4 FROM document WHERE "
_UPDATE: Final = (
    "UPDATE document SET revision = ?, value = ?, checksum = ?, i1 = ?, i2 = ?, i3 = ?, i4 = ?"
    " WHERE namespace = ? AND key = ? AND revision = ?"
)
_INSERT: Final = """
    INSERT INTO document (revision, value, checksum, i1, i2, i3, i4, namespace, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


def put(connection: Connection, operation: Put) -> int:
    """Write a document inside the caller's transaction; returns its new revision."""
    text = canonical_json(operation.value, f"document {operation.key!r}")
    fields = _index_values(operation)
    key = stored_name(operation.key, "key")
    number = namespace_number(connection, operation.namespace, create=True)
    # a writer that expects a revision has most often read it: the update itself is then the comparison
    now = operation.expect or _found(connection, operation, number, key)
    row = (now + 1, text, _checksum(key, now + 1, text, fields), *fields)
    if not now:
        connection.execute(_INSERT, (*row, number, key))
    elif not connection.execute(_UPDATE, (*row, number, key, now)).rowcount:
        _found(connection, operation, number, key)
    return now + 1


def delete(connection: Connection, operation: Delete) -> None:
    """Remove a document inside the caller's transaction."""
    key = stored_name(operation.key, "key")
    number = namespace_number(connection, operation.namespace, create=False)
    _found(connection, operation, number, key)
    if number is not None:
        connection.execute("DELETE FROM document WHERE namespace = ? AND key = ?", (number, key))


def get(connection: Connection, path: Path, namespace: Namespace, key: str) -> Document | None:
    """The document, or None."""
    stored_name(key, "key")
    number = namespace_number(connection, namespace, create=False)
    if number is None:
        return None
    row = connection.execute(SELECT + "namespace = ? AND key = ?", (number, key)).fetchone()
    return None if row is None else document_of(row, path, namespace)


def document_of(row: tuple[Any, ...], path: Path, namespace: Namespace) -> Document:
    """The document that a row of `SELECT` holds, its bytes checked."""
    key, revision, text, checksum, *fields = row
    if not isinstance(text, str) or _checksum(key, revision, text, fields) != checksum:
        raise StoreCorrupt(
            f"{path}: the document {key!r} of {namespace.name!r} has other bytes than were written: restore the file "
            "from a backup"
        )
    index = dict(zip(namespace.index, fields, strict=False))
    return Document(key, json.loads(text), revision, index)


def namespace_number(connection: Connection, namespace: Namespace, *, create: bool) -> int | None:
    """The number of a namespace, None when nothing was ever written there; refuses another list of fields."""
    fields = _fields(namespace.name, tuple(namespace.index))
    known = connection.namespaces.get(namespace.name)
    if known is None:
        row = connection.execute("SELECT id, fields FROM namespace WHERE name = ?", (namespace.name,)).fetchone()
        if row is not None:
            known = connection.namespaces[namespace.name] = (int(row[0]), row[1])
    if known is None:
        if not create:
            return None
        made = connection.execute("INSERT INTO namespace (name, fields) VALUES (?, ?)", (namespace.name, fields))
        return made.lastrowid
    number, declared = known
    if declared != fields:
        raise UsageError(
            f"the namespace {namespace.name!r} is indexed by {declared}, as it was first used, and not by {fields}: "
            "declare the same fields in the same order, or use a new namespace"
        )
    return number


@lru_cache(maxsize=256)
def _fields(name: str, index: tuple[str, ...]) -> str:
    """The index fields of a namespace that was checked, as they are kept."""
    return json.dumps(checked_namespace(Namespace(name, index)).index)


def _index_values(operation: Put) -> list[Scalar]:
    namespace = operation.namespace
    for field in operation.index:
        checked_field(field, namespace)
    values = [checked_scalar(operation.index.get(field), field) for field in namespace.index]
    return values + [None] * (MOST_FIELDS - len(values))


def _found(connection: Connection, operation: Put | Delete, number: int | None, key: str) -> int:
    """The revision now, 0 for no document; a Conflict when another one is expected."""
    row = connection.execute("SELECT revision FROM document WHERE namespace = ? AND key = ?", (number, key)).fetchone()
    now = 0 if row is None else int(row[0])
    if operation.expect is None or operation.expect == now:
        return now
    found = f"is at revision {now}" if now else "does not exist"
    wanted = f"revision {operation.expect}" if operation.expect else "no such document"
    raise Conflict(
        f"the document {operation.key!r} of {operation.namespace.name!r} {found}; expected {wanted}: read it again "
        "and decide anew"
    )


def _checksum(key: str, revision: int, text: str, fields: Sequence[Scalar]) -> int:
    return zlib.crc32(f"{key}\n{revision}\n{text}\n{fields!r}".encode())
