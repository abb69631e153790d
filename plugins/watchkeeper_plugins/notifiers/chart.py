"""A small chart of a measurement's history as a PNG, drawn without a plotting library."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from watchkeeper.domain.alert import Notification

WIDTH: Final = 480
HEIGHT: Final = 120
_MARGIN: Final = 6
_WHITE, _BLUE, _RED, _GREY = 0, 1, 2, 3
_PALETTE: Final = bytes.fromhex("ffffff1f4e79c0392bd0d0d0")


def chart_of(notification: Notification) -> bytes | None:
    """The PNG of the first measurement's history with its threshold as a red line; None when there is too little."""
    numbers = [number for _, number in notification.history]
    if len(numbers) < 2 or not notification.measurements:
        return None
    return chart_png(np.asarray(numbers, dtype=np.float64), notification.measurements[0].details.get("threshold"))


def caption_of(notification: Notification) -> str:
    """What the chart shows, in words, for readers without pictures."""
    numbers = [number for _, number in notification.history]
    title = notification.measurements[0].title
    threshold = notification.measurements[0].details.get("threshold")
    beside = "" if threshold is None else f", threshold {threshold:.4g}"
    return f"{title}: the last {len(numbers)} checks, from {min(numbers):.4g} to {max(numbers):.4g}{beside}"


def chart_png(numbers: NDArray[np.float64], threshold: float | None = None) -> bytes:
    r"""A line through the numbers, (n,) float64, n at least 2, all finite; `WIDTH` by `HEIGHT` pixels. O(n + pixels).

    Examples
    --------
    >>> chart_png(np.array([0.9, 0.8, 0.6]), 0.7)[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    shown = numbers if threshold is None else np.append(numbers, threshold)
    low, high = float(shown.min()), float(shown.max())
    room = HEIGHT - 2 * _MARGIN - 1

    def rows(values: NDArray[np.float64]) -> NDArray[np.int64]:
        share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
        return np.asarray(np.rint(HEIGHT - 1 - _MARGIN - share * room), dtype=np.int64)

    pixels = np.full((HEIGHT, WIDTH), _WHITE, dtype=np.uint8)
    pixels[[0, -1], :] = _GREY
    pixels[:, [0, -1]] = _GREY
    if threshold is not None:
        pixels[rows(np.array([threshold]))[0], 1:-1:2] = _RED
    across = np.linspace(0.0, len(numbers) - 1.0, WIDTH - 2 * _MARGIN)
    line = rows(np.interp(across, np.arange(len(numbers)), numbers))
    for column, (start, end) in enumerate(pairwise(line), _MARGIN):
        top, bottom = (start, end) if start <= end else (end, start)
        pixels[top : bottom + 2, column] = _BLUE  # two pixels thick
    return _encoded(pixels)


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    """Palette indices, (height, width) uint8, as PNG (W3C, Portable Network Graphics, third edition)."""
    height, width = pixels.shape
    unfiltered = np.hstack([np.zeros((height, 1), dtype=np.uint8), pixels]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _PALETTE), (b"IDAT", zlib.compress(unfiltered, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
