"""Reading one chunk from its file, with the place named when its bytes are not what was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection

from watchkeeper.domain.errors import StoreCorrupt
from watchkeeper_plugins.storage.encoding.blocks import BlockDamaged
from watchkeeper_plugins.storage.encoding.chunks import StoredChunk

from .directory import ChunkRow, listed_wide_bytes


def read_chunk(connection: Connection, path: Path, row: ChunkRow) -> StoredChunk | None:
    """The chunk, its rows checked against the directory; None when it is not there any more.

    Its wide columns are read when they are asked for.
    """
    found = connection.execute("SELECT data FROM narrow WHERE chunk = ?", (row.number,)).fetchone()
    # a chunk goes from all tables at once: what only one of them has lost is damage, and no expiry
    if found is None:
        if listed_wide_bytes(connection, row) is None:
            return None
        raise _damaged(path, row, "its rows are gone")

    def read_wide() -> bytes | None:
        wide = connection.execute("SELECT data FROM wide WHERE chunk = ?", (row.number,)).fetchone()
        if wide is None and listed_wide_bytes(connection, row):
            raise _damaged(path, row, "its wide columns are gone")
        return None if wide is None else wide[0]

    with naming(path, row):
        chunk = StoredChunk(found[0], read_wide)
        chunk.require_rows(row.first_us, row.last_us, row.rows)
        return chunk


@contextmanager
def naming(path: Path, row: ChunkRow) -> Iterator[None]:
    """Run the block; damage found in it is told with its file and chunk."""
    try:
        yield
    except BlockDamaged as error:
        raise _damaged(path, row, error) from error


def _damaged(path: Path, row: ChunkRow, reason: object) -> StoreCorrupt:
    return StoreCorrupt(f"{path}, chunk {row.number}: {reason}; restore this file from a backup")
