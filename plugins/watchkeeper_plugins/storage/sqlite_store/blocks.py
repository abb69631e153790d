"""A block: some columns of the same rows as one run of bytes, each with a checksum, so that no flipped bit goes unseen.

``WKB1``, length and crc32 of the header (two little-endian uint32), the header (JSON), then the columns' bytes.
Each part is padded to a multiple of 8 bytes, so that a decoded column is an aligned view.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from watchkeeper.domain.table import Column

from .columns import PackedColumn, unpacked

_MAGIC: Final = b"WKB1"
_PREFIX: Final = struct.Struct("<4sII")
_ALIGNED: Final = 8
_PADDING: Final = bytes(_ALIGNED)


class BlockDamaged(ValueError):
    """The bytes of a block are not those that were written; the caller knows which file and chunk it was."""


@attrs.frozen
class Block:
    """A block that was opened; its columns are decoded only when asked for."""

    rows: int
    notes: Mapping[str, Any]
    """What the writer added to the header."""
    _entries: Mapping[str, tuple[str, int, int, int, list[str] | None]]
    _data: memoryview

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, as they were written."""
        return tuple(self._entries)

    def column(self, name: str) -> Column:
        """One column, its bytes checked."""
        kind, start, length, checksum, labels = self._entries[name]
        payload = self._data[start : start + length]
        if len(payload) != length or zlib.crc32(payload) != checksum:
            raise BlockDamaged(f"column {name!r} has other bytes than were written")
        try:
            return unpacked(kind, payload, self.rows, None if labels is None else tuple(labels))
        except (ValueError, TypeError) as error:
            raise BlockDamaged(f"column {name!r} cannot be decoded ({error})") from error


def block_bytes(rows: int, columns: Mapping[str, PackedColumn], notes: Mapping[str, Any]) -> bytes:
    """The bytes of a block of `rows` rows; `notes` is small and what JSON can hold."""
    entries = [
        [name, column.type, len(column.payload), zlib.crc32(column.payload), column.labels]
        for name, column in columns.items()
    ]
    header = json.dumps([rows, entries, notes], separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-(_PREFIX.size + len(header)) % _ALIGNED)
    parts = [_PREFIX.pack(_MAGIC, len(header), zlib.crc32(header)), header]
    for column in columns.values():
        parts += (column.payload, _PADDING[: -len(column.payload) % _ALIGNED])
    return b"".join(parts)


def block_mark(data: bytes) -> int:
    """A number that tells this block from others: the checksum of its header, which holds those of its columns."""
    return int(_PREFIX.unpack_from(data)[2])


def opened_block(data: object) -> Block:
    """The block that `data` holds; BlockDamaged when it does not hold one."""
    if not isinstance(data, bytes):
        raise BlockDamaged("it is not a run of bytes any more")
    if len(data) < _PREFIX.size:
        raise BlockDamaged(f"it has {len(data)} bytes, too few for a header")
    magic, length, checksum = _PREFIX.unpack_from(data)
    header = data[_PREFIX.size : _PREFIX.size + length]
    if magic != _MAGIC or len(header) != length or zlib.crc32(header) != checksum:
        raise BlockDamaged("its header has other bytes than were written")
    rows, listed, notes = json.loads(header)
    entries: dict[str, tuple[str, int, int, int, list[str] | None]] = {}
    start = _PREFIX.size + length
    for name, kind, size, column_checksum, labels in listed:
        entries[name] = (kind, start, size, column_checksum, labels)
        start += size + -size % _ALIGNED
    if start != len(data):
        raise BlockDamaged(f"it has {len(data)} bytes, and {start} were written")
    return Block(rows, notes, entries, memoryview(data))
