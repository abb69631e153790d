"""A file's bytes copied to where nobody else can write, hashed on the way: what was checked is what is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, BinaryIO, Final, cast

from watchkeeper.data.memory_file import MemoryFile

_PIECE: Final = 16 * 2**20


def hashed_copy(source: IO[bytes], size: int, digest: str) -> BinaryIO | None:
    """The next `size` bytes of an unbuffered file in memory of our own; None when they are others.

    Reading and hashing go on at the same time, a piece apart: about as long as SHA-256 alone takes.
    """
    copy = MemoryFile.of_size(size)
    if size <= _PIECE:
        _fill(source, copy.view())
        return cast("BinaryIO", copy) if hashlib.sha256(copy.view()).hexdigest() == digest else None
    hashed = hashlib.sha256()
    with beside(hashed.update) as hash_piece:
        for start in range(0, size, _PIECE):
            piece = copy.view()[start : start + _PIECE]
            _fill(source, piece)
            hash_piece(piece)
    return cast("BinaryIO", copy) if hashed.hexdigest() == digest else None


@contextmanager
def beside(work: Callable[[memoryview], object]) -> Iterator[Callable[[memoryview], None]]:
    """What hands pieces to `work` in a thread of its own, in order and one ahead; done with all when it ends."""
    waiting: Future[object] | None = None

    def hand_over(piece: memoryview) -> None:
        nonlocal waiting
        if waiting is not None:
            waiting.result()
        waiting = worker.submit(work, piece)

    with ThreadPoolExecutor(1) as worker:
        yield hand_over
        if waiting is not None:
            waiting.result()


def _fill(source: IO[bytes], piece: memoryview) -> None:
    """Read until the piece is full; a file that became shorter meanwhile leaves zeros, which the digest finds."""
    filled = 0
    while filled < len(piece):
        count: int = source.readinto(piece[filled:])  # type: ignore[attr-defined]  # an unbuffered file has it
        if not count:
            return
        filled += count
