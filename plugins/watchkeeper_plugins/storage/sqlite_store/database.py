"""One SQLite file: a writing connection that waits its turn, and reading connections that hold no transaction."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import attrs

from watchkeeper.contracts.storage import Durability
from watchkeeper.domain.errors import StoreError

from .connection import Connection
from .failures import told
from .forking import forks
from .gate import Gate
from .schema import BlankFile, Layout, brought_up_to_date, found_schema, require_layout

_LOG: Final = logging.getLogger(__name__)
_FOREIGN_LOCK_SECONDS: Final = 5.0
"""For programs that do not use our gate, such as the sqlite3 shell."""
_LONGEST_CLOSING_SECONDS: Final = 1.0
CHECKED_SECONDS: Final = 300.0
"""How long a list of chunks that was found whole is trusted."""
_SYNCHRONOUS: Final = {Durability.BUFFERED: "NORMAL", Durability.FLUSHED: "NORMAL", Durability.SYNCED: "FULL"}


@attrs.frozen
class Gates:
    """Where turns are taken for one kind of file."""

    writing: Gate
    layout: Gate
    """For creating a file or changing its layout; entered while `writing` may be held, never the other way round."""


class Database:
    """A file of the store, created or brought up to date when it is opened."""

    def __init__(self, path: Path, layout: Layout, gates: Gates, *, checkpoint_bytes: int, create: bool = True) -> None:
        self._is_closed = True  # until it is open, so that a failure below leaves nothing to close
        self._process = os.getpid()
        self.path = path
        self._layout = layout
        self._gates = gates
        self._checkpoint_bytes = checkpoint_bytes
        self._wal = path.with_name(path.name + "-wal")
        self.is_checked = False
        """For the reader's use: whether the list of series was found whole not long ago."""
        self.checked_series: set[int] = set()
        """The same for the lists of chunks: the numbers of their series."""
        self._checks_end = 0.0
        self._idle: deque[Connection] = deque()
        self._writer: Connection | None = None
        self._synchronous = ""
        self._is_checkpoint_failing = False
        with told(path), forks.held_off():
            self._make_ready(create=create)
            self._inode = path.stat().st_ino
            self._is_closed = False
            forks.follow(self)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for SELECTs; each statement sees one moment, nothing is held between statements."""
        self._require_usable()
        with forks.held_off(), told(self.path):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connected(create=False)
                connection.execute("PRAGMA query_only = ON")
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.rollback()
                self._give_back(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection whose SELECTs all see the same moment; keep the block short."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self, durability: Durability) -> Iterator[Connection]:
        """A transaction: committed as durably as asked when the block ends, rolled back when it raises."""
        self._require_usable()
        with self._gates.writing.turn(), self.transaction(durability) as connection:
            yield connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Keep other writers away for a block that does more than one transaction."""
        self._require_usable()
        with self._gates.writing.turn():
            yield

    @contextmanager
    def transaction(self, durability: Durability) -> Iterator[Connection]:
        """The same for a caller who holds the gate already."""
        self._require_usable()
        with forks.held_off(), told(self.path):
            connection = self._writing_connection(durability)
            connection.execute("BEGIN IMMEDIATE")
            try:
                require_layout(connection, self.path, self._layout)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.namespaces.clear()  # one of them may never have been
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            self._checkpoint_when_due(connection)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file as far as readers allow."""
        self._require_usable()
        if not self.wal_bytes:
            return
        with self._gates.writing.turn(), forks.held_off(), told(self.path):
            connection = self._writing_connection(Durability.SYNCED)
            connection.execute("PRAGMA busy_timeout = 0")  # a reader in the way: as far as it goes, the rest next time
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(_FOREIGN_LOCK_SECONDS * 1000)}")

    def vacuum(self, pages: int) -> bool:
        """Give some free pages back to the file system; whether there are more."""
        with self.reading() as reader:
            (free,) = reader.execute("PRAGMA freelist_count").fetchone()
        if not free:
            return False
        with self._gates.writing.turn(), forks.held_off(), told(self.path):
            # executescript: a single execute steps the statement once, which frees one page
            self._writing_connection(Durability.FLUSHED).executescript(f"PRAGMA incremental_vacuum({pages})")
        return bool(free > pages)

    @property
    def wal_bytes(self) -> int:
        """Size of the write-ahead log now."""
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def forget_old_checks(self) -> None:
        """What was found whole some minutes ago is looked at again: a file may be damaged while it is open."""
        now = time.monotonic()
        if now >= self._checks_end:
            self.is_checked = False
            self.checked_series.clear()
            self._checks_end = now + CHECKED_SECONDS

    @property
    def is_current(self) -> bool:
        """Whether the path still names the file that was opened."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close all connections; may be called twice. A write of another thread is waited for, a moment long."""
        if self._is_closed or os.getpid() != self._process:
            return  # a forked child must not close its parent's connections
        gate = attrs.evolve(self._gates.writing, patience_seconds=_LONGEST_CLOSING_SECONDS)
        with contextlib.suppress(StoreError), gate.turn():  # busy: by another process, which has its own connections
            self._close()
        self._close()

    def disconnect(self) -> None:
        """Close the connections that nobody is using; the file stays open for whoever asks next."""
        if os.getpid() == self._process:
            while self._idle:
                self._idle.pop().close()
            writer, self._writer = self._writer, None
            if writer is not None:
                with contextlib.suppress(sqlite3.Error):  # a full disk: what is in the log stays there
                    writer.close()

    def _close(self) -> None:
        self._is_closed = True
        with forks.held_off(), told(self.path):
            while self._idle:
                self._idle.pop().close()
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def __del__(self) -> None:
        if not self._is_closed and os.getpid() == self._process:
            with contextlib.suppress(StoreError):  # nobody is left to be told
                self._close()

    def _make_ready(self, *, create: bool) -> None:
        if self.path.exists() and self._is_ready(create=create):
            return
        if not create and not self.path.exists():
            raise FileNotFoundError(2, "no such file", str(self.path))
        with self._gates.layout.turn():
            connection = self._connected(create=create)
            try:
                brought_up_to_date(connection, self.path, self._layout)
            finally:
                connection.close()
            _folder_synced(self.path.parent)

    def _is_ready(self, *, create: bool) -> bool:
        """Whether the file has the newest layout, found without taking a turn; keeps the connection for reading."""
        connection = self._connected(create=False)
        try:
            schema = found_schema(connection, self.path, self._layout)
            if not schema and not create:
                raise BlankFile(f"{self.path} is empty, and rows were written to it: restore it from a backup")
            is_ready = schema == self._layout.schema
        except BaseException:
            connection.close()
            raise
        if not is_ready:
            connection.close()
            return False
        connection.execute("PRAGMA query_only = ON")
        self._idle.append(connection)
        return True

    def _writing_connection(self, durability: Durability) -> Connection:
        if self._writer is None:
            self._writer = self._connected(create=False)
            self._synchronous = ""
        wanted = _SYNCHRONOUS[durability]
        if wanted != self._synchronous:
            self._writer.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted
        return self._writer

    def _connected(self, *, create: bool) -> Connection:
        return _connected(self.path, create=create, journal_bytes=self._checkpoint_bytes)

    def _checkpoint_when_due(self, connection: Connection) -> None:
        # after a checkpoint the log is overwritten from its start, which needs no new blocks and syncs faster; its file
        # keeps `checkpoint_bytes`, and grows beyond them only when it has been filled again
        if self.wal_bytes * 8 <= self._checkpoint_bytes * 9:
            return
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            self._is_checkpoint_failing = False
        except sqlite3.Error as error:  # what was committed is in the log: to say that it failed would be a lie
            if not self._is_checkpoint_failing:
                _LOG.warning("%s: its log cannot be moved into the file now, and grows (%s)", self.path, error)
            self._is_checkpoint_failing = True

    def _give_back(self, connection: Connection) -> None:
        if self._is_closed:
            connection.close()
        else:
            self._idle.append(connection)

    def _require_usable(self) -> None:
        if self._is_closed:
            raise StoreError(f"{self.path} is closed: open the store again")
        if os.getpid() != self._process:
            raise StoreError(f"{self.path} was opened by the parent of this process: begin the read again after a fork")


def _connected(path: Path, *, create: bool, journal_bytes: int) -> Connection:
    mode = "rwc" if create else "rw"
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        factory=Connection,
        isolation_level=None,
        check_same_thread=False,
        timeout=_FOREIGN_LOCK_SECONDS,
    )
    try:
        # commits checkpoint by themselves, see `_checkpoint_when_due`: SQLite's own make the slowest commits
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA journal_size_limit = {journal_bytes}")
        connection.execute("PRAGMA temp_store = MEMORY")
    except BaseException:
        connection.close()
        raise
    return connection


def _folder_synced(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
