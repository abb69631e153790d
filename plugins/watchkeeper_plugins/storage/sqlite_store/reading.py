"""Reading one chunk from its file, with the place named when its bytes are not what was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

from watchkeeper.domain.errors import StoreCorrupt

from .blocks import BlockDamaged
from .chunks import StoredChunk


def read_chunk(connection: Connection, path: Path, number: int) -> StoredChunk | None:
    """The chunk, None when it is not there (any more). Its wide columns are read when they are asked for."""
    row = connection.execute("SELECT data FROM narrow WHERE chunk = ?", (number,)).fetchone()
    if row is None:
        return None

    def read_wide() -> bytes | None:
        found = connection.execute("SELECT data FROM wide WHERE chunk = ?", (number,)).fetchone()
        return None if found is None else found[0]

    with naming(path, number):
        return StoredChunk(row[0], read_wide)


@contextmanager
def naming(path: Path, number: int) -> Iterator[None]:
    """Run the block; damage found in it is told with its file and chunk."""
    try:
        yield
    except BlockDamaged as error:
        raise StoreCorrupt(f"{path}, chunk {number}: {error}; restore this file from a backup") from error
