"""A chunk: the rows of one append (or of many, once compacted) as a narrow block and, apart from it, a wide one."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.contracts.storage import Append, Batch
from watchkeeper.contracts.storage_kinds import as_known
from watchkeeper.domain.table import Column, Table

from .blocks import Block, BlockDamaged, Schema, block_bytes, block_mark, opened_block
from .columns import PackedColumn, packed

_TIME: Final = ""
"""The name of the time column in a narrow block; no column of a table can have it."""
_MOST_BYTES: Final = 268_435_456
"""Of one block; SQLite takes a thousand million."""


@attrs.frozen(eq=False)
class Chunk:
    """Rows in time order, ready to be written."""

    first_us: int
    last_us: int
    rows: int
    shape: int
    """Equal for chunks with the same columns, types and wide columns: those can be compacted into one."""
    narrow: bytes
    wide: bytes | None


def chunks_of(append: Append, chunk_rows: int) -> Iterator[Chunk]:
    """The append's rows in time order, cut into chunks of at most `chunk_rows`."""
    time, table = append.time, append.table
    if len(time) > 1 and bool(np.any(time[1:] < time[:-1])):
        order = np.argsort(time, kind="stable")
        time, table = time[order], table.rows(order)
    for start in range(0, len(time), chunk_rows):
        rows = slice(start, start + chunk_rows)
        is_whole = len(time) <= chunk_rows
        yield from _cut(time[rows], table if is_whole else table.rows(rows), frozenset(append.wide))


class StoredChunk:
    """A chunk that was read: its narrow block, and the wide one when somebody needs it."""

    def __init__(self, narrow: bytes, read_wide: Callable[[], bytes | None]) -> None:
        self._narrow: Block = opened_block(narrow)
        self._read_wide = read_wide

    def require_rows(self, first_us: int, last_us: int, rows: int) -> None:
        """BlockDamaged when these are not the rows that the directory tells of."""
        time = self._time()
        if (len(time), int(time[0]), int(time[-1])) != (rows, first_us, last_us):
            raise BlockDamaged("its rows are not those that the directory tells of")

    def batch(
        self,
        since_us: int | None = None,
        until_us: int | None = None,
        columns: Sequence[str] | None = None,
        kinds: Mapping[str, str] | None = None,
    ) -> Batch:
        """The rows with ``since_us <= time < until_us``, with those of `columns` that there are.

        `kinds` is what the columns of the series hold, see `as_known`.
        """
        time = self._time()
        start = 0 if since_us is None else int(np.searchsorted(time, since_us, side="left"))
        end = len(time) if until_us is None else int(np.searchsorted(time, until_us, side="left"))
        known = kinds or {}
        found = self._columns(columns)
        table = Table({name: as_known(column, known.get(name)) for name, column in found.items()} if known else found)
        wide = tuple(name for name in self.wide_names if name in table)
        if start > 0 or end < len(time):
            return Batch(time[start:end], table.rows(slice(start, end)), wide)
        return Batch(time, table, wide)

    @property
    def wide_names(self) -> tuple[str, ...]:
        """The columns that were stored apart, whether they are still there or not."""
        return tuple(name for _, name in self._narrow.schema.apart)

    def _columns(self, wanted: Sequence[str] | None) -> dict[str, Column]:
        names = [name for name in self._narrow.schema.names if name != _TIME]
        apart = set(self.wide_names)
        for position, name in self._narrow.schema.apart:
            names.insert(position, name)
        chosen = names if wanted is None else [name for name in wanted if name in names]
        wide: Block | None = None
        if apart.intersection(chosen):
            data = self._read_wide()
            wide = None if data is None else self._opened_wide(data)
        if not apart:
            return self._narrow.columns(chosen)
        near = self._narrow.columns(name for name in chosen if name not in apart)
        far = {} if wide is None else wide.columns(name for name in chosen if name in apart)
        return {name: near[name] if name in near else far[name] for name in chosen if name in near or name in far}

    def _time(self) -> NDArray[np.int64]:
        time = self._narrow.column(_TIME) if _TIME in self._narrow.schema.names else None
        if not isinstance(time, np.ndarray) or time.dtype != np.int64 or not len(time):
            raise BlockDamaged("it has no times")
        return time

    def _opened_wide(self, data: bytes) -> Block:
        wide = opened_block(data)
        if wide.of != self._narrow.mark or wide.rows != self._narrow.rows:
            raise BlockDamaged("its wide columns are another chunk's")
        return wide


@attrs.frozen
class _Plan:
    """How the columns of a table are laid out; the same for all chunks of a series."""

    near: tuple[int, ...]
    """Which columns are in the narrow block, after the time."""
    apart: tuple[int, ...]
    near_schema: bytes
    apart_schema: bytes
    shape: int


def _cut(time: NDArray[np.int64], table: Table, wide: frozenset[str]) -> Iterator[Chunk]:
    """One chunk, or more when the rows are too large for one."""
    columns = [packed(name, column) for name, column in table.columns.items()]
    if sum(len(column.payload) for column in columns) <= _MOST_BYTES or len(time) == 1:
        yield _chunk(time, columns, _plan(table.names, tuple(column.type for column in columns), wide))
        return
    middle = len(time) // 2
    for rows in (slice(0, middle), slice(middle, len(time))):
        yield from _cut(time[rows], table.rows(rows), wide)


def _chunk(time: NDArray[np.int64], columns: Sequence[PackedColumn], plan: _Plan) -> Chunk:
    near = [packed(_TIME, time).payload, *(columns[at].payload for at in plan.near)]
    narrow = block_bytes(len(time), plan.near_schema, near)
    apart = [columns[at].payload for at in plan.apart]
    return Chunk(
        first_us=int(time[0]),
        last_us=int(time[-1]),
        rows=len(time),
        shape=plan.shape,
        narrow=narrow,
        wide=block_bytes(len(time), plan.apart_schema, apart, block_mark(narrow)) if apart else None,
    )


@lru_cache(maxsize=1024)
def _plan(names: tuple[str, ...], types: tuple[str, ...], wide: frozenset[str]) -> _Plan:
    near = tuple(at for at, name in enumerate(names) if name not in wide)
    apart = tuple(at for at, name in enumerate(names) if name in wide)
    # codes of any width go together: their labels are united anyway
    signature = [(name, kind.partition(":")[0], name in wide) for name, kind in zip(names, types, strict=True)]
    return _Plan(
        near=near,
        apart=apart,
        near_schema=Schema(
            (_TIME, *(names[at] for at in near)),
            ("i8", *(types[at] for at in near)),
            tuple((at, names[at]) for at in apart),
        ).text(),
        apart_schema=Schema(tuple(names[at] for at in apart), tuple(types[at] for at in apart)).text(),
        shape=zlib.crc32(repr(signature).encode()),
    )
