"""Records as bytes: a mapping of JSON values and arrays, packed without running anything when it is read."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

_MAGIC: Final = b"wkr1"
_DTYPES: Final = ("<f8", "<f4", "<i8", "<i4", "|b1")


def packed(record: Mapping[str, Any], level: int = 6) -> bytes:
    """The record as bytes, the same for equal records; `level` is zlib's, 0 for speed.

    Layout: ``wkr1``, then zlib of: length of the header (8 bytes), the header as JSON in which an array stands
    as its place, then the arrays' bytes, little-endian.
    """
    arrays: list[bytes] = []
    header = json.dumps(_without_arrays(record, arrays), sort_keys=True, separators=(",", ":")).encode()
    return _MAGIC + zlib.compress(struct.pack("<Q", len(header)) + header + b"".join(arrays), level)


def unpacked(data: bytes) -> dict[str, Any]:
    """The record that `packed` was given; arrays are read-only.

    Raises
    ------
    DataError
        When the bytes are not a packed record.
    """
    if data[:4] != _MAGIC:
        raise DataError(f"a packed record begins with {_MAGIC!r}, found {data[:4]!r}; was it written by watchkeeper?")
    try:
        plain = zlib.decompress(data[4:])
        (length,) = struct.unpack_from("<Q", plain)
        header = json.loads(plain[8 : 8 + length])
        record = _with_arrays(header, memoryview(plain)[8 + length :])
    except (zlib.error, struct.error, ValueError, KeyError, TypeError) as error:
        raise DataError(f"a packed record of {len(data)} bytes is damaged: {error}; fetch or fit it again") from error
    if not isinstance(record, dict):
        raise DataError(f"a packed record holds a mapping, found {type(record).__name__}")
    return record


def _without_arrays(value: Any, arrays: list[bytes]) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_arrays(item, arrays) for key, item in value.items()}
    if not isinstance(value, np.ndarray):
        return value
    dtype = value.dtype.newbyteorder("<").str
    if dtype not in _DTYPES:
        raise DataError(f"an array of dtype {value.dtype} cannot be packed: expected one of {', '.join(_DTYPES)}")
    offset = sum(len(part) for part in arrays)
    arrays.append(np.ascontiguousarray(value, dtype=dtype).tobytes())
    return {"dtype": dtype, "offset": offset, "shape": list(value.shape)}


def _with_arrays(value: Any, data: memoryview) -> Any:
    if not isinstance(value, dict):
        return value
    if value.keys() == {"dtype", "offset", "shape"}:
        return _array(value, data)
    return {key: _with_arrays(item, data) for key, item in value.items()}


def _array(place: Mapping[str, Any], data: memoryview) -> NDArray[Any]:
    if place["dtype"] not in _DTYPES:
        raise ValueError(f"unknown dtype {place['dtype']!r}")
    size = int(np.prod(place["shape"], dtype=np.int64))
    array: NDArray[Any] = np.frombuffer(data, dtype=place["dtype"], count=size, offset=place["offset"])
    return array.reshape(place["shape"])
