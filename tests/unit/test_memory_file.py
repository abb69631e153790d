"""A file in memory behaves as any file, and shows its bytes without copying them."""

import io
import os
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from watchkeeper.data.memory_file import MemoryFile, own_view


def file_of(data: bytes) -> MemoryFile:
    file = MemoryFile.of_size(len(data))
    file.view()[:] = data
    return file


@given(
    data=some.binary(max_size=50),
    steps=some.lists(
        some.one_of(
            some.tuples(some.just("read"), some.integers(-1, 60)),
            some.tuples(some.just("readinto"), some.integers(0, 60)),
            some.tuples(some.just("seek"), some.integers(0, 60)),
            some.tuples(some.just("end"), some.integers(0, 9)),
        ),
        max_size=12,
    ),
)
def test_it_reads_and_seeks_like_a_file(data: bytes, steps: list[tuple[str, int]]) -> None:
    ours, theirs = file_of(data), io.BytesIO(data)
    for step, number in steps:
        if step == "read":
            assert ours.read(number) == theirs.read(number)
        elif step == "readinto":
            mine, other = bytearray(number), bytearray(number)
            assert ours.readinto(mine) == theirs.readinto(other)
            assert mine == other
        elif step == "seek":
            assert ours.seek(number) == theirs.seek(number)
        else:
            assert ours.seek(number, os.SEEK_END) == theirs.seek(number, os.SEEK_END)
        assert ours.tell() == theirs.tell()


def test_nobody_seeks_before_its_start() -> None:
    with pytest.raises(ValueError, match="cannot seek to -1: expected 0 or more"):
        file_of(b"abc").seek(-4, os.SEEK_END)


def test_a_view_outlives_the_file() -> None:
    file = file_of(b"abc")
    view = file.view()
    file.close()
    assert bytes(view) == b"abc"


def test_of_other_files_there_is_no_view() -> None:
    assert own_view(io.BytesIO(b"abc")) is None
    view = own_view(cast("BinaryIO", file_of(b"abc")))
    assert view is not None
    assert bytes(view) == b"abc"


def test_it_can_be_empty() -> None:
    assert file_of(b"").read() == b""
