"""Bytes in memory of our own as a file, which a reader may look into instead of copying out of it."""

from __future__ import annotations

import io
import mmap
import os
from typing import Any, BinaryIO, cast


class MemoryFile(io.RawIOBase):
    """A file of a fixed size over bytes in memory that no other process can change.

    Closing it frees nothing that a view still shows.

    Parameters
    ----------
    whole
        The bytes; see `of_size` for new ones.

    Example
    -------
    >>> file = MemoryFile.of_size(3)
    >>> file.view()[:] = b"abc"
    >>> file.read(2), file.read()
    (b'ab', b'c')
    """

    def __init__(self, whole: memoryview) -> None:
        super().__init__()
        self._whole = whole
        self._at = 0

    @classmethod
    def of_size(cls, size: int) -> MemoryFile:
        """A file of so many zeros."""
        # small pages: a huge one must be found or made first, which took up to ten times as long
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        return cls(memoryview(mmap.mmap(-1, size, flags=flags) if size else bytearray()))

    def view(self) -> memoryview:
        """All of the bytes; they live as long as the view or what was made of it."""
        return self._whole

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, copied once."""
        end = len(self._whole) if size is None or size < 0 else self._at + size
        found = bytes(self._whole[self._at : end])
        self._at += len(found)
        return found

    def readall(self) -> bytes:
        """All that is left."""
        return self.read()

    def readinto(self, target: Any) -> int:
        """Fill the buffer as far as the bytes reach; how many there were."""
        with memoryview(target).cast("B") as room:
            found = self._whole[self._at : self._at + len(room)]
            room[: len(found)] = found
        self._at += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; never before the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._whole)}[whence]
        if start + offset < 0:
            raise ValueError(f"cannot seek to {start + offset}: expected 0 or more")
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True


def own_view(source: BinaryIO) -> memoryview | None:
    """A look into what a `MemoryFile` holds; None for any other file, whose bytes somebody else may change."""
    file = cast("object", source)
    return file.view() if isinstance(file, MemoryFile) else None
