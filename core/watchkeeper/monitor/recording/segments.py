"""The journal's files: records behind their length and CRC-32, in memory that outlives the process.

A record is copied into a shared mapping of the file, not written with ``write()``: the kernel owns those pages, so that
kill -9 loses nothing either way, but no system call means no giving up of the interpreter's lock. Beside a thread that
computes, ``write()`` costs its caller up to 5 ms for each record, a copy 1 µs (measured, see ``tests/bench``).
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from watchkeeper.domain.errors import StoreError

_MAGIC: Final = b"wkjournal1\n"
_FRAME: Final = struct.Struct("<II")


class Segment:
    """One file that records are appended to; not safe from several threads, the caller holds a lock.

    Parameters
    ----------
    path
        A file that does not exist yet.
    size
        Bytes to reserve on the disk now, so that a full disk shows here and not at a record.

    Raises
    ------
    StoreError
        When the file cannot be made, or there is no room.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self._size = size
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _refused(path, error) from error
        try:
            os.posix_fallocate(file, 0, size)
            self._memory = mmap.mmap(file, size)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise _refused(path, error) from error
        finally:
            os.close(file)
        self._memory[: len(_MAGIC)] = _MAGIC
        self._end = len(_MAGIC)

    def append(self, record: bytes) -> bool:
        """Keep the record; False when there is no room left for it. About 1 µs for 300 bytes."""
        begin = self._end
        end = begin + 8 + len(record)
        if end > self._size:
            return False
        self._memory[begin:end] = _FRAME.pack(len(record), zlib.crc32(record)) + record
        self._end = end
        return True

    def close(self) -> None:
        """Let go of the memory; the file stays. May be called twice."""
        self._memory.close()

    @staticmethod
    def room_for(record: bytes) -> int:
        """The least size of a segment that can hold the record."""
        return len(_MAGIC) + _FRAME.size + len(record)


def records_in(path: Path) -> Iterator[bytes]:
    """The complete records of a segment, in order.

    Reading ends at the first record that is not whole: its process was killed while copying it, so it was never
    acknowledged, and nothing follows it.

    Raises
    ------
    StoreError
        When the file cannot be read, or is of another version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"the journal's file {path} cannot be read ({error.strerror}): check who may read there"
        ) from error
    head = data[: len(_MAGIC)].rstrip(b"\0")
    if head != _MAGIC:
        if _MAGIC.startswith(head):
            return  # killed between making the file and its first bytes
        raise StoreError(f"{path} is not a journal of this version of watchkeeper: use the version that wrote it")
    position = len(_MAGIC)
    while position + _FRAME.size <= len(data):
        length, checksum = _FRAME.unpack_from(data, position)
        position += _FRAME.size
        record = data[position : position + length]
        if not length or len(record) < length or zlib.crc32(record) != checksum:
            return
        yield record
        position += length


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the journal cannot make {path} ({error.strerror}): free some space or check who may write there; "
        "nothing was recorded"
    )
