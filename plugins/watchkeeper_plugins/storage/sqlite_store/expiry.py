"""Expiry: which chunks have outlived their stream's lifetime or its share of the disk, and their removal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import Final

import attrs

from .directory import ChunkRow, all_series, delete_chunks, is_live, respanned, write_series
from .options import SqliteOptions

_DAY_US: Final = 86_400_000_000


@attrs.frozen
class Held:
    """A live chunk, and what it takes on disk."""

    row: ChunkRow
    narrow_bytes: int
    wide_bytes: int


@attrs.frozen
class Doomed:
    """What is to go from one file."""

    whole: tuple[Held, ...] = ()
    wide: tuple[Held, ...] = ()
    """Of these only the wide columns."""
    is_everything: bool = False
    """Whether no chunk is left afterwards."""


@attrs.frozen
class Lifetimes:
    """The options, in microseconds and bytes."""

    keep_us: Mapping[str, int]
    keep_wide_us: Mapping[str, int]
    keep_bytes: Mapping[str, int]

    @classmethod
    def of(cls, options: SqliteOptions) -> Lifetimes:
        """Read the options."""
        return cls(
            {stream: int(days * _DAY_US) for stream, days in options.keep_days.items()},
            {stream: int(days * _DAY_US) for stream, days in options.keep_wide_days.items()},
            {stream: int(size) for stream, size in options.keep_bytes.items()},
        )

    @property
    def are_any(self) -> bool:
        """Whether anything ever expires."""
        return bool(self.keep_us or self.keep_wide_us or self.keep_bytes)

    def doomed(self, held: Mapping[str, Sequence[Held]], cut_us: Mapping[str, int], now_us: int) -> Doomed:
        """What is to go from a file that holds these chunks by stream; `cut_us` comes from `cuts`."""
        whole: list[Held] = []
        wide: list[Held] = []
        for stream, chunks in held.items():
            limit = max(self._limit(self.keep_us, stream, now_us), cut_us.get(stream, -(2**63)))
            wide_limit = self._limit(self.keep_wide_us, stream, now_us)
            whole += [chunk for chunk in chunks if chunk.row.last_us < limit]
            wide += [chunk for chunk in chunks if limit <= chunk.row.last_us < wide_limit and chunk.wide_bytes]
        count = sum(len(chunks) for chunks in held.values())
        return Doomed(tuple(whole), tuple(wide), is_everything=count == len(whole))

    def cuts(self, held: Iterable[Mapping[str, Sequence[Held]]]) -> dict[str, int]:
        """By stream over its bytes: the time before which its chunks must go; `held` is all files."""
        by_stream: defaultdict[str, list[Held]] = defaultdict(list)
        for file in held:
            for stream in file.keys() & self.keep_bytes.keys():
                by_stream[stream] += file[stream]
        found: dict[str, int] = {}
        for stream, chunks in by_stream.items():
            size = 0
            for chunk in sorted(chunks, key=lambda each: each.row.last_us, reverse=True):
                size += chunk.narrow_bytes + chunk.wide_bytes
                if size > self.keep_bytes[stream]:
                    found[stream] = chunk.row.last_us + 1
                    break
        return found

    @staticmethod
    def _limit(lifetimes: Mapping[str, int], stream: str, now_us: int) -> int:
        return now_us - lifetimes[stream] if stream in lifetimes else -(2**63)


def held_in(connection: Connection) -> dict[str, list[Held]]:
    """The live chunks of a file by stream."""
    found: defaultdict[str, list[Held]] = defaultdict(list)
    for stream, narrow_bytes, wide_bytes, *row in connection.execute(
        "SELECT stream, narrow_bytes, wide_bytes, series, chunk.first_us, number, chunk.last_us, rows, shape"
        " FROM chunk JOIN series ON chunk.series = series.id WHERE retired_us IS NULL"
    ):
        found[stream].append(Held(ChunkRow(*row), narrow_bytes, wide_bytes))
    return dict(found)


def expire_chunks(connection: Connection, path: Path, doomed: Sequence[Held]) -> None:
    """Remove live chunks with all their columns, inside the caller's transaction."""
    rows = [held.row for held in doomed if is_live(connection, held.row)]
    delete_chunks(connection, rows)
    for series in all_series(connection, path):
        gone = [row for row in rows if row.series == series.number]
        if gone:
            write_series(connection, respanned(connection, series.with_chunks(removed=gone)))
