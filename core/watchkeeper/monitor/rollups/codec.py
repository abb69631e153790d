"""A profile as a short text: only the cells that hold rows, their numbers in as few bytes as they need."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.profile import LabelProfile, NumberProfile, Profile

_HEAD: Final = struct.Struct("<HHqddBBBBB")
"""Cells, filled cells, missing, minimum, maximum, is finite, bytes of squares, of a place, of a count, of a sum."""
_FAR: Final = 9
"""In place of the bytes of a sum: one does not fit into 64 bits, and all are written out."""
_UNREADABLE: Final = (binascii.Error, struct.error, ValueError, KeyError, TypeError, IndexError)


def encoded(counted: Profile) -> str:
    """The profile as ASCII text, without its digest; the same for equal profiles. O(cells)."""
    if isinstance(counted, LabelProfile):
        return "l" + json.dumps(_label_record(counted), separators=(",", ":"))
    return "n" + base64.b64encode(_number_bytes(counted)).decode("ascii")


def decoded(text: str, digest: str) -> Profile:
    """The profile that `encoded` was given.

    Raises
    ------
    DataError
        When the text is not one of a profile.
    """
    try:
        if text[:1] == "l":
            return _label_profile(json.loads(text[1:]), digest)
        if text[:1] == "n":
            return _number_profile(base64.b64decode(text[1:], validate=True), digest)
    except _UNREADABLE as error:
        raise _unreadable(text, error) from error
    raise DataError(f"a stored profile begins with 'n' or 'l', found {text[:1]!r}: was it written by watchkeeper?")


def _number_bytes(counted: NumberProfile) -> bytes:
    filled = np.flatnonzero(counted.counts)
    steps = np.diff(filled, prepend=0)
    place_bytes = 1 if not len(steps) or int(steps.max()) < 256 else 2
    counts = counted.counts[filled]
    count_bytes = next(size for size in (1, 2, 4, 8) if not len(counts) or int(counts.max()) < 1 << (8 * size))
    sums, sum_bytes = _packed_sums([counted.sums[cell] for cell in filled.tolist()])
    squares = counted.squares.to_bytes((counted.squares.bit_length() + 7) // 8, "little")
    is_finite = counted.minimum is not None and counted.maximum is not None
    head = _HEAD.pack(
        len(counted.counts),
        len(filled),
        counted.missing,
        counted.minimum or 0.0,
        counted.maximum or 0.0,
        is_finite,
        len(squares),
        place_bytes,
        count_bytes,
        sum_bytes,
    )
    places = steps.astype(f"<u{place_bytes}").tobytes()
    return head + squares + places + counts.astype(f"<u{count_bytes}").tobytes() + sums


def _packed_sums(sums: Sequence[int]) -> tuple[bytes, int]:
    """The sums in as many bytes each as the largest needs."""
    # one bit for the sign
    bits = max((total.bit_length() for total in sums), default=0) + 1
    if bits > 64:
        return json.dumps(sums).encode(), _FAR
    size = (bits + 7) // 8
    octets = np.array(sums, dtype="<i8").view(np.uint8).reshape(-1, 8)
    return octets[:, :size].tobytes(), size


def _unpacked_sums(data: memoryview, size: int, filled: int) -> NDArray[np.int64] | list[int]:
    if size == _FAR:
        return [int(total) for total in json.loads(bytes(data))]
    octets = np.zeros((filled, 8), dtype=np.uint8)
    octets[:, 8 - size :] = np.frombuffer(data, dtype=np.uint8).reshape(filled, size)
    # the bytes are the uppermost now: shifting them down fills up with the sign
    plain: NDArray[np.int64] = octets.view("<i8")[:, 0] >> (8 * (8 - size))
    return plain


@attrs.frozen(eq=False)
class SparseNumbers:
    """The filled cells of a `NumberProfile`, and its other numbers."""

    cells: int
    places: NDArray[np.int64]
    """(f,) the filled cells, ascending."""
    counts: NDArray[Any]
    """(f,) their rows."""
    sums: NDArray[np.int64] | list[int]
    """(f,) their sums; a list where one does not fit into 64 bits."""
    squares: int
    missing: int
    minimum: float | None
    maximum: float | None


def sparse_numbers(text: str) -> SparseNumbers | None:
    """What a text holds, its cells not spread out; None when it is not of numbers. Raises as `decoded` does."""
    if text[:1] != "n":
        return None
    try:
        return _sparse_numbers(base64.b64decode(text[1:], validate=True))
    except _UNREADABLE as error:
        raise _unreadable(text, error) from error


def _sparse_numbers(data: bytes) -> SparseNumbers:
    cells, filled, missing, minimum, maximum, is_finite, *sizes = _HEAD.unpack_from(data)
    square_bytes, place_bytes, count_bytes, sum_bytes = sizes
    rest = memoryview(data)[_HEAD.size :]
    squares = int.from_bytes(rest[:square_bytes], "little")
    rest = rest[square_bytes:]
    steps: NDArray[Any] = np.frombuffer(rest, dtype=f"<u{place_bytes}", count=filled)
    rest = rest[filled * place_bytes :]
    found: NDArray[Any] = np.frombuffer(rest, dtype=f"<u{count_bytes}", count=filled)
    sums = _unpacked_sums(rest[filled * count_bytes :], sum_bytes, filled)
    places = np.cumsum(steps, dtype=np.int64)
    if filled and int(places[-1]) >= cells:
        raise ValueError(f"it fills cell {places[-1]} of {cells}")
    limits = (minimum, maximum) if is_finite else (None, None)
    return SparseNumbers(cells, places, found, sums, squares, missing, *limits)


def _number_profile(data: bytes, digest: str) -> NumberProfile:
    told = _sparse_numbers(data)
    counts = np.zeros(told.cells, dtype=np.int64)
    counts[told.places] = told.counts
    sums = [0] * told.cells
    plain = told.sums if isinstance(told.sums, list) else told.sums.tolist()
    for cell, total in zip(told.places.tolist(), plain, strict=True):
        sums[cell] = total
    return NumberProfile(digest, counts, tuple(sums), told.squares, told.missing, told.minimum, told.maximum)


def _label_record(counted: LabelProfile) -> list[Any]:
    filled = np.flatnonzero(counted.counts)
    return [
        len(counted.counts),
        filled.tolist(),
        counted.counts[filled].tolist(),
        counted.missing,
        counted.unseen_rows,
        list(counted.unseen.items()),
    ]


def _label_profile(record: list[Any], digest: str) -> LabelProfile:
    cells, filled, found, missing, unseen_rows, unseen = record
    counts = np.zeros(cells, dtype=np.int64)
    counts[filled] = found
    return LabelProfile(digest, counts, dict(unseen), unseen_rows, missing)


def _unreadable(text: str, error: Exception) -> DataError:
    return DataError(
        f"a stored profile of {len(text)} characters cannot be read: {error}; the hour's rows can still be profiled"
    )
