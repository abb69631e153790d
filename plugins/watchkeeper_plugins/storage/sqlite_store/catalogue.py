"""The catalogue: the series of files that rest, kept in state.db, so that a scan opens only the files that it needs.

It is a copy, never the truth: a day's entries are used while its file is, by size and time of change, the one that was
catalogued, and while they add up. Otherwise the file itself is asked.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Collection, Iterable
from sqlite3 import Connection
from typing import Final

import attrs

from watchkeeper.contracts.storage import Durability

from .database import Database
from .days import Days
from .directory import Series, all_series, require_series

_RESTED_NS: Final = 2_000_000_000
"""A file that changed less than this ago may change again within the same tick of its time of change."""
_MODULUS: Final = 2**32


@attrs.frozen
class Entry:
    """A series of a day's file."""

    day: str
    stream: str
    key: str
    first_us: int
    last_us: int
    kinds: str
    """What its columns hold, as JSON."""

    @property
    def mark(self) -> int:
        """A checksum of the entry."""
        return zlib.crc32(
            f"{self.day}\n{self.stream}\n{self.key}\n{self.first_us}\n{self.last_us}\n{self.kinds}".encode()
        )


class Catalogue:
    """What state.db knows about the files under ``telemetry/``."""

    def __init__(self, state: Database, days: Days) -> None:
        self._state = state
        self._days = days
        self._whole: set[tuple[str, str]] = set()
        """Days, with their stamps, whose entries were found to add up."""
        self._lock = threading.Lock()

    def rested(self, names: Collection[str]) -> frozenset[str]:
        """Those of the days whose files need not be opened to learn which series they have."""
        with self._state.reading() as connection:
            covered = connection.execute("SELECT day, stamp, entries, marks FROM covered").fetchall()
        same = {day: (stamp, entries, marks) for day, stamp, entries, marks in covered if self._stamp(day) == stamp}
        self._check(same)
        with self._lock:
            return frozenset(day for day in names if day in same and (day, same[day][0]) in self._whole)

    def entries(self, stream: str, key: str | None = None) -> list[Entry]:
        """The catalogued series of a stream, or of a stream and key; of any day, rested or not."""
        with self._state.reading() as connection:
            if key is None:
                return _entries(connection, "WHERE stream = ?", (stream,))
            return _entries(connection, "WHERE stream = ? AND key = ?", (stream, key))

    def write(self, name: str) -> None:
        """Catalogue the file of a day that is not written to any more, if it rests by now."""
        if self.rested((name,)):
            return
        with self._days.standing_still(name) as database:
            stamp = self._stamp(name)
            if database is None or stamp is None or not self._is_rested(name):
                return
            with database.snapshot() as connection:
                require_series(connection, database.path)
                series = all_series(connection, database.path)
            with self._state.writing(Durability.FLUSHED) as connection:
                _replace(connection, name, stamp, series)

    def forget_others(self, names: Iterable[str]) -> None:
        """Remove the entries of days that are gone."""
        with self._state.reading() as connection:
            covered = {day for (day,) in connection.execute("SELECT day FROM covered")}
        gone = covered.difference(names)
        if gone:
            with self._state.writing(Durability.FLUSHED) as connection:
                for day in gone:
                    _remove(connection, day)

    def _check(self, same: dict[str, tuple[str, int, int]]) -> None:
        """Add up the entries of days that were not looked at before."""
        with self._lock:
            unseen = {day for day, (stamp, *_) in same.items() if (day, stamp) not in self._whole}
        if not unseen:
            return
        counts = dict.fromkeys(unseen, (0, 0))
        with self._state.reading() as connection:
            for entry in _entries(connection, "", ()):
                if entry.day in unseen:
                    entries, marks = counts[entry.day]
                    counts[entry.day] = (entries + 1, (marks + entry.mark) % _MODULUS)
        with self._lock:
            self._whole |= {(day, same[day][0]) for day, found in counts.items() if found == same[day][1:]}

    def _stamp(self, day: str) -> str | None:
        """Which file it is, and when it changed; None when it is not there, or rows are in its write-ahead log."""
        path = str(self._days.path(day))
        try:
            if os.stat(path + "-wal").st_size:  # noqa: PTH116 - a path of text: hundreds of these at every scan
                return None
        except FileNotFoundError:
            pass
        try:
            found = os.stat(path)  # noqa: PTH116 - the same
        except FileNotFoundError:
            return None
        return f"{found.st_ino} {found.st_size} {found.st_mtime_ns}"

    def _is_rested(self, day: str) -> bool:
        return time.time_ns() - self._days.path(day).stat().st_mtime_ns > _RESTED_NS


def _entries(connection: Connection, condition: str, values: tuple[str, ...]) -> list[Entry]:
    statement = "SELECT day, stream, key, first_us, last_us, text FROM span JOIN kinds ON kinds.id = span.kinds "
    return [Entry(*row) for row in connection.execute(statement + condition, values)]


def _replace(connection: Connection, day: str, stamp: str, series: Iterable[Series]) -> None:
    _remove(connection, day)
    entries = [Entry(day, each.stream, each.key, each.first_us, each.last_us, each.kinds) for each in series]
    for entry in entries:
        connection.execute("INSERT OR IGNORE INTO kinds (text) VALUES (?)", (entry.kinds,))
        connection.execute(
            "INSERT INTO span SELECT ?, ?, ?, ?, ?, id FROM kinds WHERE text = ?",
            (entry.stream, entry.key, entry.day, entry.first_us, entry.last_us, entry.kinds),
        )
    marks = sum(entry.mark for entry in entries) % _MODULUS
    connection.execute("INSERT INTO covered VALUES (?, ?, ?, ?)", (day, stamp, len(entries), marks))


def _remove(connection: Connection, day: str) -> None:
    connection.execute("DELETE FROM span WHERE day = ?", (day,))
    connection.execute("DELETE FROM covered WHERE day = ?", (day,))
