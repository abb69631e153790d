"""How one column becomes bytes and comes back: little-endian numbers, UTF-8 text, codes of categories."""

from __future__ import annotations

from typing import Any, Final

import attrs
import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column

LONGEST_TEXT: Final = 1_000_000
_NUMBERS: Final = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})
_CODES: Final = (("i1", 127), ("i2", 32_767), ("i4", 2_147_483_647))


@attrs.frozen
class PackedColumn:
    """A column as it is stored."""

    type: str
    """``f4``, ``i8``...: numbers; ``M8``: times; ``text``; ``codes:i1``...: categories."""
    payload: bytes
    labels: tuple[str, ...] | None = None
    """Of categories."""


def packed(name: str, column: Column) -> PackedColumn:
    """The column's bytes; a DataError that names it when it holds what cannot be stored."""
    if isinstance(column, Categories):
        return _packed_categories(name, column)
    if column.ndim != 1:
        raise DataError(
            f"column {name!r} has shape {column.shape}; expected one dimension: give each column a name of its own"
        )
    if column.dtype.kind == "O":
        return PackedColumn("text", _packed_text(name, column))
    if column.dtype.kind == "M":
        if np.datetime_data(column.dtype) != ("us", 1):
            raise DataError(f"column {name!r} is {column.dtype}; expected datetime64[us]: convert it with astype")
        return PackedColumn("M8", column.astype("<M8[us]", copy=False).tobytes())
    kind = f"{column.dtype.kind}{column.dtype.itemsize}"
    if kind not in _NUMBERS:
        raise DataError(
            f"column {name!r} is of dtype {column.dtype}; expected booleans, integers, floats of at most 64 bits, "
            "datetime64[us], text as objects, or Categories"
        )
    return PackedColumn(kind, column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes())


def unpacked(kind: str, payload: memoryview, rows: int, labels: tuple[str, ...] | None) -> Column:
    """The column of `rows` rows; a ValueError when the bytes do not make one. Numbers are views, not copies."""
    if kind == "text":
        return _unpacked_text(payload, rows)
    if kind == "M8":
        return np.frombuffer(payload, dtype="<M8[us]", count=rows)
    if kind.startswith("codes:"):
        codes = np.frombuffer(payload, dtype="<" + kind.removeprefix("codes:"), count=rows)
        return Categories(codes.astype(np.int32), labels or ())
    return np.frombuffer(payload, dtype=np.dtype("<" + kind), count=rows)


def _packed_categories(name: str, column: Categories) -> PackedColumn:
    labels = tuple(column.labels)
    for label in labels:
        if not isinstance(label, str):
            raise DataError(f"column {name!r} has the label {label!r}; expected text: convert the labels with str")
        _require_text(name, label)
    if len(column.codes) and not (int(column.codes.min()) >= -1 and int(column.codes.max()) < len(labels)):
        raise DataError(
            f"column {name!r} has codes from {column.codes.min()} to {column.codes.max()} for {len(labels)} labels; "
            f"expected -1 (missing) to {len(labels) - 1}"
        )
    kind = next(kind for kind, largest in _CODES if len(labels) <= largest)
    return PackedColumn(f"codes:{kind}", column.codes.astype("<" + kind).tobytes(), labels)


def _packed_text(name: str, column: NDArray[Any]) -> bytes:
    """Lengths in characters, (n,) int32 with -1 for None, then all characters in UTF-8."""
    texts: list[str] = []
    lengths = np.empty(len(column), dtype="<i4")
    for at, item in enumerate(column.tolist()):
        if item is None:
            lengths[at] = -1
            continue
        if not isinstance(item, str):
            raise DataError(
                f"column {name!r} has a {type(item).__name__} in row {at}; expected text or None: make it a column "
                "of numbers, "
                "or convert it with str"
            )
        lengths[at] = len(item)
        texts.append(item)
    if len(lengths) and int(lengths.max()) > LONGEST_TEXT:
        raise DataError(
            f"column {name!r} has a text of {lengths.max():,} characters; expected at most {LONGEST_TEXT:,}: keep "
            "such values "
            "elsewhere and store their name"
        )
    return lengths.tobytes() + _encoded(name, "".join(texts))


def _unpacked_text(payload: memoryview, rows: int) -> NDArray[np.object_]:
    lengths = np.frombuffer(payload, dtype="<i4", count=rows)
    text = str(payload[4 * rows :], "utf-8")
    ends = np.cumsum(np.maximum(lengths, 0)).tolist()
    column = np.empty(rows, dtype=object)
    begin = 0
    for at, (length, end) in enumerate(zip(lengths.tolist(), ends, strict=True)):
        if length >= 0:
            column[at] = text[begin:end]
        begin = end
    return column


def _require_text(name: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise DataError(f"column {name!r} has a text of {len(text):,} characters; expected at most {LONGEST_TEXT:,}")
    _encoded(name, text)


def _encoded(name: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"column {name!r} has text with the lone surrogate U+{ord(text[error.start]):04X}, which cannot be stored: "
            "decode the text properly first"
        ) from error
