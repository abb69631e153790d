"""A digest of rows that does not depend on their order or on how they were cut into batches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from .table import Categories, Column, Table

_WORD: Final = 2**64
_MISSING: Final = 0x6D69_7373_696E_6721
_SHIFTS: Final = ((30, 0xBF58_476D_1CE4_E5B9), (27, 0x94D0_49BB_1331_11EB))
_LAST_SHIFT: Final = np.uint64(31)
_SECOND: Final = np.uint64(0x9E37_79B9_7F4A_7C15)

Words = NDArray[np.uint64]


@attrs.frozen
class RowDigest:
    """How many rows there are, and two sums over them; those of two parts add up to that of the whole.

    Each row becomes one 64-bit word that binds its time and its values to their columns' names and types, and the words
    are summed modulo 2**64, once as they are and once mixed again. Rows that were lost, doubled, changed, or had values
    swapped between them change the sums, but for one chance in 2**64; somebody who means to forge them can. O(values).

    Examples
    --------
    >>> when = np.array([1, 2, 3])
    >>> table = Table({"p": np.array([0.5, 0.25, 1.0])})
    >>> whole = RowDigest.of(when, table)
    >>> whole == RowDigest.of(when[2:], table.rows(slice(2, 3))) + RowDigest.of(when[:2], table.rows(slice(0, 2)))
    True
    """

    rows: int = 0
    first: int = 0
    second: int = 0

    @classmethod
    def of(cls, time: NDArray[np.int64], table: Table) -> RowDigest:
        """The digest of n rows: `time` (n,) int64, and their columns."""
        words = _mixed(_bits(time) ^ _seed("time"))
        for name, column in table.columns.items():
            words = words + _mixed(_column_words(column) ^ _seed("column", name, _type_of(column)))
        words = _mixed(words)
        return cls(len(time), int(words.sum(dtype=np.uint64)), int(_mixed(words ^ _SECOND).sum(dtype=np.uint64)))

    def __add__(self, other: RowDigest) -> RowDigest:
        return RowDigest(
            self.rows + other.rows, (self.first + other.first) % _WORD, (self.second + other.second) % _WORD
        )

    def __str__(self) -> str:
        return f"{self.rows}-{self.first:016x}{self.second:016x}"


def _mixed(words: Words) -> Words:
    """Each word spread over all of its bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    for shift, factor in _SHIFTS:
        words = (words ^ (words >> np.uint64(shift))) * np.uint64(factor)
    return words ^ (words >> _LAST_SHIFT)


def _column_words(column: Column) -> Words:
    if isinstance(column, Categories):
        table = np.array([*map(_text_word, column.labels), _MISSING], dtype=np.uint64)
        return table[column.codes]
    if column.dtype.kind == "O":
        return _text_words(column.tolist())
    return _bits(column)


def _text_words(texts: Sequence[str | None]) -> Words:
    known = {text: _MISSING if text is None else _text_word(text) for text in set(texts)}
    return np.fromiter((known[text] for text in texts), dtype=np.uint64, count=len(texts))


def _text_word(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _bits(column: NDArray[Any]) -> Words:
    """The bits of numbers and times, each as one word."""
    native = np.ascontiguousarray(column.astype(column.dtype.newbyteorder("="), copy=False))
    return native.view(f"u{native.dtype.itemsize}").astype(np.uint64)


def _type_of(column: Column) -> str:
    if isinstance(column, Categories):
        return "category"
    return "text" if column.dtype.kind == "O" else f"{column.dtype.kind}{column.dtype.itemsize}"


def _seed(*parts: str) -> np.uint64:
    return np.uint64(_text_word("\n".join(parts)))
