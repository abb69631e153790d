"""The directory of a telemetry file: its series, their chunks, and sums that tell when one is lost."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Any, Final

import attrs

from watchkeeper.domain.errors import StoreCorrupt

from .multirow import insert_rows

_ROW: Final = struct.Struct("<5qI")
_MODULUS: Final = 2**32
_SELECT: Final = "SELECT series, first_us, number, last_us, rows, shape FROM chunk "
_BY_KEY: Final = "WHERE series = ? AND first_us = ? AND number = ?"
_WIDE_BYTES: Final = "SELECT wide_bytes FROM chunk " + _BY_KEY  # noqa: S608 - joined from constants, as those below
_RETIRE: Final = "UPDATE chunk SET retired_us = ? " + _BY_KEY  # noqa: S608
_DELETE: Final = "DELETE FROM chunk " + _BY_KEY  # noqa: S608
_DELETE_WIDE: Final = "UPDATE chunk SET wide_bytes = 0 " + _BY_KEY  # noqa: S608


@attrs.frozen(order=True)
class ChunkRow:
    """A chunk in the directory."""

    series: int
    first_us: int
    number: int
    last_us: int
    rows: int
    shape: int
    """Equal for chunks with the same columns, types and wide columns."""

    @property
    def key(self) -> tuple[int, int, int]:
        """What names it in its file."""
        return self.series, self.first_us, self.number

    @property
    def mark(self) -> int:
        """A checksum of the row."""
        return zlib.crc32(_ROW.pack(self.series, self.first_us, self.number, self.last_us, self.rows, self.shape))


@attrs.frozen
class Series:
    """The rows of one stream and key in one file, as a whole."""

    number: int
    stream: str
    key: str
    first_us: int
    last_us: int
    kinds: str
    """What the columns hold, as JSON."""
    chunks: int
    """How many live chunks it has."""
    marks: int
    """The sum of their marks: a chunk that is lost, doubled or changed does not go unseen."""

    @property
    def checksum(self) -> int:
        """Over everything else."""
        numbers = f"{self.number}\n{self.first_us}\n{self.last_us}\n{self.chunks}\n{self.marks}"
        return zlib.crc32(f"{numbers}\n{self.stream}\n{self.key}\n{self.kinds}".encode())

    def with_chunks(self, added: Iterable[ChunkRow] = (), removed: Iterable[ChunkRow] = ()) -> Series:
        """The series after live chunks came and went; its span only grows, see `respanned`."""
        chunks, marks, first_us, last_us = self.chunks, self.marks, self.first_us, self.last_us
        for row in added:
            chunks, marks = chunks + 1, marks + row.mark
            first_us, last_us = min(first_us, row.first_us), max(last_us, row.last_us)
        for row in removed:
            chunks, marks = chunks - 1, marks - row.mark
        return attrs.evolve(self, first_us=first_us, last_us=last_us, chunks=chunks, marks=marks % _MODULUS)


_COUNT_SERIES: Final = "UPDATE meta SET value = CAST(value AS INTEGER) + ? WHERE name = 'series'"
_APPENDED: Final = "ON CONFLICT (id) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in ("first_us", "last_us", "kinds", "chunks", "marks", "checksum")
)
_SERIES: Final = "SELECT id, stream, key, first_us, last_us, kinds, chunks, marks, checksum FROM series"


def found_series(connection: Connection, path: Path, names: tuple[str, str]) -> Series | None:
    """The series of a stream and key, its row checked; None when the file has no rows of it."""
    row = connection.execute(_SERIES + " WHERE stream = ? AND key = ?", names).fetchone()
    return None if row is None else _series_of(row, path)


def all_series(connection: Connection, path: Path) -> list[Series]:
    """All series of a file, their rows checked."""
    return [_series_of(row, path) for row in connection.execute(_SERIES + " NOT INDEXED")]


def write_series(connection: Connection, series: Series) -> None:
    """Write the row of a series inside the caller's transaction; a series without live chunks is removed."""
    if not series.chunks:
        gone = connection.execute("DELETE FROM series WHERE id = ?", (series.number,)).rowcount
        connection.execute(_COUNT_SERIES, (-gone,))
        return
    changed = (series.first_us, series.last_us, series.kinds, series.chunks, series.marks, series.checksum)
    cursor = connection.execute(
        "UPDATE series SET first_us = ?, last_us = ?, kinds = ?, chunks = ?, marks = ?, checksum = ? WHERE id = ?",
        (*changed, series.number),
    )
    if not cursor.rowcount:
        named = (series.number, series.stream, series.key)
        connection.execute("INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (*named, *changed))
        connection.execute(_COUNT_SERIES, (1,))


def write_appended(connection: Connection, changed: Sequence[Series], *, added: int) -> None:
    """Write the rows of series that took chunks, in a few steps; `added` of them are new in this file."""
    rows = [(*attrs.astuple(series), series.checksum) for series in changed]
    insert_rows(connection, "series", rows, _APPENDED)
    if added:
        connection.execute(_COUNT_SERIES, (added,))


def respanned(connection: Connection, series: Series) -> Series:
    """The series with the span of the live chunks that are left."""
    question = "SELECT min(first_us), max(last_us) FROM chunk WHERE series = ? AND retired_us IS NULL"
    first_us, last_us = connection.execute(question, (series.number,)).fetchone()
    return series if first_us is None else attrs.evolve(series, first_us=first_us, last_us=last_us)


def next_series_number(connection: Connection) -> int:
    """A number for a new series: above all that the directory knows, removed series with retired chunks included."""
    (highest,) = connection.execute(
        "SELECT max(coalesce((SELECT max(id) FROM series), 0), coalesce((SELECT max(series) FROM chunk), 0))"
    ).fetchone()
    return int(highest) + 1


def highest_chunk(connection: Connection) -> int | None:
    """The highest number of a chunk in the file; None without any."""
    (highest,) = connection.execute("SELECT max(chunk) FROM narrow").fetchone()
    return None if highest is None else int(highest)


def live_rows(
    connection: Connection, path: Path, series: Series, first_us: int = -(2**63), last_us: int = 2**63 - 1
) -> Iterator[ChunkRow]:
    """The live chunks of a series with rows between two moments, both included, in order of their first row."""
    rows = connection.execute(
        _SELECT
        + "WHERE series = ? AND first_us <= ? AND last_us >= ? AND retired_us IS NULL ORDER BY first_us, number",
        (series.number, last_us, first_us),
    )
    for row in rows:
        if not all(isinstance(value, int) for value in row):
            raise _damaged_chunks(path, series)
        yield ChunkRow(*row)


def is_live(connection: Connection, row: ChunkRow) -> bool:
    """Whether the chunk is still there, as it was, and not retired."""
    question = _SELECT + _BY_KEY + " AND retired_us IS NULL"
    found = connection.execute(question, row.key).fetchone()
    return found is not None and ChunkRow(*found) == row


def listed_wide_bytes(connection: Connection, row: ChunkRow) -> int | None:
    """How large the wide columns of a chunk are, live or retired; None when the directory does not have it any more."""
    found = connection.execute(_WIDE_BYTES, row.key).fetchone()
    return None if found is None else int(found[0])


def retire(connection: Connection, rows: Iterable[ChunkRow], now_us: int) -> None:
    """Mark chunks as replaced; scans that know them can still read them."""
    connection.executemany(_RETIRE, [(now_us, *row.key) for row in rows])


def delete_chunks(connection: Connection, rows: Iterable[ChunkRow]) -> None:
    """Remove chunks with all their columns."""
    listed = list(rows)
    connection.executemany("DELETE FROM narrow WHERE chunk = ?", [(row.number,) for row in listed])
    connection.executemany("DELETE FROM wide WHERE chunk = ?", [(row.number,) for row in listed])
    connection.executemany(_DELETE, [row.key for row in listed])


def delete_wide(connection: Connection, rows: Iterable[ChunkRow]) -> None:
    """Remove the wide columns of chunks; the rest stays."""
    listed = list(rows)
    connection.executemany("DELETE FROM wide WHERE chunk = ?", [(row.number,) for row in listed])
    connection.executemany(_DELETE_WIDE, [row.key for row in listed])


def retired_before(connection: Connection, before_us: int, limit: int) -> list[ChunkRow]:
    """Some chunks that were retired before a moment."""
    rows = connection.execute(_SELECT + "WHERE retired_us < ? LIMIT ?", (before_us, limit))
    return [ChunkRow(*row) for row in rows]


def require_series(connection: Connection, path: Path) -> None:
    """StoreCorrupt when a series is missing from the list, or from its index; O(series), in the caller's snapshot."""
    (written,) = connection.execute("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'series'").fetchone() or (-1,)
    listed = all_series(connection, path)
    indexed = [found_series(connection, path, (series.stream, series.key)) for series in listed]
    if len(listed) != written or indexed != listed:
        raise _damaged_list(path)


def require_chunks(connection: Connection, path: Path, series: Series) -> None:
    """StoreCorrupt when the live chunks are not those that the series counts; O(chunks).

    The caller reads both in one snapshot.
    """
    count = marks = 0
    for row in live_rows(connection, path, series):
        count, marks = count + 1, marks + row.mark
    if (count, marks % _MODULUS) != (series.chunks, series.marks):
        raise _damaged_chunks(path, series)


def _series_of(row: tuple[Any, ...], path: Path) -> Series:
    *values, checksum = row
    series = Series(*values)
    # damaged text may come back as bytes, which the checksum could not be computed over
    if any(isinstance(value, bytes) for value in values) or series.checksum != checksum:
        raise _damaged_list(path)
    return series


def _damaged_list(path: Path) -> StoreCorrupt:
    return StoreCorrupt(f"{path}: the list of series is damaged: restore this file from a backup")


def _damaged_chunks(path: Path, series: Series) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path}: the list of chunks of {series.stream}/{series.key} is damaged: restore this file from a backup"
    )
