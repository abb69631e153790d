"""Appends: rows become chunks, all of a commit in one COPY."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from watchkeeper.contracts.storage import Append
from watchkeeper.contracts.storage_kinds import require_same_kinds, written_kinds
from watchkeeper.contracts.storage_rules import checked_append
from watchkeeper.domain.errors import StoreCorrupt
from watchkeeper_plugins.storage.encoding.chunks import Chunk, chunks_of

from .layout import Connection

_MOST_KNOWN: Final = 8192
_COPY: Final = (
    "COPY chunk (series, first_us, last_us, rows, shape, is_full, narrow_bytes, wide_bytes, narrow, wide)"
    " FROM STDIN (FORMAT BINARY)"
)
_TYPES: Final = ("int4", "int8", "int8", "int4", "int8", "bool", "int8", "int8", "bytea", "bytea")

Names = tuple[str, str]
"""The stream and the key of a series."""


@attrs.frozen
class Series:
    """What is known of a series: its number, and what its columns hold."""

    number: int
    kinds: Mapping[str, str]

    def has(self, kinds: Mapping[str, str]) -> bool:
        """Whether it has columns of these kinds."""
        return all(self.kinds.get(column) == kind for column, kind in kinds.items())


@attrs.frozen(eq=False)
class ReadyAppend:
    """An append that was checked and encoded before anybody had to wait for us."""

    append: Append
    kinds: Mapping[str, str]
    chunks: tuple[Chunk, ...]

    @property
    def names(self) -> Names:
        """Its series."""
        return self.append.stream, self.append.key


class Appending:
    """Writes appends inside transactions, and remembers the series of those that are done."""

    def __init__(self, chunk_rows: int) -> None:
        self._chunk_rows = chunk_rows
        self._known: dict[Names, Series] = {}

    def ready(self, append: Append) -> ReadyAppend:
        """Check and encode it."""
        checked_append(append)
        return ReadyAppend(append, written_kinds(append.table), tuple(chunks_of(append, self._chunk_rows)))

    def learning(self) -> dict[Names, Series]:
        """Where `write` leaves what must not be remembered before the commit is done."""
        return {}

    def remember(self, learned: Mapping[Names, Series]) -> None:
        """Keep what a commit that is done has taught."""
        if len(self._known) + len(learned) > _MOST_KNOWN:
            self._known.clear()
        self._known.update(learned)

    def write(self, connection: Connection, ready: Sequence[ReadyAppend], learned: dict[Names, Series]) -> None:
        """Write the chunks of all appends inside the caller's transaction."""
        with_rows = [one for one in ready if one.chunks]
        # sorted: two commits with new columns of the same series must not wait for each other in a circle
        for one in sorted(with_rows, key=lambda each: each.names):
            known = learned.get(one.names) or self._known.get(one.names)
            if known is None or not known.has(one.kinds):
                learned[one.names] = _brought_up_to_date(connection, one)
        if with_rows:
            numbers = {one.names: (learned.get(one.names) or self._known[one.names]).number for one in with_rows}
            copy_chunks(
                connection,
                [(numbers[one.names], chunk) for one in with_rows for chunk in one.chunks],
                full_rows=self._chunk_rows,
            )


def copy_chunks(connection: Connection, chunks: Sequence[tuple[int, Chunk]], *, full_rows: int) -> None:
    """Write chunks, each with the number of its series, inside the caller's transaction."""
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_TYPES)
        for series, chunk in chunks:
            copy.write_row(
                (
                    series,
                    chunk.first_us,
                    chunk.last_us,
                    chunk.rows,
                    chunk.shape,
                    chunk.rows * 2 > full_rows,
                    len(chunk.narrow),
                    len(chunk.wide or b""),
                    chunk.narrow,
                    chunk.wide,
                )
            )


def _brought_up_to_date(connection: Connection, ready: ReadyAppend) -> Series:
    """The series with the columns of this append, its row locked until the commit is done; refuses another kind."""
    connection.execute(
        "INSERT INTO series (stream, key, kinds) VALUES (%s, %s, '{}') ON CONFLICT (stream, key) DO NOTHING",
        ready.names,
    )
    row = connection.execute(
        "SELECT id, kinds FROM series WHERE stream = %s AND key = %s FOR UPDATE", ready.names
    ).fetchone()
    if row is None:
        raise StoreCorrupt(f"the series {ready.append.stream}/{ready.append.key} was written and is not there")
    number, text = row
    known: dict[str, str] = json.loads(text)
    require_same_kinds(ready.append, ready.kinds, known)
    kinds = known | dict(ready.kinds)
    if kinds != known:
        connection.execute(
            "UPDATE series SET kinds = %s WHERE id = %s", (json.dumps(kinds, ensure_ascii=False), number)
        )
    return Series(int(number), kinds)
