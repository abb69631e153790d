"""The telemetry files: one for each UTC day of writing, and the list of them that tells when one went missing."""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Durability
from watchkeeper.domain.errors import StoreCorrupt

from .database import Database
from .failures import told
from .gate import Gate
from .schema import BlankFile

_FILE: Final = re.compile(r"(\d{4}-\d\d-\d\d)\.db")
_MOST_OPEN: Final = 64
_DAY_US: Final = 86_400_000_000
RECENT_DAYS: Final = 3
"""How many files before the current one are not unlinked, whatever the age of their rows."""
REMEMBERED_US: Final = 7 * _DAY_US
"""How long a (writer, seq) is remembered."""


class Days:
    """The folder ``telemetry/``: a file is listed in state.db before its first row, and crossed out before it goes."""

    def __init__(
        self, folder: Path, state: Database, gate: Gate, open_file: Callable[[Path, bool], Database], clock: Clock
    ) -> None:
        self._folder = folder
        self._state = state
        self._gate = gate
        self._open_file = open_file
        self._clock = clock
        self._open: OrderedDict[str, Database] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def writing(self, durability: Durability) -> Iterator[tuple[str, Connection]]:
        """A transaction in the file of the day it is now, with that file's name."""
        with self._gate.turn():
            name = self.today()
            database = self._writable(name)
            with database.transaction(durability) as connection:
                yield name, connection

    @contextmanager
    def changing(self, name: str, durability: Durability) -> Iterator[Connection | None]:
        """A transaction in the file of any day; None, and nothing is done, when it has expired."""
        with self._gate.turn():
            database = self.file(name)
            if database is None:
                yield None
                return
            with database.transaction(durability) as connection:
                yield connection

    @contextmanager
    def standing_still(self, name: str) -> Iterator[Database | None]:
        """The file of a day while nobody writes to any; None when it has expired."""
        with self._gate.turn():
            yield self.file(name)

    def today(self) -> str:
        """The name of the day it is now, UTC."""
        return _day_name(self._clock.now_us() // _DAY_US)

    def names(self) -> list[str]:
        """The files that hold rows, oldest first; StoreCorrupt when one that is listed is not there."""
        present = self.present()
        listed = self._listed()
        if any(expired_us is None and name not in present for name, expired_us in listed.items()):
            present = self.present()  # it may have been created between the two looks
            self._require_all(self._listed(), present)
        return sorted(name for name in present if self._holds_rows(name, listed))

    def present(self) -> set[str]:
        """The days whose files are in the folder, whatever they hold."""
        with told(self._folder):
            matches = (_FILE.fullmatch(name) for name in os.listdir(self._folder))  # noqa: PTH208 - a tenth of iterdir's time, at every scan
            return {match[1] for match in matches if match}

    def remembering(self, but: str) -> Iterator[Database]:
        """The files other than that of the day `but` in which a (writer, seq) may still be remembered, newest first."""
        oldest = _day_name((self._clock.now_us() - REMEMBERED_US) // _DAY_US)
        for name in [name for name in reversed(self.names()) if name != but and name >= oldest]:
            database = self.file(name)
            if database is not None:
                yield database

    def path(self, name: str) -> Path:
        """Where the file of a day is."""
        return self._folder / f"{name}.db"

    def file(self, name: str) -> Database | None:
        """The file of a day, opened; None when it has expired since it was listed."""
        with self._lock:
            database = self._open.get(name)
            if database is not None and database.is_current:
                self._open.move_to_end(name)
                return database
            if not self.path(name).exists():
                if self._listed().get(name) is not None:
                    return None
                self._require_all({name: None}, set())
            database = self._open_file(self.path(name), False)
            self._remember(name, database)
            return database

    def forget_missing(self) -> tuple[str, ...]:
        """Forget the files that are gone, so that what is left can be read again; the names of their days."""
        present = self.present()
        gone = tuple(name for name, expired_us in self._listed().items() if expired_us is None and name not in present)
        with self._state.writing(Durability.SYNCED) as connection:
            # not crossed out: should the file turn up again, its rows count
            connection.executemany("DELETE FROM day WHERE name = ?", [(name,) for name in gone])
        return gone

    def remove_expired(self, name: str) -> int:
        """Unlink the file of a day; returns the bytes that it took."""
        with self._gate.turn():
            return self._remove(name)

    def crossed_out(self) -> list[str]:
        """Days that are crossed out and whose files are still there: a removal was interrupted."""
        present = self.present()
        return [name for name, expired_us in self._listed().items() if expired_us is not None and name in present]

    def close(self) -> None:
        """Close all files; may be called twice."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].close()

    def _remove(self, name: str) -> int:
        """The same for a caller who holds the gate."""
        self._cross_out(name)
        with self._lock:
            self._open.pop(name, None)  # it closes itself when its last reader lets go of it
        freed = 0
        with told(self.path(name)):
            for suffix in ("", "-wal", "-shm"):
                path = self._folder / f"{name}.db{suffix}"
                if path.exists():
                    freed += path.stat().st_size
                    path.unlink()
        return freed

    def _writable(self, name: str) -> Database:
        """The file of a day, created and listed where needed; the caller holds the gate."""
        with self._lock:
            database = self._open.get(name)
        if database is not None and database.is_current:
            return database
        listed = self._listed()
        if listed.get(name) is not None:
            self._remove(name)  # it expired, and the clock has stepped back to that day
            del listed[name]
        elif name in listed and not self.path(name).exists():
            self._require_all({name: None}, set())
        is_new = name not in listed
        database = self._open_file(self.path(name), is_new)
        if is_new:
            self._list(name)
        with self._lock:
            self._remember(name, database)
        return database

    def _list(self, name: str) -> None:
        with self._state.writing(Durability.SYNCED) as connection:
            connection.execute("INSERT OR REPLACE INTO day (name, expired_us) VALUES (?, NULL)", (name,))

    def _remember(self, name: str, database: Database) -> None:
        self._open[name] = database
        while len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)  # it closes itself when its last reader lets go of it

    def _holds_rows(self, name: str, listed: Mapping[str, int | None]) -> bool:
        """Whether a file counts: one that is not listed may be a restored one, or was never finished."""
        if name in listed:
            return listed[name] is None
        try:
            return self.file(name) is not None
        except BlankFile:
            return False

    def _require_all(self, listed: dict[str, int | None], present: set[str]) -> None:
        for name, expired_us in listed.items():
            if expired_us is None and name not in present:
                raise StoreCorrupt(
                    f"{self.path(name)} is missing, and with it the rows written on {name}: restore it from a "
                    "backup, or go on without them: `watchkeeper store forget-missing`"
                )

    def _listed(self) -> dict[str, int | None]:
        with self._state.reading() as connection:
            return dict(connection.execute("SELECT name, expired_us FROM day"))

    def _cross_out(self, name: str) -> None:
        with self._state.writing(Durability.SYNCED) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO day (name, expired_us) VALUES (?, ?)", (name, self._clock.now_us())
            )


@lru_cache(maxsize=8)
def _day_name(days: int) -> str:
    return f"{date(1970, 1, 1) + timedelta(days=days):%Y-%m-%d}"
