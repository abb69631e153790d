"""A block: some columns of the same rows as one run of bytes, each with a checksum, so that no flipped bit goes unseen.

All numbers little-endian, each part padded to a multiple of 8 bytes so that a decoded column is an aligned view::

    "WKB1" | rows | of | columns | length of the schema | checksum      six uint32
    the schema: what does not change from block to block, as JSON
    the size of each column, and the checksum of each column            two uint32 a column
    the columns' bytes

The checksum (crc32) of the header covers all before the columns' bytes; `of` is the mark of the block that this one
belongs to.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final

import attrs

from watchkeeper.domain.table import Column

from .columns import unpacked

_MAGIC: Final = b"WKB1"
_HEAD: Final = struct.Struct("<4s4I")
_CHECKSUM: Final = struct.Struct("<I")
_PREFIX_BYTES: Final = _HEAD.size + _CHECKSUM.size
_ALIGNED: Final = 8
_PADDING: Final = bytes(_ALIGNED)


class BlockDamaged(ValueError):
    """The bytes of a block are not those that were written; the caller knows which file and chunk it was."""


@attrs.frozen
class Schema:
    """What the blocks of a series have in common."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    """Of each column, see `PackedColumn.type`."""
    apart: tuple[tuple[int, str], ...] = ()
    """Columns that are in another block, each with its position among all."""

    def text(self) -> bytes:
        """As JSON, padded."""
        text = json.dumps([self.names, self.types, self.apart], separators=(",", ":"), ensure_ascii=False).encode()
        return text + b" " * (-(_PREFIX_BYTES + len(text)) % _ALIGNED)


@attrs.frozen(eq=False)
class Block:
    """A block that was opened; its columns are decoded only when asked for."""

    rows: int
    of: int
    mark: int
    schema: Schema
    _entries: Mapping[str, tuple[str, int, int, int]]
    """By name: type, start, size, checksum."""
    _data: memoryview

    def column(self, name: str) -> Column:
        """One column, its bytes checked."""
        return self.columns((name,))[name]

    def columns(self, names: Iterable[str]) -> dict[str, Column]:
        """These columns, the bytes of each checked."""
        found: dict[str, Column] = {}
        rows, data, entries = self.rows, self._data, self._entries  # measured: a window may lie in hundreds of blocks
        for name in names:
            kind, start, size, checksum = entries[name]
            payload = data[start : start + size]
            if zlib.crc32(payload) != checksum:
                raise BlockDamaged(f"column {name!r} has other bytes than were written")
            try:
                found[name] = unpacked(kind, payload, rows)
            except (ValueError, TypeError, KeyError) as error:
                raise BlockDamaged(f"column {name!r} cannot be decoded ({error})") from error
        return found


def block_bytes(rows: int, schema_text: bytes, payloads: Sequence[bytes], of: int = 0) -> bytes:
    """The bytes of a block of `rows` rows; one payload for each column of the schema, in its order."""
    count = len(payloads)
    numbers = struct.pack(f"<{2 * count}I", *map(len, payloads), *map(zlib.crc32, payloads))
    head = _HEAD.pack(_MAGIC, rows, of, count, len(schema_text))
    checksum = zlib.crc32(numbers, zlib.crc32(schema_text, zlib.crc32(head)))
    parts = [head, _CHECKSUM.pack(checksum), schema_text, numbers]
    for payload in payloads:
        parts += (payload, _PADDING[: -len(payload) % _ALIGNED])
    return b"".join(parts)


def block_mark(data: bytes) -> int:
    """A number that tells this block from others: the checksum of its header, which holds those of its columns."""
    return int(_CHECKSUM.unpack_from(data, _HEAD.size)[0])


def opened_block(data: object) -> Block:
    """The block that `data` holds; BlockDamaged when it does not hold one."""
    if not isinstance(data, bytes):
        raise BlockDamaged("it is not a run of bytes any more")
    if len(data) < _PREFIX_BYTES:
        raise BlockDamaged(f"it has {len(data)} bytes, too few for a header")
    magic, rows, of, count, length = _HEAD.unpack_from(data)
    begin = _PREFIX_BYTES + length
    end = begin + 8 * count
    mark = block_mark(data)
    if (
        magic != _MAGIC
        or end > len(data)
        or zlib.crc32(data[_PREFIX_BYTES:end], zlib.crc32(data[: _HEAD.size])) != mark
    ):
        raise BlockDamaged("its header has other bytes than were written")
    numbers = struct.unpack_from(f"<{2 * count}I", data, begin)
    sizes, checksums = numbers[:count], numbers[count:]
    starts = [*accumulate((size + -size % _ALIGNED for size in sizes), initial=end)]
    if starts[-1] != len(data):
        raise BlockDamaged(f"it has {len(data)} bytes, and {starts[-1]} were written")
    schema = _read_schema(data[_PREFIX_BYTES:begin])
    entries = zip(schema.types, starts[:-1], sizes, checksums, strict=True)
    return Block(rows, of, mark, schema, dict(zip(schema.names, entries, strict=True)), memoryview(data))


@lru_cache(maxsize=1024)
def _read_schema(text: bytes) -> Schema:
    names, types, apart = json.loads(text)
    return Schema(tuple(names), tuple(types), tuple((position, name) for position, name in apart))
