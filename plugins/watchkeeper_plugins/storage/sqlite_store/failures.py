"""SQLite's and the operating system's errors, said in watchkeeper's words."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchkeeper.domain.errors import StoreBusy, StoreCorrupt, StoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_SAID: Final[dict[int, tuple[type[StoreError], str]]] = {
    sqlite3.SQLITE_BUSY: (
        StoreBusy,
        "{path} is held by another program ({error}): close that program, or try again",
    ),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorrupt,
        "{path} is damaged ({error}): restore it from a backup",
    ),
    sqlite3.SQLITE_NOTADB: (
        StoreError,
        "{path} is not a file of a watchkeeper store (not SQLite at all): move it away, or use another folder",
    ),
    sqlite3.SQLITE_FULL: (
        StoreError,
        "there is no room to write {path} ({error}); nothing was written: free some space and try again",
    ),
    sqlite3.SQLITE_READONLY: (
        StoreError,
        "{path} cannot be written ({error}): check who may write there",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        StoreError,
        "{path} cannot be opened ({error}): check that it exists and who may write there",
    ),
    sqlite3.SQLITE_IOERR: (
        StoreError,
        "the disk refused to read or write {path} ({error}); nothing was written: check the disk and its free space",
    ),
}
"""By SQLite's primary result code: what is raised, and its words."""


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Run the block; what SQLite or the system raises about `path` becomes a StoreError that says what to do."""
    try:
        yield
    except UnicodeDecodeError as error:  # from the sqlite3 module, when even the names of tables are damaged
        raise StoreCorrupt(f"{path} is damaged ({error.reason}): restore it from a backup") from error
    except sqlite3.Error as error:
        raise _of_sqlite(error, path) from error
    except OSError as error:
        raise _of_system(error, path) from error


def _of_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    if str(error).startswith("Could not decode to UTF-8"):  # from the sqlite3 module, without a code
        return StoreCorrupt(f"{path} is damaged ({error}): restore it from a backup")
    kind, message = _SAID.get(
        getattr(error, "sqlite_errorcode", 0) & 0xFF, (StoreError, "{path} cannot be used ({error})")
    )
    return kind(message.format(path=path, error=error))


def _of_system(error: OSError, path: Path) -> StoreError:
    where = error.filename or path
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return StoreError(
            f"there is no room to write {where} ({reason}); nothing was written: free some space and try again"
        )
    if error.errno in _FORBIDDEN:
        return StoreError(f"{where} cannot be written ({reason}): check who may write there, or use another folder")
    return StoreError(f"{where} cannot be used ({reason})")
