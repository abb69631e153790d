"""Blobs: bytes under their SHA-256, cut into pieces of a megabyte."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import IO, Any, BinaryIO, Final, cast

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import StoredBlob
from watchkeeper.domain.errors import NotFound, StoreCorrupt, UsageError

from .layout import Connection
from .server import Server

_PIECE: Final = 1_048_576
_IN_MEMORY: Final = 16 * _PIECE
_PAGE: Final = 1000
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The tables ``blob`` and ``blob_part``."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    def put(self, source: BinaryIO) -> str:
        """Keep what `source` has from its position on; returns the digest.

        Read to its end before the first byte is sent: a slow source holds no transaction open, and the bytes can be
        sent again when the connection is lost.
        """
        hashed, size = hashlib.sha256(), 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as kept:
            while piece := source.read(_PIECE):
                hashed.update(piece)
                size += len(piece)
                kept.write(piece)
            digest = hashed.hexdigest()
            row = (digest, size, self._clock.now_us())
            self._server.write(lambda connection: _written(connection, row, kept))
        return digest

    def held(self) -> Iterator[StoredBlob]:
        """Every blob, read by the page."""
        last = ""
        while rows := self._server.read(partial(_page, after=last)):
            for row in rows:
                yield StoredBlob(*row)
            last = rows[-1][0]

    def remove(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`; whether it was removed."""
        return self._server.write(lambda connection: _removed(connection, _checked(digest), before_us))

    def open(self, digest: str) -> BinaryIO:
        """The bytes, read through and compared with the digest before anybody sees them."""
        _checked(digest)
        kept = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - the caller closes it
        try:
            if not self._server.read_together(lambda connection: _read(connection, digest, kept)):
                raise NotFound(f"there is no blob {digest} in {self._server.place}")
            kept.seek(0)
            if hashlib.file_digest(kept, "sha256").hexdigest() != digest:
                raise StoreCorrupt(
                    f"{self._server.place}: the blob {digest} has other bytes than were written: put it again"
                )
            kept.seek(0)
        except BaseException:
            kept.close()
            raise
        return cast("BinaryIO", kept)


def _written(connection: Connection, new: tuple[str, int, int], source: IO[bytes]) -> None:
    """Write the pieces, and let the digest name them instead of any that it named before."""
    digest = new[0]
    _lock(connection, digest)
    old = connection.execute("SELECT id FROM blob WHERE digest = %s", (digest,)).fetchone()
    row = connection.execute(
        "INSERT INTO blob (digest, size, kept_us) VALUES (%s, %s, %s) ON CONFLICT (digest)"
        " DO UPDATE SET id = DEFAULT, size = excluded.size, kept_us = excluded.kept_us RETURNING id",
        new,
    ).fetchone()
    if row is None:
        raise StoreCorrupt(f"the blob {digest} was written and is not there")
    source.seek(0)
    with connection.cursor() as cursor, cursor.copy("COPY blob_part FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(("int8", "int4", "bytea"))
        number = 0
        while piece := source.read(_PIECE):
            copy.write_row((row[0], number, piece))
            number += 1
    if old is not None:
        connection.execute("DELETE FROM blob_part WHERE blob = %s", old)


def _removed(connection: Connection, digest: str, before_us: int) -> bool:
    _lock(connection, digest)
    row = connection.execute(
        "DELETE FROM blob WHERE digest = %s AND kept_us < %s RETURNING id", (digest, before_us)
    ).fetchone()
    if row is not None:
        connection.execute("DELETE FROM blob_part WHERE blob = %s", row)
    return row is not None


def _lock(connection: Connection, digest: str) -> None:
    """Who puts or removes the same bytes at the same time takes turns; released with the transaction."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"watchkeeper.{digest}",))


def _read(connection: Connection, digest: str, target: IO[bytes]) -> bool:
    """Copy the pieces to `target`; whether there is such a blob."""
    row = connection.execute("SELECT id, size FROM blob WHERE digest = %s", (digest,)).fetchone()
    if row is None:
        return False
    target.seek(0)
    target.truncate()
    number, size = row
    for piece in range(-(-size // _PIECE)):
        found = connection.execute(
            "SELECT data FROM blob_part WHERE blob = %s AND number = %s", (number, piece), binary=True
        ).fetchone()
        if found is None:
            return True  # the digest will not fit
        target.write(found[0])
    return True


def _page(connection: Connection, after: str) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT digest, size, kept_us FROM blob WHERE digest > %s ORDER BY digest LIMIT %s", (after, _PAGE)
    ).fetchall()


def _checked(digest: str) -> str:
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"{digest!r} is not a digest: expected SHA-256 as 64 hexadecimal digits in lower case")
    return digest
