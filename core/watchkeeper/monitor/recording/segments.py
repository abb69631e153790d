"""The journal's files: records behind a frame with their length and CRC-32, in memory that outlives the process.

A record is copied into a shared mapping of the file, not written with ``write()``: the kernel owns those pages, so that
kill -9 loses nothing either way, but no system call means no giving up of the interpreter's lock. Beside a thread that
computes, ``write()`` costs its caller up to 5 ms for each record, a copy 1 µs (measured, see ``tests/bench``).

The file's blocks are zeros at first. A record is copied before its frame, so that one that was being copied when its
process was killed has none: a frame that does not fit its record is damage. Each frame begins with the file's marker,
eight random bytes, by which the records behind the damage are found again; as nobody knows it beforehand, no
prediction can hold what looks like a record.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Final

import attrs

from watchkeeper.domain.errors import StoreError

_MAGIC: Final = b"wkjournal2\n"
_HEAD: Final = struct.Struct("<8sQ")
"""Behind the magic text: the marker, and the file's size."""
_BEGIN: Final = len(_MAGIC) + _HEAD.size
_FRAME: Final = struct.Struct("<8sII")
"""The marker, then the record's length and CRC-32."""


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
        self._marker = os.urandom(8)
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
        self._memory[len(_MAGIC) : _BEGIN] = _HEAD.pack(self._marker, size)
        self._memory[: len(_MAGIC)] = _MAGIC
        self._end = _BEGIN

    def append(self, record: bytes) -> bool:
        """Keep the record; False when there is no room left for it. About 1 µs for 300 bytes."""
        frame = self._end
        begin = frame + 16
        end = begin + len(record)
        if end > self._size:
            return False
        memory = self._memory
        memory[begin:end] = record
        memory[frame:begin] = _FRAME.pack(self._marker, len(record), zlib.crc32(record))
        self._end = end
        return True

    def close(self) -> None:
        """Let go of the memory; the file stays. May be called twice."""
        self._memory.close()

    @staticmethod
    def room_for(record: bytes) -> int:
        """The least size of a segment that can hold the record."""
        return _BEGIN + _FRAME.size + len(record)


@attrs.frozen
class Reading:
    """What a segment holds."""

    path: Path
    records: tuple[bytes, ...]
    """The whole ones, in order."""
    damage: str = ""
    """What is wrong with the rest, empty when nothing is."""


def read_segment(path: Path) -> Reading:
    """The whole records of a segment; those behind a damaged one too.

    A last record without a frame is no damage: its process was killed while copying it, so it was never acknowledged.

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
    if data[: len(_MAGIC)] != _MAGIC:
        if _was_never_begun(data):
            return Reading(path, ())
        raise StoreError(f"{path} is not a journal of this version of watchkeeper: use the version that wrote it")
    marker, size = _HEAD.unpack_from(data.ljust(_BEGIN, b"\0"), len(_MAGIC))
    records, gaps = _walked(data, marker)
    if not records:  # the damage may be in the head's marker: the first frame has it, too
        records, gaps = _walked(data, data[_BEGIN : _BEGIN + len(marker)])
    told = []
    if gaps:
        told.append(f"{sum(gaps)} bytes at {len(gaps)} places are not what was written")
    if len(data) != size:
        told.append(f"the file has {len(data)} of {size} bytes")
    return Reading(path, tuple(records), ", ".join(told))


def _was_never_begun(data: bytes) -> bool:
    """Whether the process was killed between making the file and writing its head."""
    is_torn = all(found in {0, right} for found, right in zip(data, _MAGIC, strict=False))
    return is_torn and not data[_BEGIN:].strip(b"\0")


def _walked(data: bytes, marker: bytes) -> tuple[list[bytes], list[int]]:
    """The records, and how many bytes each gap between or behind them has."""
    records: list[bytes] = []
    gaps: list[int] = []
    position = _BEGIN
    while True:
        record = _record_at(data, position, marker)
        if record is not None:
            records.append(record)
            position += _FRAME.size + len(record)
            continue
        begin = position
        while position >= 0 and _record_at(data, position, marker) is None:
            position = data.find(marker, position + 1) if marker.strip(b"\0") else -1
        if position >= 0:
            gaps.append(position - begin)
            continue
        if _is_framed(data, begin):
            gaps.append(len(data[begin:].rstrip(b"\0")))
        return records, gaps


def _record_at(data: bytes, position: int, marker: bytes) -> bytes | None:
    """The record whose frame is there, or None when there is none or it is not whole."""
    if position + _FRAME.size > len(data):
        return None
    found, length, checksum = _FRAME.unpack_from(data, position)
    begin = position + _FRAME.size
    if found != marker or not length or begin + length > len(data):
        return None
    record = data[begin : begin + length]
    return record if zlib.crc32(record) == checksum else None


def _is_framed(data: bytes, position: int) -> bool:
    """Whether a frame was written there: its halves are copied one after the other, and neither is zero by itself."""
    frame = data[position : position + _FRAME.size]
    return bool(frame[:8].strip(b"\0") and frame[8:].strip(b"\0"))


def _refused(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"the journal cannot make {path} ({error.strerror}): free some space or check who may write there; "
        "nothing was recorded"
    )
