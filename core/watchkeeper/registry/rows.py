"""Reference rows as bytes and back: a numpy archive without pickle, in which equal tables give equal bytes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.errors import DataError
from watchkeeper.domain.table import Categories, Column, ColumnKind, Table, kind_of

_LAYOUT: Final = 1
_HEADER: Final = "header"


def rows_as_bytes(table: Table) -> bytes:
    """The archive. O(bytes); a DataError for a column that no table may have."""
    arrays: dict[str, NDArray[Any]] = {}
    columns: list[dict[str, Any]] = []
    for at, (name, column) in enumerate(table.columns.items()):
        kind = kind_of(column)
        told: dict[str, Any] = {"name": name, "kind": kind}
        if isinstance(column, Categories):
            arrays[f"{at}.codes"] = column.codes
            told["labels"] = list(column.labels)
        elif kind is ColumnKind.TEXT:
            arrays[f"{at}.text"], arrays[f"{at}.lengths"] = _packed(name, column)
        else:
            arrays[f"{at}.values"] = column
        columns.append(told)
    header = json.dumps({"layout": _LAYOUT, "rows": len(table), "columns": columns}, separators=(",", ":"))
    arrays[_HEADER] = np.frombuffer(header.encode(), dtype=np.uint8)
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asarray(array), allow_pickle=False)
    return kept.getvalue()


def rows_from_bytes(source: BinaryIO) -> Table:
    """The table that `rows_as_bytes` was given.

    Raises
    ------
    DataError
        When it is something else, or was written by a newer watchkeeper.
    """
    try:
        with np.load(source, allow_pickle=False) as arrays:
            header = json.loads(arrays[_HEADER].tobytes())
            if header["layout"] != _LAYOUT:
                raise DataError(
                    f"the reference rows have layout {header['layout']}, expected {_LAYOUT}: a newer watchkeeper wrote "
                    "them, so read them with that one"
                )
            return Table({told["name"]: _column(told, at, arrays) for at, told in enumerate(header["columns"])})
    except (ValueError, LookupError, TypeError, AttributeError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DataError(f"these bytes are not reference rows: {error}") from error


def _packed(name: str, column: NDArray[Any]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    texts = [_encoded(name, item) for item in column]
    lengths = np.array([-1 if text is None else len(text) for text in texts], dtype=np.int64)
    return np.frombuffer(b"".join(text for text in texts if text is not None), dtype=np.uint8), lengths


def _encoded(name: str, item: Any) -> bytes | None:
    if item is None:
        return None
    if not isinstance(item, str):
        raise DataError(
            f"column {name!r} of the reference holds {item!r} of type {type(item).__name__} among its texts; expected "
            "text, or None where it is missing"
        )
    return item.encode("utf-8", "surrogatepass")


def _column(told: dict[str, Any], at: int, arrays: Any) -> Column:
    if told["kind"] == ColumnKind.CATEGORY:
        return Categories(arrays[f"{at}.codes"], tuple(told["labels"]))
    if told["kind"] == ColumnKind.TEXT:
        return _unpacked(arrays[f"{at}.text"].tobytes(), arrays[f"{at}.lengths"].tolist())
    values: NDArray[Any] = arrays[f"{at}.values"]
    return values


def _unpacked(text: bytes, lengths: Sequence[int]) -> NDArray[np.object_]:
    column = np.empty(len(lengths), dtype=object)
    start = 0
    for row, length in enumerate(lengths):
        if length >= 0:
            column[row] = text[start : start + length].decode("utf-8", "surrogatepass")
            start += length
    return column
