"""How one column becomes bytes and comes back: little-endian numbers, UTF-8 text, codes of categories."""

from __future__ import annotations

import json
from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column

_LITTLE: Final = {
    np.dtype(f"<{kind}"): kind
    for kind in ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "M8[us]")
}
"""By dtype in little-endian order: its name in a block."""
_DTYPES: Final = {kind: dtype for dtype, kind in _LITTLE.items()}
_CODES: Final = (("i1", 127), ("i2", 32_767), ("i4", 2_147_483_647))


@attrs.frozen
class PackedColumn:
    """A column as it is stored."""

    type: str
    """``f4``, ``i8``...: numbers; ``M8[us]``: times; ``text``; ``codes:i1``...: categories."""
    payload: bytes


def packed(name: str, column: Column) -> PackedColumn:
    """The bytes of a column that `checked_append` has passed; a DataError that names it for a lone surrogate."""
    if isinstance(column, Categories):
        return _packed_categories(name, column)
    kind_as_it_is = _LITTLE.get(column.dtype)
    if kind_as_it_is is not None:
        return PackedColumn(kind_as_it_is, column.tobytes())
    if column.dtype.kind == "O":
        return PackedColumn("text", _packed_text(name, column))
    little = column.astype(column.dtype.newbyteorder("<"))
    return PackedColumn(_LITTLE[little.dtype], little.tobytes())


def unpacked(kind: str, payload: memoryview, rows: int) -> Column:
    """The column of `rows` rows; a ValueError when the bytes do not make one. Numbers are views, not copies."""
    dtype = _DTYPES.get(kind)
    if dtype is not None:
        return np.frombuffer(payload, dtype, rows)
    if kind == "text":
        return _unpacked_text(payload, rows)
    if kind.startswith("codes:"):
        return _unpacked_categories(payload, np.dtype("<" + kind.removeprefix("codes:")), rows)
    raise ValueError(f"there is no kind {kind!r} of column")


def _packed_categories(name: str, column: Categories) -> PackedColumn:
    """Codes as narrow as the labels allow, then the labels as JSON."""
    labels = _encoded(name, json.dumps(column.labels, separators=(",", ":"), ensure_ascii=False))
    kind = next(kind for kind, largest in _CODES if len(column.labels) <= largest)
    return PackedColumn(f"codes:{kind}", column.codes.astype("<" + kind).tobytes() + labels)


def _unpacked_categories(payload: memoryview, dtype: np.dtype[Any], rows: int) -> Categories:
    codes = np.frombuffer(payload, dtype=dtype, count=rows).astype(np.int32)
    return Categories(codes, tuple(json.loads(bytes(payload[rows * dtype.itemsize :]))))


def _packed_text(name: str, column: NDArray[Any]) -> bytes:
    """Lengths in characters, (n,) int32 with -1 for None, then all characters in UTF-8."""
    items = column.tolist()
    if None not in items:
        return np.fromiter(map(len, items), "<i4", len(items)).tobytes() + _encoded(name, "".join(items))
    lengths = np.array([-1 if item is None else len(item) for item in items], dtype="<i4")
    return lengths.tobytes() + _encoded(name, "".join([item for item in items if item is not None]))


def _unpacked_text(payload: memoryview, rows: int) -> NDArray[np.object_]:
    lengths = np.frombuffer(payload, dtype="<i4", count=rows)
    text = str(payload[4 * rows :], "utf-8")
    ends = np.cumsum(np.maximum(lengths, 0)).tolist()
    column = np.empty(rows, dtype=object)
    column[:] = [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    column[lengths < 0] = None
    return column


def _encoded(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"column {name!r} has text with the lone surrogate U+{ord(text[error.start]):04X}, which cannot be stored: "
            "decode the text properly first"
        ) from error
