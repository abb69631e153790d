"""A file's bytes copied to where nobody else can write, hashed on the way: what was checked is what is read."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, BinaryIO, Final

_PIECE: Final = 64 * 2**20


def hashed_copy(source: IO[bytes], size: int, digest: str) -> BinaryIO | None:
    """The next `size` bytes of an unbuffered file as a file of our own, at its start; None when they are others.

    Reading and hashing go on at the same time, a piece apart: about as long as SHA-256 alone takes.
    """
    if size == 0:
        return tempfile.TemporaryFile() if hashlib.sha256().hexdigest() == digest else None
    copy = _private_file()
    try:
        copy.truncate(size)
        with mmap.mmap(copy.fileno(), size) as memory:
            found = _read_and_hashed(source, memory)
    except BaseException:
        copy.close()
        raise
    if found != digest:
        copy.close()
        return None
    copy.seek(0)
    return copy


def _read_and_hashed(source: IO[bytes], memory: mmap.mmap) -> str:
    hashed = hashlib.sha256()
    waiting: Future[None] | None = None
    with ThreadPoolExecutor(1) as hasher, memoryview(memory) as whole:
        for start in range(0, len(whole), _PIECE):
            with whole[start : start + _PIECE] as piece:
                _fill(source, piece)
            if waiting is not None:
                waiting.result()
            waiting = hasher.submit(_hash_piece, hashed, memory, start)
        if waiting is not None:
            waiting.result()
    return hashed.hexdigest()


def _fill(source: IO[bytes], piece: memoryview) -> None:
    """Read until the piece is full; a file that became shorter meanwhile leaves zeros, which the digest finds."""
    filled = 0
    while filled < len(piece):
        with piece[filled:] as rest:
            count: int = source.readinto(rest)  # type: ignore[attr-defined]  # an unbuffered file has it
        if not count:
            return
        filled += count


def _hash_piece(hashed: hashlib._Hash, memory: mmap.mmap, start: int) -> None:
    with memoryview(memory) as whole, whole[start : start + _PIECE] as piece:
        hashed.update(piece)


def _private_file() -> BinaryIO:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("watchkeeper-blob"), "w+b")
    return tempfile.TemporaryFile()
