"""What a writer knows of the directory of its file from its last commit, as long as nobody else has written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from sqlite3 import Connection

import attrs

from .directory import ChunkRow, Series, found_series, highest_chunk, next_series_number, write_appended


class KnownDirectory:
    """The series of a telemetry file, read once and then followed; used inside one transaction after the other.

    Another connection's commit changes ``PRAGMA data_version``; anything else that this connection changes, or takes
    back, changes its count of changes. With both as they were left, the file holds what is remembered here.
    """

    def __init__(self, connection: Connection, path: Path, data_version: int) -> None:
        self.connection = connection
        self._path = path
        self._data_version = data_version
        self._changes = -1
        self._series: dict[tuple[str, str], Series] = {}
        self._added: set[tuple[str, str]] = set()
        self._changed: set[tuple[str, str]] = set()
        self._next_series: int | None = None
        self.highest_chunk = highest_chunk(connection)

    @classmethod
    def of(cls, connection: Connection, path: Path, last: KnownDirectory | None) -> KnownDirectory:
        """What is known of the file at the start of a transaction: the `last` one if nothing else happened."""
        (data_version,) = connection.execute("PRAGMA data_version").fetchone()
        if last is not None and last.connection is connection and last.is_as_left(data_version):
            return last
        return cls(connection, path, data_version)

    def series(self, names: tuple[str, str]) -> Series | None:
        """The series of a stream and key; None when the file has no rows of it."""
        known = self._series.get(names)
        if known is None:
            known = found_series(self.connection, self._path, names)
            if known is not None:
                self._series[names] = known
        return known

    def with_kinds(self, names: tuple[str, str], kinds: str, first_us: int) -> Series:
        """The series, or a new one, whose columns hold `kinds`."""
        known = self._series.get(names)
        if known is None:
            if self._next_series is None:
                self._next_series = next_series_number(self.connection)
            known = Series(self._next_series, *names, first_us, first_us, kinds, chunks=0, marks=0)
            self._next_series += 1
            self._added.add(names)
        elif known.kinds != kinds:
            known = attrs.evolve(known, kinds=kinds)
        self._series[names] = known
        return known

    def append(self, names: tuple[str, str], rows: Iterable[ChunkRow]) -> None:
        """Chunks were added to a series."""
        listed = list(rows)
        self._series[names] = self._series[names].with_chunks(listed)
        self._changed.add(names)
        self.highest_chunk = max(row.number for row in listed)

    def write(self) -> None:
        """Write the series that changed."""
        changed = [self._series[names] for names in sorted(self._changed)]
        write_appended(self.connection, changed, added=len(self._added))
        self._changed.clear()
        self._added.clear()

    def seal(self) -> None:
        """The transaction is about to be committed; without a commit this is not to be used again."""
        self._changes = self.connection.total_changes
        self._next_series = None  # removed series and their retired chunks count, too

    def is_as_left(self, data_version: int) -> bool:
        """Whether the file is as the last commit left it."""
        return self._data_version == data_version and self._changes == self.connection.total_changes
