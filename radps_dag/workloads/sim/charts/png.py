"""Grey values to a PNG."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["grey_png"]


def grey_png(values: NDArray[np.uint8], comment: str) -> bytes:
    """The bytes of a PNG of grey values (y, x), the first row at the top."""
    height, width = values.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)
    rows[:, 1:] = values
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + _chunk(b"tEXt", b"Comment\0" + comment.encode("latin-1"))
        + _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
