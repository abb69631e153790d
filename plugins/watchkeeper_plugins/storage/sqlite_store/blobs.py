"""Blobs: bytes under their SHA-256, small ones in state.db and large ones as files."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import IO, BinaryIO, Final

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Durability, StoredBlob
from watchkeeper.domain.errors import NotFound, StoreCorrupt, UsageError

from .database import Database
from .failures import told
from .private_copy import beside, hashed_copy

_PIECE: Final = 16 * 2**20
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Blobs:
    """The table ``blob`` and the folder ``blobs/``."""

    def __init__(self, folder: Path, state: Database, small_bytes: int, clock: Clock) -> None:
        self._folder = folder
        self._state = state
        self._small_bytes = small_bytes
        self._clock = clock

    def put(self, source: BinaryIO) -> str:
        """Keep what `source` has from its position on; returns the digest."""
        start = source.read(self._small_bytes + 1)
        if len(start) > self._small_bytes:
            return self._put_file(start, source)
        digest = hashlib.sha256(start).hexdigest()
        with self._state.writing(Durability.SYNCED) as connection:
            self._record(connection, digest, len(start), start)
        return digest

    def open(self, digest: str) -> BinaryIO:
        """The bytes, read through and compared with the digest before anybody sees them."""
        if not _DIGEST.fullmatch(digest):
            raise UsageError(f"{digest!r} is not a digest: expected SHA-256 as 64 hexadecimal digits in lower case")
        with self._state.reading() as connection:
            row = connection.execute("SELECT size, data FROM blob WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise NotFound(f"there is no blob {digest} in {self._state.path.parent}")
        size, data = row
        if data is not None:
            if not isinstance(data, bytes) or hashlib.sha256(data).hexdigest() != digest:
                raise StoreCorrupt(
                    f"{self._state.path}: the blob {digest} has other bytes than were written: put it again"
                )
            return io.BytesIO(data)
        return self._open_file(digest, size)

    def path(self, digest: str) -> Path:
        """Where the file of a large blob is."""
        return self._folder / digest[:2] / digest

    def files(self) -> Iterator[Path]:
        """The files of large blobs."""
        return self._folder.glob("??/*")

    def remove_unfinished(self) -> None:
        """Remove what processes that died while they wrote a blob have left behind."""
        with told(self._folder):
            for path in self._folder.glob("unfinished-*"):
                try:
                    with path.open("rb") as file:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        path.unlink(missing_ok=True)
                except (BlockingIOError, FileNotFoundError):
                    continue  # its writer lives, or has just finished
            known = {blob.digest for blob in self.all()}
            for path in [path for path in self.files() if path.name not in known]:
                self._remove_orphan(path)

    def all(self) -> Iterator[StoredBlob]:
        """Every blob that has a row, in order of the digest."""
        with self._state.reading() as connection:
            rows = connection.execute("SELECT digest, size, kept_us FROM blob ORDER BY digest").fetchall()
        return iter([StoredBlob(*row) for row in rows])

    def remove(self, digest: str, before_us: int) -> bool:
        """Remove a blob that was last put before `before_us`; takes turns with those who put."""
        path = self.path(digest)
        with self._state.turn():
            with self._state.transaction(Durability.SYNCED) as connection:
                statement = "DELETE FROM blob WHERE digest = ? AND kept_us < ?"
                gone = connection.execute(statement, (digest, before_us)).rowcount
            if gone:
                # after the row: a file without a row is harmless, and `remove_unfinished` finds it
                with told(path):
                    path.unlink(missing_ok=True)
        return bool(gone)

    def _remove_orphan(self, path: Path) -> None:
        """Remove a file that has no row: its removal, or its putting, was interrupted."""
        with self._state.turn(), self._state.reading() as connection:
            if connection.execute("SELECT 1 FROM blob WHERE digest = ?", (path.name,)).fetchone() is None:
                path.unlink(missing_ok=True)

    def _put_file(self, start: bytes, source: BinaryIO) -> str:
        """Write beside, sync, rename: a file under its final name is always whole."""
        hashed, size = hashlib.sha256(), 0
        unfinished = self._folder / f"unfinished-{uuid.uuid4().hex}"
        with told(unfinished):
            try:
                with unfinished.open("xb") as target:
                    fcntl.flock(target, fcntl.LOCK_EX)  # says that somebody is still at it, see `remove_unfinished`
                    with beside(hashed.update) as hash_piece:
                        piece = start
                        while piece:
                            hash_piece(memoryview(piece))
                            size += target.write(piece)
                            piece = source.read(_PIECE)
                    target.flush()
                    os.fsync(target.fileno())
                # in the writer's turn, so that nobody removes the file between its renaming and its row
                with self._state.writing(Durability.SYNCED) as connection:
                    self._publish(unfinished, hashed.hexdigest())
                    self._record(connection, hashed.hexdigest(), size, None)
            finally:
                unfinished.unlink(missing_ok=True)
        return hashed.hexdigest()

    def _publish(self, unfinished: Path, digest: str) -> None:
        final = self.path(digest)
        final.parent.mkdir(exist_ok=True)
        unfinished.chmod(0o444)
        unfinished.rename(final)
        _synced(final.parent)
        _synced(self._folder)

    def _record(self, connection: Connection, digest: str, size: int, data: bytes | None) -> None:
        row = (digest, size, data, self._clock.now_us())
        connection.execute("INSERT OR REPLACE INTO blob (digest, size, data, kept_us) VALUES (?, ?, ?, ?)", row)

    def _open_file(self, digest: str, size: int) -> BinaryIO:
        path = self.path(digest)
        with told(path), _opened(path) as file:
            copy = hashed_copy(file, size, digest) if os.fstat(file.fileno()).st_size == size else None
        if copy is None:
            raise StoreCorrupt(f"{path} has other bytes than were written: put the blob again, or restore the file")
        return copy


def _opened(path: Path) -> IO[bytes]:
    """The file itself: not what a link in its place leads to, and without waiting for a pipe's other end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise StoreCorrupt(f"{path} is missing: put the blob again, or restore the file from a backup") from error
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise StoreCorrupt(f"{path} is a link, and no file of the store: put the blob again") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreCorrupt(f"{path} is no file: remove it and put the blob again")
    return os.fdopen(descriptor, "rb", buffering=0)


def _synced(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
