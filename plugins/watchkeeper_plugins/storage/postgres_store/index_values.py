"""Index fields as bytes that sort as the contract says: None, then numbers by size, then text by code point."""

from __future__ import annotations

import math
import struct
from typing import Final

from watchkeeper.contracts.storage import Scalar
from watchkeeper.domain.errors import UsageError

NOTHING: Final = b"\x00"
_NUMBER: Final = b"\x01"
_TEXT: Final = b"\x02"
_BITS: Final = struct.Struct(">Q")
_SIGN: Final = 1 << 63
_ALL: Final = (1 << 64) - 1


def index_value(value: Scalar) -> bytes:
    """The bytes of a value that `checked_scalar` has passed; equal numbers have equal bytes, whatever their type.

    A number is the greatest float not above it, its bits turned so that they sort, and what is left over: floats alone
    cannot tell large integers apart.

    Examples
    --------
    >>> values = [None, float("-inf"), -2, -1.5, 0, 2**62, 2**62 + 1, float("inf"), "", "Z", "a", "é"]
    >>> [index_value(value) for value in values] == sorted(index_value(value) for value in values)
    True
    >>> index_value(1) == index_value(1.0)
    True
    """
    if value is None:
        return NOTHING
    if isinstance(value, str):
        try:
            return _TEXT + value.encode()
        except UnicodeEncodeError:
            raise UsageError(
                f"the index field {value!a} holds a lone surrogate; expected text of whole characters"
            ) from None
    below = float(value)
    if below > value:
        below = math.nextafter(below, -math.inf)
    left_over = int(value) - int(below) if isinstance(value, int) else 0
    return _NUMBER + _sortable(below) + left_over.to_bytes(2, "big")


def _sortable(number: float) -> bytes:
    (bits,) = _BITS.unpack(struct.pack(">d", number + 0.0))  # + 0.0: -0.0 is 0.0
    return _BITS.pack(bits ^ _ALL if bits & _SIGN else bits | _SIGN)
