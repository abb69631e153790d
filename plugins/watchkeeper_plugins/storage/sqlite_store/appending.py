"""Appends: rows become chunks in the file of the day of writing, all of a commit in one transaction."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from sqlite3 import Connection

import attrs

from watchkeeper.clock import Clock
from watchkeeper.contracts.storage import Append, Durability, Receipt
from watchkeeper.contracts.storage_rules import checked_append
from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import ColumnKind, kind_of

from .chunks import Chunk, chunks_of
from .days import Days


@attrs.frozen(eq=False)
class _Ready:
    """An append that was checked and encoded before anybody had to wait for us."""

    stream: str
    key: str
    kinds: dict[str, ColumnKind]
    chunks: list[Chunk]


class Appending:
    """Writes appends to the telemetry files."""

    def __init__(self, days: Days, clock: Clock, chunk_rows: int) -> None:
        self._days = days
        self._clock = clock
        self._chunk_rows = chunk_rows

    def commit(self, appends: Sequence[Append], durability: Durability, pair: tuple[str, int] | None) -> Receipt:
        """Add all rows, or none; nothing when `pair` was committed before."""
        ready = [self._ready(append) for append in appends]
        with self._days.writing(durability) as (name, connection):
            if pair is not None:
                if self._is_applied(name, connection, pair):
                    return Receipt(durability, is_replay=True)
                connection.execute("INSERT INTO applied VALUES (?, ?, ?)", (*pair, self._clock.now_us()))
            for append in ready:
                if append.chunks:
                    series = self._series(name, connection, append)
                    insert_chunks(connection, series, append.chunks)
        return Receipt(durability)

    def _ready(self, append: Append) -> _Ready:
        checked_append(append)
        kinds = {name: kind_of(column) for name, column in append.table.columns.items()}
        return _Ready(append.stream, append.key, kinds, list(chunks_of(append, self._chunk_rows)))

    def _is_applied(self, name: str, connection: Connection, pair: tuple[str, int]) -> bool:
        question = "SELECT 1 FROM applied WHERE writer = ? AND seq = ?"
        if connection.execute(question, pair).fetchone():
            return True
        for recent in self._days.recent(name):
            with recent.reading() as reader:
                if reader.execute(question, pair).fetchone():
                    return True
        return False

    def _series(self, name: str, connection: Connection, append: _Ready) -> int:
        """The number of the series in this file, its span and its columns brought up to date."""
        first = min(chunk.first_us for chunk in append.chunks)
        last = max(chunk.last_us for chunk in append.chunks)
        row = connection.execute(
            "SELECT id, first_us, last_us, kinds FROM series WHERE stream = ? AND key = ?", (append.stream, append.key)
        ).fetchone()
        known = self._known_kinds(name, append) if row is None else json.loads(row[3])
        _require_same_kinds(append, known)
        kinds = json.dumps(known | append.kinds, separators=(",", ":"), ensure_ascii=False)
        if row is None:
            cursor = connection.execute(
                "INSERT INTO series (stream, key, first_us, last_us, kinds) VALUES (?, ?, ?, ?, ?)",
                (append.stream, append.key, first, last, kinds),
            )
            return int(cursor.lastrowid or 0)
        series, known_first, known_last, known_text = row
        if first < known_first or last > known_last or kinds != known_text:
            connection.execute(
                "UPDATE series SET first_us = ?, last_us = ?, kinds = ? WHERE id = ?",
                (min(first, known_first), max(last, known_last), kinds, series),
            )
        return int(series)

    def _known_kinds(self, name: str, append: _Ready) -> dict[str, str]:
        """What the columns of the series held in the newest file that has it."""
        for recent in self._days.recent(name):
            with recent.reading() as reader:
                row = reader.execute(
                    "SELECT kinds FROM series WHERE stream = ? AND key = ?", (append.stream, append.key)
                ).fetchone()
            if row is not None:
                return dict(json.loads(row[0]))
        return {}


def insert_chunks(connection: Connection, series: int, chunks: Sequence[Chunk]) -> None:
    """Write chunks of a series inside the caller's transaction."""
    for chunk in chunks:
        cursor = connection.execute(
            "INSERT INTO chunk (series, first_us, last_us, rows, shape, narrow_bytes, wide_bytes)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                series,
                chunk.first_us,
                chunk.last_us,
                chunk.rows,
                chunk.shape,
                len(chunk.narrow),
                len(chunk.wide or b""),
            ),
        )
        connection.execute("INSERT INTO narrow VALUES (?, ?)", (cursor.lastrowid, chunk.narrow))
        if chunk.wide is not None:
            connection.execute("INSERT INTO wide VALUES (?, ?)", (cursor.lastrowid, chunk.wide))


def _require_same_kinds(append: _Ready, known: dict[str, str]) -> None:
    for column, kind in append.kinds.items():
        expected = known.get(column)
        if expected is not None and expected != kind:
            near = [name for name in difflib.get_close_matches(column, known, n=3) if known[name] == kind]
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"column {column!r} of {append.stream}/{append.key} holds {kind} now and held {expected} before: "
                f"convert it, or give it another name{hint}"
            )
